package main

import "math"

func headphones(l Look) *Model {
	m := stand(1.16, .80, l, func(p V) near {
		q := p.Sub(V{0, .535, 0})
		out := nothing()
		band := slab(math.Abs(hyp(q.X/.94, max(q.Y, 0))-.545)-.022, math.Abs(q.Z)-.085+.03*math.Abs(q.X), .02)
		out.add(max(band, .05-q.Y), 0)
		pad := slab(math.Abs(hyp(q.X/.94, max(q.Y, 0))-.505)-.03, math.Abs(q.Z)-.075, .03)
		out.add(max(pad, .26-q.Y), 1)
		x := math.Abs(q.X)
		out.add(slab(hyp(x-.512, 0)-.016, max(math.Abs(q.Z)-.022, math.Abs(q.Y+.02)-.20), .006), 2) // slider
		c := V{x - .44, q.Y + .27, q.Z}.TurnZ(-.10)
		side := V{c.Y, c.X, c.Z / .84}
		out.add(drum(side.Sub(V{0, .095, 0}), .255, .058, .045)*.9, 0)
		out.add((ringY(side.Sub(V{0, .0, 0}), .185, .078))*.9, 1)
		out.add(drum(side.Sub(V{0, .153, 0}), .15, .008, .004)*.9, 3)
		yoke := slab(math.Abs(hyp(c.Y, c.Z/.84)-.285)-.012, math.Abs(c.X-.085)-.03, .01)
		out.add(max(yoke, -c.Y-.02)*.9, 2)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return leather(p, l.B)
		case 2:
			return metal(l.C)
		case 3:
			return Mat{Col: l.A.Mul(1.06), F0: .05, Rough: .3}
		}
		return Mat{Col: l.A, F0: .04, Rough: .48}
	})
	m.Safe = .85
	return m
}

func speaker(l Look) *Model {
	return stand(1.3, .92, l, func(p V) near {
		q := p.Sub(V{0, .68, 0})
		shell := box(q, V{.40, .62, .34}, .05)
		face := rect(q.X, q.Y, .345, .565, .03)
		shell = cut(shell, slab(face, math.Abs(q.Z-.36)-.035, .004), .01)
		out := near{shell, 0}
		front := q.Z - .325
		for i, d := range []struct{ y, r float64 }{{-.20, .27}, {.30, .135}} {
			c := V{q.X, q.Y - d.y, q.Z - .325}
			r := hyp(c.X, c.Y)
			out.add(slab(math.Abs(r-d.r)-.025, math.Abs(c.Z)-.014, .008), 2)
			cone := max(r-d.r, math.Abs(c.Z+.05*(1-r/d.r)-.01)-.008) * .9
			out.add(cone, 3+i)
			out.add(max(sphere(V{c.X, c.Y, c.Z + d.r*.30}, d.r*.42), -front-.06), 5)
		}
		out.add(slab(face+.002, math.Abs(q.Z-.305)-.02, .003), 1)
		for _, x := range []float64{-.28, .28} {
			out.add(drum(p.Sub(V{x, .03, .2}), .05, .03, .01), 2)
			out.add(drum(p.Sub(V{x, .03, -.2}), .05, .03, .01), 2)
		}
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 0:
			return woods(V{p.Z * .6, p.X, p.Y}, l.Wood)
		case 1:
			return Mat{Col: l.A, F0: .04, Rough: .6}
		case 2:
			return metal(rgb(0x3a3a3c))
		case 3:
			r := hyp(p.X, p.Y-.48)
			return Mat{Col: l.B.Mul(.85 + .15*math.Sin(r*150)), F0: .03, Rough: .7}
		case 4:
			return satin(l.B)
		}
		return Mat{Col: l.C, F0: .06, Rough: .35}
	})
}

func puck(l Look) *Model {
	return stand(.86, .68, l, func(p V) near {
		out := near{drum(p.Sub(V{0, .42, 0}), .42, .36, .09), 0}
		out.add(drum(p.Sub(V{0, .07, 0}), .405, .055, .03), 1)
		out.add(drum(p.Sub(V{0, .775, 0}), .33, .018, .012), 1)
		for i := range 3 {
			q := p.Sub(V{-.12 + .12*float64(i), .795, .0})
			out.add(drum(q, .034, .008, .004), 2)
		}
		q := p.Sub(V{.40, .60, 0}) // a carrying loop
		loop := slab(math.Abs(hyp((q.X-.05)/.8, q.Y/1.35)-.13)-.010, math.Abs(q.Z)-.045, .008)
		out.add(max(loop*.8, -(radius(p)-.405)), 3)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return Mat{Col: l.B, F0: .04, Rough: .6}
		case 2:
			return satin(l.C)
		case 3:
			return leather(p, l.C)
		}
		a := math.Atan2(p.Z, p.X) * 60
		w := math.Sin(a+p.Y*130) * math.Sin(a-p.Y*130)
		return Mat{Col: l.A.Mul(.86 + .2*w + .12*(noise(p.Mul(60))-.5)), F0: .03, Rough: .9, Sheen: .25, Bump: V{0, .25 * w, 0}}
	})
}

func radio(l Look) *Model {
	return stand(.86, .88, l, func(p V) near {
		q := p.Sub(V{0, .42, 0})
		shell := box(q, V{.66, .36, .22}, .10)
		out := near{cut(shell, slab(rect(q.X+.26, q.Y, .31, .26, .06), math.Abs(q.Z-.24)-.035, .01), .012), 0}
		out.add(slab(rect(q.X+.26, q.Y, .315, .265, .06), math.Abs(q.Z-.19)-.02, .004), 1)
		d := V{q.X - .36, q.Y - .08, q.Z - .225}
		out.add(slab(hyp(d.X, d.Y)-.17, math.Abs(d.Z)-.012, .006), 2)
		out.add(slab(hyp(d.X, d.Y)-.07, math.Abs(d.Z-.02)-.035, .012), 3)
		for _, x := range []float64{.25, .36, .47} {
			out.add(slab(hyp(q.X-x, q.Y+.21)-.034, math.Abs(q.Z-.235)-.02, .008), 3)
		}
		h := V{q.X, q.Y - .33, q.Z}
		bar := arch(V{h.X, h.Y * 2.2, h.Z}, .46, .05, .02, .045, .015)
		out.add(bar*.45, 4)
		for _, x := range []float64{-.5, .5} {
			out.add(box(p.Sub(V{x, .03, 0}), V{.05, .035, .15}, .01), 3)
		}
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return canvas(p, l.C, 190)
		case 2:
			r := hyp(p.X-.36, p.Y-.50)
			a := math.Atan2(p.X-.36, p.Y-.50)
			if r > .115 && r < .15 && math.Abs(math.Mod(a*12/math.Pi+24.5, 1)-.5) < .09 {
				return matte(rgb(0x2b2b2b))
			}
			if math.Abs(a-.7) < .05 && r > .07 {
				return matte(rgb(0xc2452d))
			}
			return matte(rgb(0xf3ede0))
		case 3:
			return metal(rgb(0xd8c7a0))
		case 4:
			return leather(p, l.B)
		}
		if l.Wood >= 0 {
			return woods(V{p.Y, p.X * .7, p.Z}, l.Wood)
		}
		return Mat{Col: l.A, F0: .05, Rough: .32}
	})
}

func turntable(l Look) *Model {
	m := stand(.42, 1.08, l, func(p V) near {
		out := near{box(p.Sub(V{0, .16, 0}), V{.84, .09, .62}, .025), 0}
		c := p.Sub(V{-.16, .27, 0})
		out.add(drum(c, .53, .022, .008), 1)
		out.add(drum(p.Sub(V{-.16, .302, 0}), .50, .008, .003), 2)
		out.add(drum(p.Sub(V{-.16, .32, 0}), .014, .03, .008), 1)
		pivot := V{.60, .25, -.36}
		out.add(drum(p.Sub(pivot.Add(V{0, .05, 0})), .085, .06, .02), 1)
		a, b := pivot.Add(V{0, .15, 0}), V{.22, .37, .24}
		out.add(rod(p, pivot.Add(V{.09, .15, -.10}), a, .045, .035), 3)
		out.add(rod(p, a, b, .016, .014), 1)
		out.add(box(p.Sub(b.Add(V{-.03, -.02, .02})).TurnY(.75), V{.055, .025, .03}, .008), 3)
		out.add(drum(p.Sub(V{.62, .26, .42}), .055, .02, .01), 1)
		for _, x := range []float64{-.66, .66} {
			for _, z := range []float64{-.45, .45} {
				out.add(drum(p.Sub(V{x, .035, z}), .085, .035, .012), 3)
			}
		}
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return metal(rgb(0xcfcdc8))
		case 2:
			r := radius(p.Sub(V{-.16, 0, 0}))
			if r < .17 {
				return satin(l.C)
			}
			return Mat{Col: rgb(0x1d1c1c).Mul(.85 + .3*math.Sin(r*420)), F0: .08, Rough: .3}
		case 3:
			return black()
		}
		if l.Wood >= 0 {
			return woods(V{p.Y, p.X * .7, p.Z}, l.Wood)
		}
		return Mat{Col: l.A, F0: .05, Rough: .34}
	})
	m.Safe = .95
	return m
}

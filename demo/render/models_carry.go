package main

import "math"

func backpack(l Look) *Model {
	m := stand(1.50, .96, l, func(p V) near {
		p.Y += .02
		q := p.Sub(V{0, .64, 0})
		taper := 1 - .06*q.Y
		body := box(V{q.X / taper, q.Y, q.Z}, V{.45, .62, .235}, .14)
		body -= .018 * (fbm(p.Mul(3.1)) - .5)
		out := near{body, 0}
		pocket := box(p.Sub(V{0, .38, .215}), V{.36, .29, .11}, .075)
		out.add(pocket-.010*(fbm(p.Mul(4))-.5), 1)
		if l.Kind == 0 { // a flap closed by two straps
			flap := box(p.Sub(V{0, 1.10, .03}), V{.455, .22, .25}, .13)
			flap = max(flap, -(p.Y - .94 + .06*math.Cos(p.X*3)))
			out.add(flap-.004, 2)
			for _, x := range []float64{-.2, .2} {
				out.add(box(p.Sub(V{x, .90, .285}), V{.032, .20, .012}, .006), 3)
				out.add(box(p.Sub(V{x, .78, .30}), V{.045, .035, .012}, .006), 4)
			}
		} else { // a rolled top
			roll := rod(p, V{-.38, 1.30, .05}, V{.38, 1.30, .05}, .105, .105)
			out.add(union(roll, box(p.Sub(V{0, 1.2, .02}), V{.41, .10, .16}, .08), .05)-.008*(fbm(p.Mul(5))-.5), 0)
			out.add(box(p.Sub(V{0, 1.24, .135}), V{.036, .17, .03}, .01), 3)
			out.add(box(p.Sub(V{0, 1.10, .18}), V{.05, .035, .02}, .008), 4)
		}
		out.add(arch(p.Sub(V{0, 1.30, -.10}), .11, .06, .016, .03, .01), 3)
		side := V{math.Abs(p.X) - .30, p.Y - .72, p.Z + .27}
		strap := slab(math.Abs(hyp(side.Y/1.45, side.Z)-.30)-.018, math.Abs(side.X)-.055, .015)
		out.add(max(strap*.8, side.Z), 2)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 3:
			return leather(p, l.B)
		case 4:
			return brass()
		case 1:
			if math.Abs(p.Y-.56) < .010 && p.Z > .24 { // a zip
				return metal(rgb(0x8d8a82))
			}
		case 2:
			return canvas(p, l.C, 130)
		}
		if p.Y < .14 && l.Kind == 0 {
			return leather(p, l.B)
		}
		return canvas(p, l.A, 130)
	})
	m.Safe = .85
	return m
}

func tote(l Look) *Model {
	m := stand(1.40, .88, l, func(p V) near {
		q := p.Sub(V{0, .46, 0})
		open := .5 + .5*q.Y/.46 // wider and flatter towards the top
		w, d := lerp(.44, .54, open), lerp(.20, .13, open)
		side := rect(q.X, q.Z, w, d, .08) - .016*(fbm(p.Mul(3))-.5)
		skin := slab(math.Abs(side+.012)-.012, math.Abs(q.Y)-.46, .008)
		out := near{skin, 0}
		out.add(slab(side+.01, math.Abs(q.Y+.44)-.02, .01), 0)
		for _, z := range []float64{-.125, .125} {
			h := V{p.X, (p.Y - .94) / 1.5, p.Z - z}
			out.add(arch(h, .20, .16, .026, .010, .007)*.8, 1)
		}
		return out
	}, func(p, n V, part int) Mat {
		if part == 1 {
			if l.Kind == 1 {
				return canvas(p, l.B, 150)
			}
			return leather(p, l.B)
		}
		if l.Kind == 1 && p.Y < .30+.0*p.X { // dipped base
			return leather(p, l.B)
		}
		if l.Kind == 0 && n.Z > .6 && math.Abs(p.X) < .09 && math.Abs(p.Y-.22) < .04 {
			return leather(p, l.B)
		}
		return canvas(p, l.A, 110)
	})
	m.Safe = .85
	return m
}

func weekender(l Look) *Model {
	m := stand(1.06, 1.06, l, func(p V) near {
		p.Y += .02
		q := p.Sub(V{0, .40, 0})
		round := slab(rect(q.Y, q.Z, .38, .33, .24), math.Abs(q.X)-.78, .10)
		round -= .02 * (fbm(p.Mul(2.6)) - .5)
		out := near{round, 0}
		for _, x := range []float64{-.36, .36} {
			out.add(max(rect(q.Y, q.Z, .393, .343, .25), math.Abs(q.X-x)-.034)*.95, 1)
		}
		for _, z := range []float64{-.20, .20} {
			h := V{p.X, (p.Y - .70) / .95, p.Z - z}
			h.Z += math.Copysign(.16*clamp(h.Y, 0, .5), z)
			out.add(arch(h, .36, .02, .022, .028, .016)*.85, 1)
		}
		out.add(box(p.Sub(V{0, .785, 0}), V{.66, .010, .018}, .004), 2)
		out.add(box(p.Sub(V{.60, .80, .03}), V{.03, .012, .05}, .01), 1)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return leather(p, l.B)
		case 2:
			return metal(rgb(0xb08d4f))
		}
		if p.Y < .20 && l.Kind == 0 || math.Abs(p.X) > .70 {
			return leather(p, l.B)
		}
		return canvas(p, l.A, 120)
	})
	m.Safe = .82
	return m
}

func pouch(l Look) *Model {
	m := stand(.66, .78, l, func(p V) near {
		t := clamp(p.Y/.60, 0, 1)
		depth := lerp(.20, .035, t*t)
		w := lerp(.56, .60, t)
		d := slab(rect(p.X, p.Z, w, depth, min(depth, .12)), math.Abs(p.Y-.30)-.30, .03)
		d -= .014 * (fbm(p.Mul(3.4)) - .5) * step(.62, .4, p.Y)
		out := near{d * .85, 0}
		out.add(box(p.Sub(V{0, .605, 0}), V{.55, .016, .016}, .006), 1)
		out.add(box(p.Sub(V{.47, .54, .06}).TurnX(-.25), V{.028, .075, .008}, .007), 2)
		out.add(ring(p.Sub(V{.47, .615, .03}), .022, .007), 1)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return metal(rgb(0xb9975a))
		case 2:
			return leather(p, l.B)
		}
		if l.Kind == 1 {
			return leather(p, l.A)
		}
		if p.Y < .17 {
			return leather(p, l.B)
		}
		return canvas(p, l.A, 140)
	})
	m.Safe = .85
	return m
}

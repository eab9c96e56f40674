package main

import "math"

// notebook is one standing open a little at an angle on another that lies.
func notebook(l Look) *Model {
	m := stand(.66, .82, l, func(p V) near {
		out := nothing()
		book := func(q V, cover, pages, band int) {
			leaf := box(q, V{.40, .045, .56}, .004)
			out.add(box(q.Sub(V{.008, 0, 0}), V{.385, .036, .55}, .004), pages)
			out.add(max(leaf, -(math.Abs(q.Y)-.034))-.002, cover)
			out.add(box(q.Sub(V{-.39, 0, 0}), V{.014, .047, .56}, .008), cover)
			if band >= 0 {
				out.add(math.Abs(box(q, V{.403, .048, .563}, .006))-.003+step(.012, .02, math.Abs(q.X-.30))*.05, band)
			}
		}
		book(p.Sub(V{0, .05, .05}).TurnY(.12), 0, 1, 2)
		book(p.Sub(V{.02, .147, .03}).TurnY(-.16), 3, 1, -1)
		book(p.Sub(V{-.02, .243, .06}).TurnY(.05), 4, 1, 2)
		out.add(rod(p, V{-.16, .318, .34}, V{.22, .318, -.26}, .026, .026), 5)
		out.add(rod(p, V{.22, .318, -.26}, V{.262, .318, -.326}, .026, .004), 6)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return matte(rgb(0xf4ecdc).Mul(.88 + .12*math.Sin(p.Y*700)))
		case 2:
			return matte(l.C)
		case 3:
			return canvas(p, l.B, 160)
		case 4:
			return canvas(p, l.A, 160)
		case 5:
			return satin(l.C)
		case 6:
			return woods(p, 2)
		}
		return canvas(p, l.C.Mul(.9), 160)
	})
	m.Centre.Y, m.Safe = .18, .9
	return m
}

func clock(l Look) *Model {
	m := stand(1.06, .76, l, func(p V) near {
		q := p.Sub(V{0, .53, 0})
		r := hyp(q.X, q.Y)
		body := slab(r-.52, math.Abs(q.Z)-.13, .05)
		if l.Kind == 1 {
			body = box(q, V{.50, .50, .14}, .10)
		}
		body = cut(body, slab(r-.43, math.Abs(q.Z-.14)-.05, .006), .012)
		out := near{body, 0}
		out.add(slab(r-.435, math.Abs(q.Z-.082)-.02, .002), 1)
		hand := func(angle, long, wide float64, part int, z float64) {
			h := V{q.X, q.Y, q.Z - z}.TurnZ(angle)
			out.add(slab(rect(h.X, h.Y-long/2+.03, wide, long/2+.03, wide), math.Abs(h.Z)-.005, .002), part)
		}
		hand(-5.28, .22, .020, 2, .105) // ten past ten, as every watchmaker shows it
		hand(1.05, .32, .014, 2, .116)
		hand(3.6, .34, .006, 3, .126)
		out.add(slab(r-.032, math.Abs(q.Z-.115)-.02, .006), 3)
		for _, x := range []float64{-.26, .26} {
			out.add(rod(p, V{x * .8, .18, 0}, V{x, .04, .05}, .045, .035), 4)
		}
		return out
	}, func(p, n V, part int) Mat {
		q := p.Sub(V{0, .53, 0})
		switch part {
		case 1:
			r, a := hyp(q.X, q.Y), math.Atan2(q.X, q.Y)
			quarter := math.Abs(math.Mod(a/(math.Pi/6)+12.5, 1)-.5) * math.Pi / 6 * r
			minute := math.Abs(math.Mod(a/(math.Pi/30)+60.5, 1)-.5) * math.Pi / 30 * r
			if r > .31 && r < .38 && quarter < .011 || r > .365 && r < .38 && minute < .004 {
				return matte(l.C)
			}
			return Mat{Col: l.B, F0: .03, Rough: .7}
		case 2:
			return satin(l.C)
		case 3:
			return brass()
		case 4:
			return woods(p, max(l.Wood, 0))
		}
		if l.Wood >= 0 && l.Kind == 0 {
			return woods(V{p.Z, p.X, p.Y}, l.Wood)
		}
		return Mat{Col: l.A, F0: .045, Rough: .45}
	})
	return m
}

func penPot(l Look) *Model {
	cup := lathe(hollow(smooth(P{.30, 0}, P{.33, .02}, P{.335, .08}, P{.335, .40}, P{.335, .66}), .035, .06))
	colours := []V{rgb(0xd8a23a), l.B, rgb(0x2e3440), l.C}
	m := stand(1.22, .76, l, func(p V) near {
		d := cup(p) - .008
		if l.Kind == 1 {
			d += .012 * math.Abs(math.Sin(math.Atan2(p.Z, p.X)*9)) * step(.02, .06, p.Y) * step(.67, .63, p.Y)
		}
		out := near{d, 0}
		for i := range 4 {
			f := float64(i)
			a, b := V{.10 * math.Cos(f*2), .08, .10 * math.Sin(f*2)}, V{.24 * math.Cos(f*1.7+.5), 1.02 + .05*math.Sin(f*5), .24 * math.Sin(f*1.7+.5)}
			axis := b.Sub(a).Unit()
			out.add(rod(p, a, b, .034, .034), 1+i)
			out.add(rod(p, b, b.Add(axis.Mul(.09)), .034, .006), 5)
		}
		return out
	}, func(p, n V, part int) Mat {
		switch {
		case part == 5:
			return woods(p, 2)
		case part > 0:
			return satin(colours[part-1])
		}
		if l.Wood >= 0 {
			return woods(p, l.Wood)
		}
		if l.Kind == 1 {
			return glazed(p, n, l.A, l.A.Mul(1.2))
		}
		return Mat{Col: blend(l.A, l.A.Mul(.6), dots(p.Mul(13), .3)), F0: .03, Rough: .6}
	})
	m.Safe = .85
	return m
}

func tray(l Look) *Model {
	m := stand(.26, .94, l, func(p V) near {
		outer := slab(rect(p.X, p.Z, .78, .44, .10), math.Abs(p.Y-.11)-.10, .03)
		hole := func(x, z, w, d float64) float64 {
			return slab(rect(p.X-x, p.Z-z, w, d, .06), math.Abs(p.Y-.21)-.15, .03)
		}
		d := cut(outer, min(hole(-.38, 0, .34, .37), min(hole(.34, -.19, .34, .18), hole(.34, .20, .34, .17))), .02)
		out := near{d, 0}
		out.add(rod(p, V{.06, .115, .20}, V{.60, .115, .20}, .03, .03), 1)
		out.add(ringY(p.Sub(V{.30, .085, -.19}), .075, .012), 2)
		out.add(box(p.Sub(V{-.38, .12, 0}).TurnY(.3), V{.16, .05, .22}, .012), 3)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return satin(l.C)
		case 2:
			return brass()
		case 3:
			return canvas(p, l.B, 160)
		}
		if l.Wood >= 0 {
			return woods(V{p.Y, p.X * .7, p.Z}, l.Wood)
		}
		if l.Kind == 1 {
			return leather(p, l.A)
		}
		return Mat{Col: l.A, F0: .04, Rough: .55}
	})
	return m
}

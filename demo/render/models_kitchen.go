package main

import "math"

func bottle(l Look) *Model {
	body := lathe(solid(smooth(P{.255, 0}, P{.285, .02}, P{.30, .08}, P{.30, .95}, P{.285, 1.06}, P{.20, 1.20}, P{.175, 1.24}, P{.175, 1.30})))
	return stand(1.62, .92, l, func(p V) near {
		out := near{body(p) - .006, 0}
		out.add(drum(p.Sub(V{0, 1.305, 0}), .186, .014, .006), 1)
		lid := drum(p.Sub(V{0, 1.40, 0}), .195, .075, .025)
		lid += .005 * math.Cos(math.Atan2(p.Z, p.X)*22) * step(.15, .19, radius(p))
		out.add(lid, 2)
		q := p.Sub(V{0, 1.47, 0})
		loop := arch(q, .12, .02, .018, .035, .015)
		if l.Kind == 0 {
			out.add(loop, 2)
		} else {
			out.add(drum(p.Sub(V{0, 1.495, 0}), .16, .028, .012), 3)
		}
		out.add(drum(p.Sub(V{0, .02, 0}), .293, .02, .008), 1)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return steel()
		case 2:
			if l.Kind == 1 {
				return steel()
			}
			return satin(l.B)
		case 3:
			return woods(V{p.Y, p.X, p.Z}, l.Wood)
		}
		if math.Abs(p.Y-.24) < .012 && n.Z > .7 && math.Abs(p.X) < .07 {
			return matte(l.C)
		}
		grain := func(q V) float64 { return noise(q.Mul(130)) }
		return Mat{Col: l.A, F0: .045, Rough: .5, Bump: bumps(p, .0009, grain)}
	})
}

func carafe(l Look) *Model {
	glass := lathe(hollow(smooth(P{.30, 0}, P{.36, .02}, P{.43, .18}, P{.42, .42}, P{.26, .78}, P{.15, 1.0}, P{.14, 1.12}, P{.20, 1.28}), .018, .045))
	water := lathe(solid(smooth(P{.30, .05}, P{.345, .065}, P{.405, .19}, P{.395, .42}, P{.345, .53})))
	m := stand(1.5, .86, l, func(p V) near {
		out := near{glass(p) - .004, 0}
		if l.Kind == 1 {
			out.add(water(p)-.002, 1)
		}
		out.add(sphere(p.Sub(V{0, 1.34, 0}), .165), 2)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return Mat{Col: rgb(0xf3fbfb), Glass: true}
		case 2:
			return woods(V{p.Z, p.X, p.Y}, l.Wood)
		}
		return Mat{Col: l.A, Glass: true}
	})
	m.Pass = .62
	return m
}

func board(l Look) *Model {
	return stand(1.5, .86, l, func(p V) near {
		p = p.Sub(V{0, .02, -.06}).TurnX(.16) // leans back
		q := p.Sub(V{0, .62, 0})
		var flat float64
		if l.Kind == 1 {
			flat = hyp(q.X, q.Y+.10) - .50
			flat = union(flat, rect(q.X, q.Y-.56, .085, .26, .085), .12)
		} else {
			flat = rect(q.X, q.Y+.08, .44, .52, .09)
			flat = union(flat, rect(q.X, q.Y-.58, .10, .26, .10), .10)
		}
		flat = max(flat, -(hyp(q.X, q.Y-.70) - .04))
		return near{slab(flat, math.Abs(q.Z)-.035, .022), 0}
	}, func(p, n V, _ int) Mat {
		q := V{p.X*.8 + .3, p.Y, p.Z*3 + .4}
		if l.Kind == 0 && math.Mod(p.X+4, .22) < .006 { // glued staves
			return woods(q.Add(V{math.Floor(p.X / .22), 0, 0}), l.Wood)
		}
		m := woods(q.Add(V{1.7 * math.Floor((p.X+4)/.22), 0, 0}), l.Wood)
		if l.Kind == 1 {
			m = woods(q, l.Wood)
		}
		return m
	})
}

func mill(l Look) *Model {
	base := lathe(solid(smooth(P{.25, 0}, P{.275, .03}, P{.265, .16}, P{.17, .36}, P{.15, .52}, P{.20, .72}, P{.215, .84})))
	head := lathe(solid(smooth(P{.21, .875}, P{.225, .92}, P{.235, 1.02}, P{.20, 1.16}, P{.10, 1.25}, P{.05, 1.265})))
	if l.Kind == 1 {
		base = lathe(solid(smooth(P{.20, 0}, P{.22, .015}, P{.222, .06}, P{.222, .50}, P{.222, .84})))
		head = lathe(solid(smooth(P{.222, .875}, P{.222, .95}, P{.222, 1.10}, P{.19, 1.20}, P{.12, 1.22})))
	}
	return stand(1.36, .78, l, func(p V) near {
		out := near{base(p) - .01, 0}
		out.add(head(p)-.01, 1)
		out.add(drum(p.Sub(V{0, .86, 0}), .205, .02, .004), 2)
		out.add(sphere(p.Sub(V{0, 1.305, 0}), .05), 2)
		return out
	}, func(p, n V, part int) Mat {
		switch {
		case part == 2:
			return brass()
		case l.Kind == 1 && part == 0, l.Wood < 0:
			return Mat{Col: l.A, F0: .045, Rough: .38}
		}
		return woods(p.Add(V{.3, 0, .2}), l.Wood)
	})
}

func canister(l Look) *Model {
	return stand(1.08, .74, l, func(p V) near {
		d := drum(p.Sub(V{0, .42, 0}), .44, .42, .045)
		if l.Kind == 1 {
			d += .007 * math.Cos(math.Atan2(p.Z, p.X)*40) * (1 - step(.70, .78, math.Abs(p.Y-.42)*2))
		}
		out := near{d, 0}
		out.add(drum(p.Sub(V{0, .89, 0}), .425, .05, .018), 1)
		out.add(drum(p.Sub(V{0, .845, 0}), .415, .012, .004), 2)
		out.add(union(drum(p.Sub(V{0, .965, 0}), .04, .03, .01), sphere(p.Sub(V{0, 1.02, 0}), .075), .03), 1)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return woods(V{p.Z, p.X, p.Y}, l.Wood)
		case 2:
			return matte(rgb(0xe8e2d6))
		}
		if l.Kind == 0 {
			if n.Z > .5 && math.Abs(p.X) < .12 && math.Abs(p.Y-.44) < .07 { // a pressed label
				return matte(l.A.Mul(.86))
			}
			return speckled(p, l.A, l.B, .09)
		}
		return satin(l.A)
	})
}

package main

import "math"

func stool(l Look) *Model {
	return stand(1.14, .80, l, func(p V) near {
		seat := drum(p.Sub(V{0, 1.06, 0}), .44, .045, .03) + .018*(1-step(0, .42, radius(p)))*step(1.05, 1.1, p.Y)
		out := near{seat, 0}
		n := 3 + l.Kind
		q := fold(p, n)
		out.add(rod(q, V{.26, 1.03, 0}, V{.46, .035, 0}, .048, .032), 1)
		if l.Kind == 1 {
			out.add(ringY(p.Sub(V{0, .34, 0}), .395, .018), 2)
		}
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 0:
			if l.Wood < 0 || l.Kind == 1 {
				return leatherOr(p, l)
			}
			return woods(V{p.Z, p.X, p.Y}, l.Wood)
		case 2:
			return brass()
		}
		return woods(p, max(l.Wood, 0))
	})
}

func leatherOr(p V, l Look) Mat {
	if l.Kind == 1 {
		return leather(p, l.A)
	}
	return satin(l.A)
}

func sideTable(l Look) *Model {
	return stand(1.0, .84, l, func(p V) near {
		var out near
		if l.Kind == 0 { // a tray on a stem
			top := drum(p.Sub(V{0, .93, 0}), .52, .05, .02)
			top = cut(top, drum(p.Sub(V{0, .98, 0}), .49, .055, .01), .015)
			out = near{top, 0}
			out.add(drum(p.Sub(V{0, .47, 0}), .04, .43, .01), 1)
			out.add(drum(p.Sub(V{0, .02, 0}), .34, .02, .01), 1)
			return out
		}
		out = near{drum(p.Sub(V{0, .95, 0}), .54, .03, .02), 0}
		out.add(rod(fold(p, 3), V{.36, .93, 0}, V{.44, .03, 0}, .042, .030), 1)
		out.add(drum(p.Sub(V{0, .40, 0}), .40, .014, .008), 0)
		return out
	}, func(p, n V, part int) Mat {
		switch {
		case part == 0 && l.Wood < 0:
			return stone(p, l.A)
		case part == 0:
			return woods(V{p.Z, p.X, p.Y}, l.Wood)
		case l.Kind == 0:
			return Mat{Col: l.B, F0: .05, Rough: .4}
		}
		return woods(p, max(l.Wood, 0))
	})
}

func chair(l Look) *Model {
	m := stand(1.62, 1.0, l, func(p V) near {
		q := V{math.Abs(p.X), p.Y, p.Z}
		sag := .03 * (1 - step(0, .5, radius(p)))
		seat := slab(rect(p.X, p.Z, .46, .43, .14), math.Abs(p.Y-.84+sag)-.035, .03)
		out := near{seat * .95, 0}
		out.add(rod(q, V{.34, .82, .32}, V{.41, .03, .42}, .042, .028), 1)
		out.add(rod(q, V{.36, .84, -.34}, V{.40, .03, -.44}, .042, .028), 1)
		out.add(rod(q, V{.36, .84, -.34}, V{.40, 1.42, -.48}, .036, .030), 1)
		out.add(rod(q, V{.375, .42, .37}, V{.38, .42, -.39}, .02, .02), 1)
		bow := .13 * (1 - (p.X/.46)*(p.X/.46)) // the back is bent round the sitter
		b := V{p.X, p.Y - 1.40, p.Z + .45 + bow}
		back := slab(rect(b.X, b.Y, .45, .15, .09), math.Abs(b.Z)-.022, .02)
		out.add(back*.9, 2)
		return out
	}, func(p, n V, part int) Mat {
		if part == 0 && l.Kind == 1 {
			return canvas(p, l.A, 120)
		}
		if l.Wood < 0 {
			return Mat{Col: l.B, F0: .04, Rough: .5}
		}
		if part == 0 {
			return woods(V{p.Y, p.Z, p.X}, l.Wood)
		}
		if part == 2 {
			return woods(V{p.Y, p.X, p.Z}, l.Wood)
		}
		return woods(p, l.Wood)
	})
	m.Safe = .95
	return m
}

func bench(l Look) *Model {
	return stand(.80, 1.14, l, func(p V) near {
		q := V{math.Abs(p.X), p.Y, math.Abs(p.Z)}
		out := nothing()
		if l.Kind == 1 {
			cushion := box(p.Sub(V{0, .70, 0}), V{.98, .085, .33}, .075)
			cushion += .012 * math.Exp(-math.Pow(math.Mod(math.Abs(p.X)+.16, .326)-.163, 2)*900)
			out.add(cushion, 0)
			out.add(box(p.Sub(V{0, .59, 0}), V{.96, .03, .31}, .01), 1)
		} else {
			out.add(box(p.Sub(V{0, .70, 0}), V{1.0, .045, .32}, .02), 1)
		}
		out.add(rod(q, V{.82, .60, .22}, V{.90, .03, .27}, .05, .032), 1)
		out.add(box(p.Sub(V{0, .30, 0}), V{.86, .02, .03}, .01), 1)
		out.add(rod(q, V{.86, .30, 0}, V{.86, .30, .25}, .02, .02), 1)
		return out
	}, func(p, n V, part int) Mat {
		if part == 0 {
			return canvas(p, l.A, 110)
		}
		return woods(V{p.Y, p.X*.6 + .2, p.Z}, l.Wood)
	})
}

func pouf(l Look) *Model {
	m := stand(.66, .82, l, func(p V) near {
		p.Y += .035 // the rounded cut ends above the floor
		d := ellipsoid(p.Sub(V{0, .33, 0}), V{.70, .40, .70})
		d = -union(-d, -(math.Abs(p.Y-.33) - .33), .12)
		if l.Kind == 1 {
			a := math.Atan2(p.Z, p.X)
			d += .022 * math.Pow(math.Abs(math.Cos(a*5)), 8) * step(.05, .3, radius(p))
			return near{union(d, drum(p.Sub(V{0, .66, 0}), .06, .012, .01), .03), 0}
		}
		return near{d + .008*math.Sin(radius(p)*70+p.Y*60), 0}
	}, func(p, n V, part int) Mat {
		if l.Kind == 1 {
			if p.Y > .655 && radius(p) < .065 {
				return leather(p, l.B)
			}
			return leather(p, l.A)
		}
		return knit(p, l.A, 46)
	})
	m.Safe = .75
	return m
}

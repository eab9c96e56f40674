package main

import "math"

var warm = V{1, .80, .52}

func lamp(l Look) *Model {
	base := lathe(solid(smooth(P{.34, 0}, P{.365, .03}, P{.34, .09}, P{.14, .15}, P{.09, .28}, P{.155, .46}, P{.185, .60}, P{.12, .80}, P{.05, .89})))
	if l.Kind == 1 {
		base = lathe(solid(smooth(P{.20, 0}, P{.26, .02}, P{.37, .22}, P{.385, .44}, P{.30, .68}, P{.14, .82}, P{.07, .89})))
	}
	m := stand(1.76, 1.02, l, func(p V) near {
		out := near{base(p) - .01, 0}
		out.add(drum(p.Sub(V{0, 1.0, 0}), .02, .2, .004), 1)
		r := radius(p)
		ry := .56 - (p.Y-1.04)*.30
		out.add(slab(math.Abs(r-ry)*.95-.006, math.Abs(p.Y-1.38)-.34, .004), 2)
		out.add(sphere(p.Sub(V{0, 1.30, 0}), .10), 3)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return brass()
		case 2:
			k := math.Exp(-math.Pow((p.Y-1.30)/.30, 2))
			a := math.Atan2(p.Z, p.X)
			c := l.B.Mul(.95 + .05*math.Sin(a*180)*math.Sin(p.Y*260))
			if p.Y > 1.70 || p.Y < 1.06 {
				return matte(c.Mul(.85))
			}
			return Mat{Col: c, F0: .02, Rough: 1, Emit: c.Tint(warm).Mul(.10 + .42*k)}
		case 3:
			return glow(warm, 1.3)
		}
		if l.Kind == 1 {
			return glazed(p, n, l.A, l.C)
		}
		return woods(p, l.Wood)
	})
	m.Safe = .95
	return m
}

func pendant(l Look) *Model {
	shade := lathe(shell(smooth(P{.68, .62}, P{.67, .70}, P{.61, .86}, P{.46, 1.03}, P{.24, 1.14}, P{.09, 1.20}, P{.07, 1.30}), .016))
	if l.Kind == 1 {
		shade = lathe(shell(smooth(P{.52, .55}, P{.49, .66}, P{.40, .85}, P{.29, 1.02}, P{.16, 1.16}, P{.08, 1.22}, P{.065, 1.30}), .016))
	}
	m := &Model{Centre: V{0, 1.02, 0}, Radius: .92, BG: l.BG, Safe: .9, Pass: .7, Dist: func(p V) near {
		out := near{max(shade(p)-.006, -(hyp(radius(p), p.Y-1.1) - .06)), 0}
		out.add(drum(p.Sub(V{0, 1.33, 0}), .06, .05, .012), 1)
		out.add(drum(p.Sub(V{0, 2.2, 0}), .012, .85, .002), 2)
		out.add(sphere(p.Sub(V{0, .80, 0}), .13), 3)
		return out
	}, Mat: func(p, n V, part int) Mat {
		switch part {
		case 1:
			return brass()
		case 2:
			return matte(rgb(0x2a2826))
		case 3:
			return glow(warm, 1.25)
		}
		if n.Y < .02 && radius(p) < .66 && p.Y > .57 && n.Dot(V{p.X, 0, p.Z}) < 0 { // inside
			k := math.Exp(-sphere(p.Sub(V{0, .80, 0}), .13) * 3)
			return Mat{Col: l.B, F0: .02, Rough: 1, Emit: l.B.Tint(warm).Mul(.9 * k)}
		}
		return Mat{Col: l.A, F0: .05, Rough: .3}
	}}
	return m
}

func candle(l Look) *Model {
	cup := lathe(hollow(smooth(P{.36, 0}, P{.40, .02}, P{.42, .10}, P{.42, .5}, P{.42, .80}), .035, .06))
	m := stand(1.02, .74, l, func(p V) near {
		out := near{cup(p) - .008, 0}
		out.add(drum(p.Sub(V{0, .34, 0}), .38, .28, .02)-.012*noise(p.Mul(5)), 1)
		out.add(rod(p, V{0, .6, 0}, V{.01, .69, 0}, .012, .010), 2)
		q := p.Sub(V{.012, .76, 0})
		q.Y *= .48
		out.add(sphere(q, .045*(1-.5*step(-.01, .05, q.Y)))*.7, 3)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			k := math.Exp(-radius(p) * 3.2)
			return Mat{Col: l.C, F0: .03, Rough: .5, Emit: V{1, .78, .45}.Mul(.45 * k)}
		case 2:
			return matte(rgb(0x2b2420))
		case 3:
			return Mat{Col: V{1, .85, .5}, Rough: 1, Emit: blend(V{1, .62, .2}, V{1, .95, .75}, step(.80, .70, p.Y)).Mul(1.2)}
		}
		inner := Mat{}
		if n.Dot(V{p.X, 0, p.Z}) < 0 && p.Y > .5 {
			inner.Emit = V{1, .72, .4}.Mul(.18)
		}
		if l.Kind == 1 {
			m := stone(p, l.A)
			m.Emit = inner.Emit
			return m
		}
		m := Mat{Col: l.A.Mul(.95 + .1*noise(p.Mul(30))), F0: .04, Rough: .55, Emit: inner.Emit}
		if n.Z > .75 && math.Abs(p.X) < .17 && math.Abs(p.Y-.40) < .14 { // paper label
			m = matte(rgb(0xf6f1e7))
			if math.Abs(p.Y-.45) < .014 && math.Abs(p.X) < .10 || math.Abs(p.Y-.37) < .007 && math.Abs(p.X) < .07 {
				m = matte(l.B)
			}
		}
		return m
	})
	m.Safe = .9
	return m
}

func domeLamp(l Look) *Model {
	stem := lathe(solid(smooth(P{.30, 0}, P{.32, .02}, P{.31, .06}, P{.17, .12}, P{.14, .3}, P{.15, .66}, P{.18, .74})))
	m := stand(1.22, .84, l, func(p V) near {
		out := near{stem(p) - .01, 0}
		q := p.Sub(V{0, .68, 0})
		dome := math.Abs(ellipsoid(q, V{.58, .50, .58})) - .012
		out.add(max(dome, -q.Y)-.006, 1)
		out.add(sphere(p.Sub(V{0, .86, 0}), .15), 2)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 0:
			if l.Kind == 1 {
				return brass()
			}
			return satin(l.A)
		case 2:
			return glow(warm, 1.2)
		}
		if n.Dot(p.Sub(V{0, .6, 0})) < 0 {
			return Mat{Col: l.B, Rough: 1, Emit: warm.Mul(.75)}
		}
		k := .06 + .20*math.Exp(-math.Pow((p.Y-.86)/.28, 2))
		if l.Kind == 1 { // opal glass all over
			return Mat{Col: l.B, F0: .05, Rough: .2, Emit: l.B.Tint(V{1, .86, .66}).Mul(k)}
		}
		return Mat{Col: l.A, F0: .05, Rough: .34}
	})
	m.Safe = .85
	return m
}

func taskLamp(l Look) *Model {
	elbow, tip := V{-.42, .92, 0}, V{.26, 1.42, 0}
	m := stand(1.55, 1.02, l, func(p V) near {
		out := near{drum(p.Sub(V{-.10, .035, 0}), .34, .035, .02), 0}
		out.add(rod(p, V{-.10, .06, 0}, elbow, .022, .022), 1)
		out.add(rod(p, elbow, tip, .020, .020), 1)
		out.add(slab(hyp(p.X-elbow.X, p.Y-elbow.Y)-.055, math.Abs(p.Z)-.045, .01), 2)
		out.add(slab(hyp(p.X-tip.X, p.Y-tip.Y)-.05, math.Abs(p.Z)-.045, .01), 2)
		q := p.Sub(tip).TurnZ(-.42) // the head looks down and outwards
		q.Y += .10
		cone := math.Abs(radius(q)-(.16-.42*(q.Y-.02)))*.9 - .008
		head := slab(cone, math.Abs(q.Y+.12)-.22, .006)
		out.add(head, 0)
		out.add(drum(q.Sub(V{0, .10, 0}), .075, .06, .02), 0)
		out.add(sphere(q.Sub(V{0, -.16, 0}), .10), 3)
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return steelOr(l.Kind == 1)
		case 2:
			return black()
		case 3:
			return glow(warm, 1.3)
		}
		if n.Y < -.05 && p.Y > .8 && sphere(p.Sub(V{.40, 1.18, 0}), .33) < 0 {
			return Mat{Col: rgb(0xfaf4e8), Rough: 1, Emit: warm.Mul(.55)}
		}
		return Mat{Col: l.A, F0: .05, Rough: .3}
	})
	m.Centre.X = .05
	m.Safe = .85
	return m
}

func steelOr(b bool) Mat {
	if b {
		return brass()
	}
	return steel()
}

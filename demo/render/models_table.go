package main

import "math"

// Look is what distinguishes one colourway of a model from another.
type Look struct {
	A, B, C V // main, second and accent colour
	Wood    int
	Kind    int // a variation of form
	BG      V
}

func stand(height, radius float64, l Look, dist func(p V) near, mat func(p, n V, part int) Mat) *Model {
	return &Model{Centre: V{0, height / 2, 0}, Radius: radius, BG: l.BG, Dist: dist, Mat: mat, Safe: 1}
}

func mug(l Look) *Model {
	outer := smooth(P{.38, 0}, P{.435, .02}, P{.465, .14}, P{.47, .5}, P{.465, .8}, P{.475, .95})
	if l.Kind == 1 {
		outer = smooth(P{.26, 0}, P{.31, .02}, P{.44, .18}, P{.50, .42}, P{.465, .66}, P{.40, .80}, P{.415, .88})
	}
	body := lathe(hollow(outer, .045, .07))
	return stand(.93, .80, l, func(p V) near {
		d := body(p) - .012
		h := V{p.X - .49, (p.Y - .49) / 1.18, p.Z}
		handle := slab(math.Abs(hyp(h.X, h.Y)-.225)-.034, math.Abs(h.Z)-.055, .032)
		if in := radius(p) - .44; in < .06 {
			handle = max(handle, -in)
		}
		return near{union(d, handle, .05), 0}
	}, func(p, n V, _ int) Mat {
		if l.Kind == 1 {
			return glazed(p, n, l.A, l.C)
		}
		return speckled(p, l.A, l.B, .20)
	})
}

func bowl(l Look) *Model {
	outer := smooth(P{.24, 0}, P{.27, .015}, P{.28, .05}, P{.42, .14}, P{.58, .30}, P{.66, .46})
	if l.Kind == 1 {
		outer = smooth(P{.30, 0}, P{.33, .01}, P{.345, .05}, P{.62, .10}, P{.76, .19}, P{.80, .28})
	}
	body := lathe(hollow(outer, .035, .075))
	size := .92
	if l.Kind == 1 {
		size = .98
	}
	return stand(.42, size, l, func(p V) near { return near{(body(p) - .014) * .9, 0} }, func(p, n V, _ int) Mat {
		m := speckled(p, l.A, l.B, .10)
		if radius(p) < .62 && n.Y > .1 && p.Y < .45 { // inside: the second glaze
			m = glazed(p, n, l.C, l.C.Mul(1.15))
		}
		return m
	})
}

func vase(l Look) *Model {
	profiles := [][]P{
		smooth(P{.20, 0}, P{.28, .03}, P{.42, .3}, P{.45, .58}, P{.31, .95}, P{.15, 1.22}, P{.125, 1.42}, P{.185, 1.55}),
		smooth(P{.24, 0}, P{.34, .03}, P{.58, .30}, P{.64, .56}, P{.56, .84}, P{.32, 1.06}, P{.2, 1.13}, P{.215, 1.19}),
		smooth(P{.32, 0}, P{.36, .02}, P{.37, .1}, P{.33, .55}, P{.29, 1.0}, P{.33, 1.4}, P{.41, 1.55}),
	}
	body := lathe(hollow(profiles[l.Kind], .032, .08))
	height := []float64{1.55, 1.19, 1.55}[l.Kind]
	m := stand(height, []float64{.92, .82, .9}[l.Kind], l, func(p V) near {
		d := body(p) - .012
		if l.Kind == 0 { // flutes that turn with height and end before neck and foot
			k := step(.04, .3, p.Y) * (1 - step(.95, 1.3, p.Y))
			d += .014 * k * math.Abs(math.Sin((math.Atan2(p.Z, p.X)+p.Y*.8)*13))
		}
		if l.Kind == 2 {
			d += .006 * math.Sin(p.Y*70)
		}
		return near{d, 0}
	}, func(p, n V, _ int) Mat {
		switch l.Kind {
		case 0:
			t := step(.1, 1.5, p.Y+.16*fbm(p.Mul(3)))
			return gloss(blend(l.A, l.B, t))
		case 1: // one glaze dipped over another
			edge := .62 + .05*math.Sin(math.Atan2(p.Z, p.X)*3) + .03*noise(p.Mul(6))
			return blendMat(speckled(p, l.A, l.A, -1), glazed(p, n, l.B, l.B), step(edge-.006, edge+.006, p.Y))
		}
		return Mat{Col: l.A.Mul(.94 + .12*noise(p.Mul(40))), F0: .03, Rough: .8}
	})
	m.Safe = .85
	return m
}

func blendMat(a, b Mat, t float64) Mat {
	return Mat{Col: blend(a.Col, b.Col, t), F0: lerp(a.F0, b.F0, t), Rough: lerp(a.Rough, b.Rough, t)}
}

func teapot(l Look) *Model {
	body := lathe(hollow(smooth(P{.26, 0}, P{.33, .02}, P{.50, .18}, P{.56, .38}, P{.48, .58}, P{.28, .70}, P{.22, .71}), .04, .06))
	lid := lathe(solid(append(smooth(P{.23, .70}, P{.225, .735}, P{.14, .78}, P{.05, .80}, P{.035, .83}), smooth(P{.06, .86}, P{.07, .90}, P{.045, .94}, P{.012, .945})...)))
	m := stand(.98, .92, l, func(p V) near {
		d := body(p) - .012
		spout := min(rod(p, V{-.45, .26, 0}, V{-.68, .46, 0}, .12, .072), rod(p, V{-.68, .46, 0}, V{-.80, .66, 0}, .072, .05))
		spout = max(spout, -rod(p, V{-.74, .56, 0}, V{-.86, .76, 0}, .03, .03))
		d = union(d, spout, .08)
		out := near{d, 0}
		out.add(lid(p)-.008, 0)
		if l.Kind == 0 { // a loop at the back
			h := V{p.X - .54, (p.Y - .40) / 1.05, p.Z}
			loop := slab(math.Abs(hyp(h.X, h.Y)-.21)-.03, math.Abs(h.Z)-.05, .03)
			out.add(max(loop, -(radius(p)-.5)), 0)
		} else { // a bail over the top
			h := V{p.X, p.Y - .62, p.Z}
			bail := slab(math.Abs(hyp(h.X/1.05, h.Y)-.44)-.018, math.Abs(h.Z)-.045, .016)
			out.add(max(bail, -h.Y), 1)
			for _, x := range []float64{-.455, .455} {
				out.add(ring(V{p.X - x, p.Y - .60, p.Z}, .035, .014), 2)
			}
		}
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 1:
			return woods(V{p.Y, p.X, p.Z}, l.Wood)
		case 2:
			return brass()
		}
		if l.Kind == 0 {
			return glazed(p, n, l.A, l.C)
		}
		return Mat{Col: l.A.Mul(.9 + .2*noise(p.Mul(30))), F0: .05, Rough: .48}
	})
	m.Centre.X = -.06
	m.Safe = .92
	return m
}

func plates(l Look) *Model {
	big := lathe(hollow(smooth(P{.42, 0}, P{.46, .01}, P{.62, .03}, P{.80, .075}, P{.88, .115}), .03, .035))
	small := lathe(hollow(smooth(P{.32, 0}, P{.35, .01}, P{.48, .03}, P{.62, .07}, P{.67, .105}), .03, .035))
	cup := lathe(hollow(smooth(P{.20, 0}, P{.24, .015}, P{.36, .10}, P{.43, .24}, P{.45, .34}), .03, .05))
	return stand(.50, .94, l, func(p V) near {
		out := near{big(p) - .012, 0}
		out.add(big(p.Sub(V{0.012, .062, .01}))-.012, 0)
		out.add(small(p.Sub(V{-.01, .126, 0}))-.012, 1)
		if l.Kind == 0 {
			out.add(cup(p.Sub(V{0.005, .175, -.01}))-.013, 2)
		}
		return out
	}, func(p, n V, part int) Mat {
		c := []V{l.A, l.B, l.C}[part]
		m := speckled(p, c, rgb(0xb98d68), -1)
		if n.Y > .9 {
			m.Rough = .26
		}
		return m
	})
}

func planter(l Look) *Model {
	pot := lathe(hollow(smooth(P{.28, .03}, P{.32, .04}, P{.36, .25}, P{.42, .62}, P{.43, .66}), .04, .54))
	dish := lathe(hollow(smooth(P{.34, 0}, P{.40, .01}, P{.43, .07}), .03, .025))
	type leaf struct{ yaw, lean, tall, wide, bend float64 }
	var leaves []leaf
	for i := range 9 {
		f := float64(i)
		leaves = append(leaves, leaf{f * 2.4, .10 + .045*f, 1.02 - .055*f, .075 + .02*math.Mod(f*.618, 1), .16 + .05*f})
	}
	m := stand(1.62, .98, l, func(p V) near {
		out := near{pot(p) - .012, 0}
		out.add(dish(p)-.01, 1)
		out.add(drum(p.Sub(V{0, .56, 0}), .385, .02, .01)-.012*noise(p.Mul(22)), 2)
		if p.Y < .5 || radius(p) > 1.0 {
			return out
		}
		for i, f := range leaves {
			if l.Kind == 1 && i%2 == 1 {
				continue
			}
			q := p.Sub(V{0, .54, 0}).TurnY(f.yaw)
			q.X -= .04
			q = q.TurnZ(f.lean)
			t := clamp(q.Y/f.tall, 0, 1)
			q.X -= f.bend * t * t
			w := f.wide * math.Pow(math.Sin(math.Pi*(.12+.86*t)), .7)
			e := slab(max(math.Abs(q.Z)-w, math.Abs(q.Y-f.tall/2)-f.tall/2), math.Abs(q.X-.5*q.Z*q.Z)-.008, .008)
			out.add(e*.75, 3)
		}
		return out
	}, func(p, n V, part int) Mat {
		switch part {
		case 2:
			return matte(rgb(0x3b2d22).Mul(.7 + .7*noise(p.Mul(40))))
		case 3:
			q := fbm(V{p.X * 6, p.Y * 14, p.Z * 6})
			c := blend(rgb(0x2f5d3c), rgb(0x7da36a), step(.42, .62, q))
			return Mat{Col: c, F0: .04, Rough: .4}
		}
		c := l.A
		if part == 1 {
			c = l.B
		}
		return Mat{Col: c.Mul(.9 + .18*fbm(p.Mul(18))), F0: .03, Rough: .8}
	})
	m.Safe = .9
	return m
}

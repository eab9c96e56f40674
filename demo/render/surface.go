package main

import "math"

// Mat is what a surface is made of at a point.
type Mat struct {
	Col   V
	F0    float64 // reflection at normal incidence
	Rough float64 // 0 mirror, 1 chalk
	Metal bool
	Sheen float64 // soft light at the edges, for cloth
	Emit  V
	Glass bool // light passes, tinted by Col
	Bump  V    // added to the normal
}

func matte(c V) Mat           { return Mat{Col: c, F0: .03, Rough: .85} }
func satin(c V) Mat           { return Mat{Col: c, F0: .045, Rough: .42} }
func gloss(c V) Mat           { return Mat{Col: c, F0: .05, Rough: .12} }
func metal(c V) Mat           { return Mat{Col: c, F0: .75, Rough: .28, Metal: true} }
func steel() Mat              { return metal(rgb(0xc9c8c4)) }
func brass() Mat              { return metal(rgb(0xd6ae62)) }
func black() Mat              { return satin(rgb(0x232323)) }
func glow(c V, k float64) Mat { return Mat{Col: c, F0: .02, Rough: 1, Emit: c.Mul(k)} }

// bumps is the slope of a height field at p, to be added to a normal.
func bumps(p V, depth float64, height func(V) float64) V {
	const e = .002
	h := height(p)
	return V{h - height(p.Add(V{e, 0, 0})), h - height(p.Add(V{0, e, 0})), h - height(p.Add(V{0, 0, e}))}.Mul(depth / e)
}

// speckled is a glaze with iron spots over a clay that shows below the line `bare`.
func speckled(p V, glaze, clay V, bare float64) Mat {
	edge := bare + .018*math.Sin(math.Atan2(p.Z, p.X)*2+1) + .03*(noise(p.Mul(7))-.5)
	t := step(edge-.008, edge+.008, p.Y)
	spots := .62*dots(p.Mul(26), .21) + .45*dots(p.Mul(55).Add(V{5, 2, 8}), .20)
	g := blend(glaze, glaze.Mul(.36), clamp(spots, 0, .8))
	g = blend(g, g.Mul(1.12), fbm(p.Mul(4)))
	c := blend(clay, clay.Mul(.78), noise(p.Mul(60))*.7)
	return Mat{Col: blend(c, g, t), F0: lerp(.02, .045, t), Rough: lerp(.9, .3, t)}
}

// glazed is a shiny glaze that runs thin and light over edges and pools darker below.
func glazed(p, n V, glaze, thin V) Mat {
	k := clamp(fbm(p.Mul(5))*.5+.25-.25*p.Y, 0, 1)
	c := blend(glaze, glaze.Mul(.72), k)
	c = blend(c, thin, .35*step(.45, .95, n.Y))
	return Mat{Col: c, F0: .05, Rough: .16}
}

// wood has rings about an axis along y; callers turn p for other grains.
func wood(p V, light, dark V) Mat {
	r := hyp(p.X+.9, p.Z-.55) + .05*noise(V{p.X * 3, p.Y * .8, p.Z * 3})
	rings := .5 + .5*math.Sin(r*62+3*noise(p.Mul(2)))
	fibre := noise(V{p.X * 60, p.Y * 3, p.Z * 60})*.6 + noise(V{p.X * 150, p.Y * 7, p.Z * 150})*.4
	c := blend(light, dark, clamp(.12+.38*rings*rings+.42*(fibre-.4), 0, 1))
	return Mat{Col: c, F0: .035, Rough: .5}
}

var oak, oakDark = rgb(0xd9b88c), rgb(0xa97c4c)
var walnut, walnutDark = rgb(0x8a5f40), rgb(0x4d2f1d)
var ash, ashDark = rgb(0xe6d3b3), rgb(0xc4a57a)
var ebony, ebonyDark = rgb(0x3d3531), rgb(0x1e1a18)

// woods answers a wood by its index: oak, walnut, ash, blackened.
func woods(p V, kind int) Mat {
	switch kind {
	case 1:
		return wood(p, walnut, walnutDark)
	case 2:
		return wood(p, ash, ashDark)
	case 3:
		return wood(p, ebony, ebonyDark)
	}
	return wood(p, oak, oakDark)
}

// canvas is a plain weave, seen along z and y or by the angle about y.
func canvas(p V, c V, fine float64) Mat {
	u, v, w := p.X*fine*1.9, p.Y*fine*1.9, p.Z*fine*1.9
	weave := math.Sin(u+w) * math.Sin(v)
	m := c.Mul(.93 + .22*(fbm(p.Mul(9))-.5) + .05*weave + .10*(noise(p.Mul(fine))-.5))
	return Mat{Col: m, F0: .02, Rough: 1, Sheen: .3, Bump: V{.07 * math.Cos(u+w) * math.Sin(v), .07 * math.Sin(u+w) * math.Cos(v), 0}}
}

// leather has a fine grain.
func leather(p V, c V) Mat {
	h := func(q V) float64 { return noise(q.Mul(70)) + .5*noise(q.Mul(140)) }
	return Mat{Col: c.Mul(.88 + .3*(fbm(p.Mul(6))-.4)), F0: .04, Rough: .55, Bump: bumps(p, .0016, h)}
}

// knit is rows of stitches about the y axis.
func knit(p V, c V, rows float64) Mat {
	a := math.Atan2(p.Z, p.X)
	s := math.Sin(p.Y*rows*2 + 1.6*math.Sin(a*46))
	return Mat{Col: c.Mul(.82 + .16*s + .2*(noise(p.Mul(40))-.5)), F0: .02, Rough: 1, Sheen: .5, Bump: V{0, .35 * s, 0}}
}

// stone is pale with soft veins and grains.
func stone(p V, c V) Mat {
	vein := math.Pow(1-math.Abs(2*fbm(p.Mul(3))-1), 9)
	col := blend(c, c.Mul(.62), .55*vein)
	return Mat{Col: col.Mul(.94 + .1*noise(p.Mul(80))), F0: .04, Rough: .3}
}

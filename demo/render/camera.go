package main

import (
	"image"
	"image/color"
	"math"
)

// View is where the camera stands. The zero target is the middle of the model.
type View struct {
	Yaw, Pitch float64 // radians; pitch looks down
	Zoom       float64 // 1 shows the whole model with air around it
	Shift      V       // moves the target
}

// lens is the focal length in half picture widths: long, as in product photography.
const lens = 4.4

type camera struct {
	eye, ahead, right, up V
}

func (m *Model) camera(v View) camera {
	if v.Zoom == 0 {
		v.Zoom = 1
	}
	target := m.Centre.Add(v.Shift)
	sy, cy := math.Sincos(v.Yaw)
	sp, cp := math.Sincos(v.Pitch)
	eye := target.Add(V{sy * cp, sp, cy * cp}.Mul(lens * 1.16 * m.Radius / v.Zoom))
	ahead := target.Sub(eye).Unit()
	right := ahead.Cross(V{0, 1, 0}).Unit()
	return camera{eye, ahead, right, right.Cross(ahead)}
}

// seen is a pixel in display values, and whether it shows the model.
type seen struct {
	c   V
	hit bool
}

func (m *Model) sample(c camera, n int, x, y float64) seen {
	u, v := 2*x/float64(n)-1, 1-2*y/float64(n)
	r := c.ahead.Mul(lens).Add(c.right.Mul(u)).Add(c.up.Mul(v)).Unit()
	l, hit := m.light(c.eye, r, .01, 5)
	return seen{V{develop(l.X), develop(l.Y), develop(l.Z)}, hit}
}

// develop turns linear light into display values: true up to a shoulder, so that a backdrop keeps its
// colour, and rolled off above it.
func develop(x float64) float64 {
	const shoulder = .78
	if x > shoulder {
		x = shoulder + (1-shoulder)*math.Tanh((x-shoulder)/(1-shoulder)*.8)
	}
	if x <= .0031308 {
		return 12.92 * max(x, 0)
	}
	return 1.055*math.Pow(x, 1/2.4) - .055
}

// block is the side of the squares in which a plain backdrop is interpolated.
const block = 8

// photograph renders n by n pixels. Squares with nothing but smooth backdrop are interpolated from
// their corners; pixels at edges are sampled again.
func (m *Model) photograph(v View, n int) *image.NRGBA {
	if m.Safe == 0 {
		m.Safe = 1
	}
	cam := m.camera(v)
	px := make([]seen, n*n)
	m.expose(cam, px, n)
	fine := append([]seen(nil), px...)
	for y := range n {
		for x := range n {
			if rough(px, n, x, y) {
				c := px[y*n+x].c
				for _, o := range [4]P{{.125, .375}, {-.375, .125}, {.375, -.125}, {-.125, -.375}} {
					c = c.Add(m.sample(cam, n, float64(x)+.5+o.R, float64(y)+.5+o.Y).c)
				}
				fine[y*n+x].c = c.Mul(.2)
			}
		}
	}
	img := image.NewNRGBA(image.Rect(0, 0, n, n))
	for y := range n {
		for x := range n {
			dither := (hash3(int32(x), int32(y), 11) - .5) / 255 // no bands in the backdrop
			c := fine[y*n+x].c
			b := func(f float64) uint8 { return uint8(clamp((f+dither)*255+.5, 0, 255)) }
			img.SetNRGBA(x, y, color.NRGBA{b(c.X), b(c.Y), b(c.Z), 255})
		}
	}
	return img
}

func (m *Model) expose(cam camera, px []seen, n int) {
	g := n/block + 1
	grid := make([]seen, g*g)
	for j := range g {
		for i := range g {
			grid[j*g+i] = m.sample(cam, n, float64(i*block)+.5, float64(j*block)+.5)
		}
	}
	for j := range g - 1 {
		for i := range g - 1 {
			corner := [4]seen{grid[j*g+i], grid[j*g+i+1], grid[(j+1)*g+i], grid[(j+1)*g+i+1]}
			smooth := m.plain(corner) && !m.mayHit(cam, n, i, j)
			for y := range block {
				for x := range block {
					at := (j*block+y)*n + i*block + x
					if smooth {
						u, w := float64(x)/block, float64(y)/block
						px[at].c = blend(blend(corner[0].c, corner[1].c, u), blend(corner[2].c, corner[3].c, u), w)
					} else {
						px[at] = m.sample(cam, n, float64(i*block+x)+.5, float64(j*block+y)+.5)
					}
				}
			}
		}
	}
}

func (m *Model) plain(c [4]seen) bool {
	for _, s := range c {
		if s.hit || differ(s.c, c[0].c) > .03 {
			return false
		}
	}
	return true
}

// mayHit asks whether the model comes near the middle of a square, so that thin parts between the
// corners are not lost.
func (m *Model) mayHit(cam camera, n, i, j int) bool {
	x, y := (float64(i)+.5)*block+.5, (float64(j)+.5)*block+.5
	r := cam.ahead.Mul(lens).Add(cam.right.Mul(2*x/float64(n) - 1)).Add(cam.up.Mul(1 - 2*y/float64(n))).Unit()
	t, hi, ok := m.span(cam.eye, r)
	cone := 1.6 * block / float64(n) / lens
	for k := 0; ok && k < 120 && t < hi; k++ {
		d := m.dist(cam.eye.Add(r.Mul(t))).d
		if d < cone*t {
			return true
		}
		t += d
	}
	return false
}

// rough reports an edge: the model's outline, or a strong change between neighbours.
func rough(px []seen, n, x, y int) bool {
	a := px[y*n+x]
	for _, o := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
		i, j := x+o[0], y+o[1]
		if i < 0 || j < 0 || i >= n || j >= n {
			continue
		}
		b := px[j*n+i]
		if a.hit != b.hit || differ(a.c, b.c) > .055 {
			return true
		}
	}
	return false
}

func differ(a, b V) float64 {
	return max(math.Abs(a.X-b.X), max(math.Abs(a.Y-b.Y), math.Abs(a.Z-b.Z)))
}

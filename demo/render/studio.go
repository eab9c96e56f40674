package main

import "math"

// Model is a thing to photograph, standing on the floor y = 0 about the y axis.
type Model struct {
	Centre V       // of the sphere that holds all of it
	Radius float64 // of that sphere
	BG     V       // backdrop
	Dist   func(p V) near
	Mat    func(p, n V, part int) Mat
	Safe   float64 // 0..1, below 1 where Dist overestimates; 0 is 1
	Pass   float64 // 0..1, how much of the shadow on the floor is missing: glass, things that hang
}

var (
	keyDir = V{-.62, .82, .5}.Unit()
	rimDir = V{.7, .45, -.62}.Unit()
)

func (m *Model) dist(p V) near {
	n := m.Dist(p)
	n.d *= m.Safe
	return n
}

// span is where a ray is inside the model's sphere.
func (m *Model) span(o, r V) (float64, float64, bool) {
	oc := o.Sub(m.Centre)
	b := oc.Dot(r)
	disc := b*b - oc.Dot(oc) + m.Radius*m.Radius
	if disc < 0 {
		return 0, 0, false
	}
	q := math.Sqrt(disc)
	return max(-b-q, 0), -b + q, -b+q > 0
}

// march follows a ray to the surface, from outside or, in glass, from inside.
func (m *Model) march(o, r V, from float64) (float64, int) {
	lo, hi, ok := m.span(o, r)
	if !ok {
		return -1, 0
	}
	t, side := max(lo, from), 0.0
	for i := 0; i < 180 && t < hi; i++ {
		n := m.dist(o.Add(r.Mul(t)))
		if side == 0 {
			side = math.Copysign(1, n.d)
		}
		d := n.d * side
		if d < .0004+.00012*t {
			return t, n.part
		}
		t += d
	}
	return -1, 0
}

func (m *Model) normal(p V) V {
	const e = .0022
	n := V{}
	for _, k := range [4]V{{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}} {
		n = n.Add(k.Mul(m.Dist(p.Add(k.Mul(e))).d))
	}
	return n.Unit()
}

// shadow is how much of a light of the given hardness reaches o.
func (m *Model) shadow(o, l V, hard float64) float64 {
	lo, hi, ok := m.span(o, l)
	if !ok {
		return 1
	}
	res, t := 1.0, max(lo, .015)
	for i := 0; i < 60 && t < hi; i++ {
		d := m.dist(o.Add(l.Mul(t))).d
		res = min(res, .5+.5*hard*d/t) // reaches half inside, so that the penumbra has both sides
		if res < 0 {
			return 0
		}
		t += clamp(math.Abs(d), .014, .3)
	}
	res = clamp(res, 0, 1)
	return res * res * (3 - 2*res)
}

// open is how much of the sky above n is free, with the floor in the way too.
func (m *Model) open(p, n V, floor bool) float64 {
	a, w := 0.0, 1.0
	for i := 1; i <= 5; i++ {
		h := (.02 + .02*float64(i*i)) * m.Radius
		q := p.Add(n.Mul(h))
		d := m.dist(q).d
		if floor {
			d = min(d, q.Y)
		}
		k := max(0, h-d) / h
		a += w * k * k
		w *= .8
	}
	return clamp(1-.36*a, 0, 1)
}

// softbox is the light of a rectangle in direction c, blurred by the roughness of what reflects it.
func softbox(r, c V, w, h, rough float64) float64 {
	d := r.Dot(c)
	if d <= .02 {
		return 0
	}
	u := V{c.Z, 0, -c.X}.Unit()
	v := c.Cross(u)
	x, y := math.Abs(r.Dot(u)/d), math.Abs(r.Dot(v)/d)
	blur := .03 + rough*.75
	k := (1 - step(w-blur, w+blur, x)) * (1 - step(h-blur, h+blur, y))
	return k * w * h / ((w + blur*.5) * (h + blur*.5))
}

var (
	boxLeft  = V{-.86, .42, .38}.Unit()
	boxTop   = V{-.1, .95, .12}.Unit()
	boxRight = V{.92, .3, .2}.Unit()
)

// room is what a reflected ray sees where it meets nothing.
func (m *Model) room(r V, rough float64) V {
	c := m.BG.Mul(.32 + .38*max(r.Y, 0))
	c = blend(c, m.BG.Mul(.78), step(.05, -.25, r.Y))
	c = c.Add(V{1, .985, .96}.Mul(3.1 * softbox(r, boxLeft, .42, .85, rough)))
	c = c.Add(V{1, 1, 1}.Mul(1.3 * softbox(r, boxTop, .7, .7, rough)))
	return c.Add(V{.94, .97, 1}.Mul(1.9 * softbox(r, boxRight, .16, .8, rough)))
}

func (m *Model) backdrop(r V) V { return m.BG.Mul(1 - .07*step(-.1, .45, r.Y)) }

// floor is the sweep the model stands on: the backdrop's colour, darkened where light is missing.
func (m *Model) floor(p V) V {
	far := radius(p.Sub(V{m.Centre.X, 0, m.Centre.Z})) / m.Radius
	if far > 4 {
		return m.BG
	}
	up := V{0, 1, 0}
	q := p.Add(V{0, .003, 0})
	sh := m.shadow(q, keyDir, 4.2)
	ao := m.open(q, up, false)
	sh, ao = lerp(sh, 1, m.Pass), lerp(ao, 1, m.Pass*.6)
	fade := step(2.2, 3.8, far)
	sh, ao = lerp(sh, 1, fade), lerp(ao, 1, fade)
	k := (.58 + .42*sh) * (.35 + .65*ao)
	// What light is left in a shadow came off the backdrop, so it keeps the colour.
	return m.BG.Mul(k).Add(m.BG.Tint(m.BG).Mul(.18 * (1 - k)))
}

// light answers the colour seen along a ray and whether it met the model.
func (m *Model) light(o, r V, from float64, depth int) (V, bool) {
	t, part := m.march(o, r, from)
	if t < 0 {
		if r.Y < -.0005 {
			if tf := -o.Y / r.Y; tf > 0 && tf < 40*m.Radius {
				p := o.Add(r.Mul(tf))
				d := p.Sub(V{m.Centre.X, 0, m.Centre.Z}).Len() / m.Radius
				return blend(m.floor(p), m.backdrop(r), step(2.5, 7, d)), false
			}
		}
		return m.backdrop(r), false
	}
	p := o.Add(r.Mul(t))
	n := m.normal(p)
	if n.Dot(r) > 0 {
		n = n.Mul(-1) // inside glass
	}
	a := m.Mat(p, n, part)
	if a.Bump != (V{}) {
		n = n.Add(a.Bump.Sub(n.Mul(a.Bump.Dot(n)))).Unit()
	}
	if a.Glass {
		return m.through(p, n, r, a, depth), true
	}
	return m.shade(p, n, r, a, depth), true
}

func (m *Model) shade(p, n, r V, a Mat, depth int) V {
	ao := m.open(p, n, true)
	facing := n.Dot(keyDir)
	lit := 0.0
	if facing > 0 {
		lit = facing * m.shadow(p.Add(n.Mul(.008)), keyDir, 6)
	}
	up := .5 + .5*n.Y
	view := max(-n.Dot(r), 0)
	l := V{1.02, 1, .965}.Mul(.98 * lit)
	l = l.Add(V{.9, .95, 1}.Mul(.40 * up * ao))
	l = l.Add(m.BG.Mul(.36 * (1 - up) * ao))
	l = l.Add(V{1, 1, 1}.Mul(.16 * (.5 + .5*n.Dot(boxRight)) * ao))
	l = l.Add(V{1, 1, 1}.Mul(.25 * math.Pow(max(n.Dot(rimDir), 0), 1.5) * ao))
	if a.Sheen > 0 {
		l = l.Add(V{1, 1, 1}.Mul(a.Sheen * math.Pow(1-view, 3) * (.3 + .5*lit) * ao))
	}
	c := a.Col.Tint(l)
	if a.Metal {
		c = c.Mul(.22)
	}
	return c.Add(m.mirror(p, n, r, a, ao, view, depth)).Add(a.Emit)
}

// mirror is the light the surface reflects like a mirror, sharp or blurred.
func (m *Model) mirror(p, n, r V, a Mat, ao, view float64, depth int) V {
	ref := r.Sub(n.Mul(2 * n.Dot(r)))
	fres := a.F0 + (1-a.F0)*math.Pow(1-view, 5)*(1-a.Rough*.9)
	if fres < .012 {
		return V{}
	}
	e := m.room(ref, a.Rough)
	if depth > 0 && a.Rough < .36 {
		if t, part := m.march(p.Add(n.Mul(.012)), ref, .01); t > 0 {
			q := p.Add(n.Mul(.012)).Add(ref.Mul(t))
			nq := m.normal(q)
			b := m.Mat(q, nq, part)
			e = b.Col.Mul(.25 + .55*max(nq.Dot(keyDir), 0)).Add(b.Emit)
		}
	}
	e = e.Mul(fres * (.25 + .75*ao))
	if a.Metal {
		e = e.Tint(a.Col)
	}
	return e
}

// through is a thin layer of glass: some light is mirrored, the rest goes on, tinted.
func (m *Model) through(p, n, r V, a Mat, depth int) V {
	view := max(-n.Dot(r), 0)
	fres := .045 + .955*math.Pow(1-view, 5)
	ref := r.Sub(n.Mul(2 * n.Dot(r)))
	c := m.room(ref, .04).Mul(min(fres*1.15, .8))
	if depth <= 0 {
		return c.Add(m.BG.Tint(a.Col).Mul(.8))
	}
	// A slight bend towards the normal stands for refraction in a thin wall.
	on := r.Sub(n.Mul(.035)).Unit()
	behind, _ := m.light(p, on, .012, depth-1)
	thick := 1 / max(view, .22)
	tint := V{math.Pow(a.Col.X, thick), math.Pow(a.Col.Y, thick), math.Pow(a.Col.Z, thick)}
	return c.Add(behind.Tint(tint).Mul(1 - min(fres, .8)))
}

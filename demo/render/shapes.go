package main

import "math"

// Signed distances: negative inside. Lengths are in the model's own unit, about the height of the thing.

// near is what a model answers at a point: how far its surface is, and of which part.
type near struct {
	d    float64
	part int
}

// add keeps the nearer of two parts.
func (n *near) add(d float64, part int) {
	if d < n.d {
		n.d, n.part = d, part
	}
}

func nothing() near { return near{d: math.Inf(1)} }

// union melts two shapes into each other over a width k.
func union(a, b, k float64) float64 {
	h := max(k-math.Abs(a-b), 0) / k
	return min(a, b) - h*h*k/4
}

// cut takes b out of a with an edge of width k.
func cut(a, b, k float64) float64 { return -union(-a, b, k) }

func sphere(p V, r float64) float64 { return p.Len() - r }

// ellipsoid is a good bound, not an exact distance.
func ellipsoid(p, r V) float64 {
	k0 := V{p.X / r.X, p.Y / r.Y, p.Z / r.Z}.Len()
	k1 := V{p.X / (r.X * r.X), p.Y / (r.Y * r.Y), p.Z / (r.Z * r.Z)}.Len()
	if k1 < 1e-9 {
		return -min(r.X, min(r.Y, r.Z))
	}
	return k0 * (k0 - 1) / k1
}

// box has half sizes h and edges rounded by r.
func box(p, h V, r float64) float64 {
	x, y, z := math.Abs(p.X)-h.X+r, math.Abs(p.Y)-h.Y+r, math.Abs(p.Z)-h.Z+r
	return V{max(x, 0), max(y, 0), max(z, 0)}.Len() + min(max(x, max(y, z)), 0) - r
}

// drum is a cylinder about the y axis, of half height h, with edges rounded by e.
func drum(p V, r, h, e float64) float64 {
	return slab(hyp(p.X, p.Z)-r, math.Abs(p.Y)-h, e)
}

// slab extrudes: flat is the distance in the plane, tall the distance across it, e rounds the edge.
func slab(flat, tall, e float64) float64 {
	a, b := flat+e, tall+e
	return min(max(a, b), 0) + hyp(max(a, 0), max(b, 0)) - e
}

// rect is a rectangle with corners rounded by r, in the plane.
func rect(x, y, w, h, r float64) float64 {
	x, y = math.Abs(x)-w+r, math.Abs(y)-h+r
	return hyp(max(x, 0), max(y, 0)) + min(max(x, y), 0) - r
}

// rod is a capsule from a to b whose radius goes from ra to rb.
func rod(p, a, b V, ra, rb float64) float64 {
	pa, ba := p.Sub(a), b.Sub(a)
	t := clamp(pa.Dot(ba)/ba.Dot(ba), 0, 1)
	return pa.Sub(ba.Mul(t)).Len() - lerp(ra, rb, t)
}

// ring is a torus about the z axis.
func ring(p V, r, thick float64) float64 {
	return hyp(hyp(p.X, p.Y)-r, p.Z) - thick
}

// ringY is a torus about the y axis.
func ringY(p V, r, thick float64) float64 {
	return hyp(hyp(p.X, p.Z)-r, p.Y) - thick
}

// arch is the upper half of a ring about the z axis with straight legs down to y = -leg; its section is
// a rounded rectangle of half sizes w (radially) and d (along z).
func arch(p V, r, leg, w, d, e float64) float64 {
	q := math.Abs(hyp(p.X, max(p.Y, 0)) - r)
	if p.Y < 0 {
		q = math.Abs(math.Abs(p.X) - r)
	}
	return slab(rect(q, p.Z, w, d, e), -p.Y-leg, .002)
}

// fold repeats space n times about the y axis, so that one leg makes n.
func fold(p V, n int) V {
	sector := 2 * math.Pi / float64(n)
	a := math.Atan2(p.Z, p.X)
	a -= sector * math.Round(a/sector)
	s, c := math.Sincos(a)
	r := hyp(p.X, p.Z)
	return V{r * c, p.Y, r * s}
}

func radius(p V) float64 { return hyp(p.X, p.Z) }

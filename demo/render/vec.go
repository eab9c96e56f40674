package main

import "math"

// V is a point, a direction or a linear colour.
type V struct{ X, Y, Z float64 }

func (a V) Add(b V) V              { return V{a.X + b.X, a.Y + b.Y, a.Z + b.Z} }
func (a V) Sub(b V) V              { return V{a.X - b.X, a.Y - b.Y, a.Z - b.Z} }
func (a V) Mul(s float64) V        { return V{a.X * s, a.Y * s, a.Z * s} }
func (a V) Tint(b V) V             { return V{a.X * b.X, a.Y * b.Y, a.Z * b.Z} }
func (a V) Dot(b V) float64        { return a.X*b.X + a.Y*b.Y + a.Z*b.Z }
func (a V) Cross(b V) V            { return V{a.Y*b.Z - a.Z*b.Y, a.Z*b.X - a.X*b.Z, a.X*b.Y - a.Y*b.X} }
func (a V) Len() float64           { return math.Sqrt(a.X*a.X + a.Y*a.Y + a.Z*a.Z) }
func (a V) Unit() V                { return a.Mul(1 / max(a.Len(), 1e-12)) }
func (a V) Swap() V                { return V{a.Y, a.X, a.Z} }
func lerp(a, b, t float64) float64 { return a + (b-a)*t }
func blend(a, b V, t float64) V    { return V{lerp(a.X, b.X, t), lerp(a.Y, b.Y, t), lerp(a.Z, b.Z, t)} }
func clamp(x, lo, hi float64) float64 {
	return max(lo, min(hi, x))
}

// hyp is math.Hypot without its care for overflow, which costs more than all the rest.
func hyp(x, y float64) float64 { return math.Sqrt(x*x + y*y) }

// step is 0 below a, 1 above b and smooth between.
func step(a, b, x float64) float64 {
	t := clamp((x-a)/(b-a), 0, 1)
	return t * t * (3 - 2*t)
}

// turn rotates in the plane of two coordinates.
func turn(x, y, angle float64) (float64, float64) {
	s, c := math.Sincos(angle)
	return c*x - s*y, s*x + c*y
}

func (a V) TurnX(t float64) V { a.Y, a.Z = turn(a.Y, a.Z, t); return a }
func (a V) TurnY(t float64) V { a.X, a.Z = turn(a.X, a.Z, t); return a }
func (a V) TurnZ(t float64) V { a.X, a.Y = turn(a.X, a.Y, t); return a }

// rgb reads a colour as designers write it.
func rgb(hex uint32) V {
	f := func(c uint32) float64 {
		x := float64(c&255) / 255
		if x <= .04045 {
			return x / 12.92
		}
		return math.Pow((x+.055)/1.055, 2.4)
	}
	return V{f(hex >> 16), f(hex >> 8), f(hex)}
}

func hash3(i, j, k int32) float64 {
	h := uint32(i)*0x8da6b343 ^ uint32(j)*0xd8163841 ^ uint32(k)*0xcb1ab31f
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	h ^= h >> 15
	return float64(h) / (1 << 32)
}

// noise is value noise in 0..1 with features about 1 in size.
func noise(p V) float64 {
	fx, fy, fz := math.Floor(p.X), math.Floor(p.Y), math.Floor(p.Z)
	i, j, k := int32(fx), int32(fy), int32(fz)
	u, v, w := p.X-fx, p.Y-fy, p.Z-fz
	u, v, w = u*u*(3-2*u), v*v*(3-2*v), w*w*(3-2*w)
	plane := func(k int32) float64 {
		return lerp(lerp(hash3(i, j, k), hash3(i+1, j, k), u), lerp(hash3(i, j+1, k), hash3(i+1, j+1, k), u), v)
	}
	return lerp(plane(k), plane(k+1), w)
}

// fbm is three octaves of noise.
func fbm(p V) float64 {
	return noise(p)*.55 + noise(p.Mul(2.03).Add(V{7, 3, 1}))*.3 + noise(p.Mul(4.1).Add(V{1, 9, 4}))*.15
}

// dots are round spots of random size, at most r, one or none in each unit of space.
func dots(p V, r float64) float64 {
	i, j, k := math.Floor(p.X), math.Floor(p.Y), math.Floor(p.Z)
	a, b, c := int32(i), int32(j), int32(k)
	at := V{i + .3 + .4*hash3(a, b, c), j + .3 + .4*hash3(b, c, a+17), k + .3 + .4*hash3(c, a, b+31)}
	size := r * (2.2*hash3(a+5, b+3, c+9) - .7)
	if size < .05 {
		return 0
	}
	return step(size, size*.7, p.Sub(at).Len())
}

package main

import "math"

// P is a point of a profile: distance from the axis and height.
type P struct{ R, Y float64 }

// lathe turns a closed profile about the y axis. The distance is sampled on a grid once, so that a
// look-up replaces a walk along the whole profile.
func lathe(profile []P) func(p V) float64 {
	const n = 320
	loR, hiR, loY, hiY := 0.0, 0.0, math.Inf(1), math.Inf(-1)
	for _, q := range profile {
		hiR = max(hiR, q.R)
		loY, hiY = min(loY, q.Y), max(hiY, q.Y)
	}
	const pad = .12
	loR, hiR, loY, hiY = loR-.02, hiR+pad, loY-pad, hiY+pad
	w, h := hiR-loR, hiY-loY
	grid := make([]float32, (n+1)*(n+1))
	for j := 0; j <= n; j++ {
		for i := 0; i <= n; i++ {
			grid[j*(n+1)+i] = float32(polygon(profile, math.Abs(loR+w*float64(i)/n), loY+h*float64(j)/n))
		}
	}
	return func(p V) float64 {
		fx, fy := (radius(p)-loR)/w*n, (p.Y-loY)/h*n
		cx, cy := clamp(fx, 0, n-1e-6), clamp(fy, 0, n-1e-6)
		i, j := int(cx), int(cy)
		u, v := cx-float64(i), cy-float64(j)
		k := j*(n+1) + i
		d := lerp(lerp(float64(grid[k]), float64(grid[k+1]), u), lerp(float64(grid[k+n+1]), float64(grid[k+n+2]), u), v)
		if fx != cx || fy != cy {
			d = max(d, 0) + .9*hyp((fx-cx)*w/n, (fy-cy)*h/n)
		}
		return d
	}
}

// polygon is the distance to a closed polygon in the half plane.
func polygon(pts []P, x, y float64) float64 {
	best, sign := math.Inf(1), 1.0
	for i, j := 0, len(pts)-1; i < len(pts); j, i = i, i+1 {
		ex, ey := pts[j].R-pts[i].R, pts[j].Y-pts[i].Y
		wx, wy := x-pts[i].R, y-pts[i].Y
		t := clamp((wx*ex+wy*ey)/max(ex*ex+ey*ey, 1e-12), 0, 1)
		bx, by := wx-ex*t, wy-ey*t
		best = min(best, bx*bx+by*by)
		a, b, c := y >= pts[i].Y, y < pts[j].Y, ex*wy > ey*wx
		if a == b && b == c {
			sign = -sign
		}
	}
	return sign * math.Sqrt(best)
}

// smooth runs a Catmull-Rom curve through the points.
func smooth(c ...P) []P {
	const n = 10
	at := func(i int) P { return c[max(0, min(i, len(c)-1))] }
	var out []P
	for i := 0; i < len(c)-1; i++ {
		a, b, d, e := at(i-1), at(i), at(i+1), at(i+2)
		for k := range n {
			t := float64(k) / n
			f := func(a, b, d, e float64) float64 {
				return .5 * (2*b + (d-a)*t + (2*a-5*b+4*d-e)*t*t + (3*b-a-3*d+e)*t*t*t)
			}
			out = append(out, P{max(f(a.R, b.R, d.R, e.R), .001), f(a.Y, b.Y, d.Y, e.Y)})
		}
	}
	return append(out, c[len(c)-1])
}

// hollow closes an outer curve (bottom to top) into a vessel with a wall and a floor.
func hollow(outer []P, wall, floor float64) []P {
	out := append([]P{{0, outer[0].Y}}, outer...)
	for i := len(outer) - 1; i >= 0; i-- {
		if outer[i].Y > floor {
			out = append(out, P{max(outer[i].R-wall, .002), outer[i].Y})
		}
	}
	return append(out, P{0, floor})
}

// solid closes an outer curve (bottom to top) to the axis.
func solid(outer []P) []P {
	out := append([]P{{0, outer[0].Y}}, outer...)
	return append(out, P{0, outer[len(outer)-1].Y})
}

// shell is a thin wall, open at both ends.
func shell(outer []P, wall float64) []P {
	out := append([]P(nil), outer...)
	for i := len(outer) - 1; i >= 0; i-- {
		out = append(out, P{max(outer[i].R-wall, .002), outer[i].Y})
	}
	return out
}

package web

import (
	"slices"
	"strconv"
	"strings"
)

// most is the largest of all values, and at least 1, so that a line of zeros lies on the ground.
func most(lines ...[]float64) float64 {
	top := 0.0
	for _, l := range lines {
		if len(l) > 0 {
			top = max(top, slices.Max(l))
		}
	}
	if top <= 0 {
		return 1
	}
	return top
}

// coordinate is a number of an SVG path: one digit behind the point is a tenth of a pixel.
func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// linePath draws values from the left to the right of a box, 0 at its bottom and top at its top, inset by a pixel for the stroke.
func linePath(values []float64, top, width, height float64) string {
	var b strings.Builder
	for i, v := range values {
		x := width / 2
		if len(values) > 1 {
			x = width * float64(i) / float64(len(values)-1)
		}
		if i == 0 {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(coordinate(x) + " " + coordinate(1+(height-2)*(1-max(v, 0)/top)))
	}
	return b.String()
}

// areaPath is linePath down to the bottom.
func areaPath(values []float64, top, width, height float64) string {
	if len(values) < 2 {
		return ""
	}
	return linePath(values, top, width, height) + "L" + coordinate(width) + " " + coordinate(height) + "L0 " + coordinate(height) + "Z"
}

// hitX and hitWidth place the strip around a point that says its value.
func hitX(i, n int, width float64) string {
	if n < 2 {
		return "0"
	}
	return coordinate(max(0, width*(float64(i)-.5)/float64(n-1)))
}

func hitWidth(n int, width float64) string {
	if n < 2 {
		return coordinate(width)
	}
	return coordinate(width / float64(n-1))
}

func percentOf(share float64) string { return coordinate(100 * min(max(share, 0), 1)) }

// pointWords is what a point of a chart says.
func pointWords(c Chart, i int) string {
	at := func(list []string) string {
		if i < len(list) {
			return list[i]
		}
		return ""
	}
	return at(c.Labels) + ": " + at(c.Values)
}

// chartWords says a chart in a sentence, for who does not see it: the table below has all of it.
func chartWords(c Chart) string {
	if len(c.Now) == 0 {
		return c.Name + ": nothing in this period."
	}
	low, high := 0, 0
	for i, v := range c.Now {
		if v < c.Now[low] {
			low = i
		}
		if v > c.Now[high] {
			high = i
		}
	}
	return c.Name + ". Most: " + pointWords(c, high) + ". Least: " + pointWords(c, low) + "."
}

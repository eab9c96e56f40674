package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Goal is what a line should reach.
type Goal struct {
	bound  float64
	atMost bool
	none   bool // the line is only shown
}

// AtLeast and AtMost are bounds that count as reached themselves.
func AtLeast(v float64) Goal { return Goal{bound: v} }
func AtMost(v float64) Goal  { return Goal{bound: v, atMost: true} }

// Shown is no goal.
func Shown() Goal { return Goal{none: true} }

// Verdict is ok, SHORT, "not measured", or nothing where there is no goal.
func (g Goal) Verdict(v float64) string {
	switch {
	case g.none:
		return ""
	case math.IsNaN(v):
		return "not measured"
	case g.atMost && v <= g.bound, !g.atMost && v >= g.bound:
		return "ok"
	}
	return "SHORT"
}

// Text is the goal as it stands in a table.
func (g Goal) Text(unit string) string {
	switch {
	case g.none:
		return ""
	case g.atMost:
		return "≤ " + Amount(g.bound, unit)
	}
	return "≥ " + Amount(g.bound, unit)
}

// Median of an even number of values is the mean of the two in the middle.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Amount writes a number with as many digits as mean something.
func Amount(v float64, unit string) string {
	var s string
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case unit == "/s" || a >= 1000:
		s = thousands(v)
	case a >= 100:
		s = fmt.Sprintf("%.0f", v)
	case a >= 10:
		s = fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a == 0:
		s = fmt.Sprintf("%.2f", v)
	default:
		s = fmt.Sprintf("%.3f", v)
	}
	if unit == "×" || unit == "/s" {
		return s + unit
	}
	return s + " " + unit
}

// thousands writes a whole number in groups of three.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return sign + s
}

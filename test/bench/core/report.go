package main

import (
	"fmt"
	"math"
	"strings"
)

// line is a row with its figures.
type line struct {
	row
	// rounds holds the row's value in each round; cells the median of each cell's own figure.
	rounds  []float64
	cells   []float64
	value   float64
	verdict string
}

// lines works the rows out. A row without measurements says so.
func lines(rs []row, m measurements) []line {
	var out []line
	for _, r := range rs {
		l := line{row: r}
		for round := 0; ; round++ {
			results, ok := m.round(r.cells, round)
			if !ok {
				break
			}
			l.rounds = append(l.rounds, r.value(results))
		}
		for _, c := range r.cells {
			var figures []float64
			for _, res := range m[c] {
				figures = append(figures, r.show(res))
			}
			l.cells = append(l.cells, median(figures))
		}
		l.value = median(l.rounds)
		l.verdict = r.goal.verdict(l.value)
		out = append(out, l)
	}
	return out
}

// round is what the cells gave in one round.
func (m measurements) round(cells []cell, n int) (out []result, ok bool) {
	for _, c := range cells {
		if n >= len(m[c]) {
			return nil, false
		}
		out = append(out, m[c][n])
	}
	return out, true
}

func (r row) show(res result) float64 {
	if r.figure == nil {
		return res.rate()
	}
	return r.figure(res)
}

// columns of both tables.
var columns = []string{"what", "this", "against", "median", "least", "most", "goal", ""}

func (l line) fields() []string {
	of := l.of
	if of == "" {
		of = "/s"
	}
	this, against := "", ""
	if len(l.cells) > 0 {
		this = amount(l.cells[0], of)
	}
	if len(l.cells) > 1 {
		against = amount(l.cells[1], of)
	}
	least, most := math.NaN(), math.NaN()
	for i, v := range l.rounds {
		if i == 0 {
			least, most = v, v
		}
		least, most = min(least, v), max(most, v)
	}
	return []string{l.title, this, against, amount(l.value, l.unit), amount(least, l.unit), amount(most, l.unit), l.goal.text(l.unit), l.verdict}
}

func (g goal) text(unit string) string {
	switch {
	case g.none:
		return ""
	case g.atMost:
		return "≤ " + amount(g.bound, unit)
	}
	return "≥ " + amount(g.bound, unit)
}

// amount writes a number with as many digits as mean something.
func amount(v float64, unit string) string {
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

// markdown is the table for people.
func markdown(ls []line) string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat(" --- |", len(columns)) + "\n")
	for _, l := range ls {
		b.WriteString("| " + strings.Join(l.fields(), " | ") + " |\n")
	}
	return b.String()
}

// tsv is the same for programs, every round with its exact value.
func tsv(ls []line) string {
	var b strings.Builder
	b.WriteString("group\twhat\tthis\tagainst\tvalue\tunit\tgoal\tverdict\trounds\n")
	for _, l := range ls {
		cell := func(i int) string {
			if i < len(l.cells) {
				return fmt.Sprintf("%g", l.cells[i])
			}
			return ""
		}
		var rounds []string
		for _, v := range l.rounds {
			rounds = append(rounds, fmt.Sprintf("%g", v))
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%g\t%s\t%s\t%s\t%s\n", l.group, l.title, cell(0), cell(1), l.value, l.unit, l.goal.text(l.unit), l.verdict, strings.Join(rounds, " "))
	}
	return b.String()
}

package main

import "meridian/test/bench/report"

// lines works the rows out. A row without measurements says so.
func lines(rs []row, m measurements) []report.Line {
	var out []report.Line
	for _, r := range rs {
		l := report.Line{Group: r.group, Title: r.title, Of: r.of, Unit: r.unit, Goal: r.goal}
		for round := 0; ; round++ {
			results, ok := m.round(r.cells, round)
			if !ok {
				break
			}
			l.Rounds = append(l.Rounds, r.value(results))
		}
		for _, c := range r.cells {
			var figures []float64
			for _, res := range m[c] {
				figures = append(figures, r.show(res))
			}
			l.Cells = append(l.Cells, report.Median(figures))
		}
		l.Value = report.Median(l.Rounds)
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

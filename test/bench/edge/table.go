package main

import (
	"os/exec"
	"slices"
	"strings"

	"meridian/test/bench/report"
)

// row holds ours against another system in one case.
type row struct {
	load, against string
	cost          bool // processor time of an answer; else answers a second
	goal          report.Goal
}

// rows is the table, with the goal of each.
func rows() []row {
	none := report.Shown()
	return []row{
		{"gzip", bareName, false, report.AtLeast(0.92)}, {"plain", bareName, false, report.AtLeast(0.92)}, {"304", bareName, false, none},
		{"gzip", nginxName, false, report.AtLeast(1.35)}, {"plain", nginxName, false, report.AtLeast(1.00)}, {"304", nginxName, false, none},
		{"gzip", varnishName, false, report.AtLeast(1.60)}, {"plain", varnishName, false, report.AtLeast(1.60)}, {"304", varnishName, false, none},
		{"gzip", bareName, true, report.AtMost(1.10)}, {"plain", bareName, true, report.AtMost(1.10)}, {"304", bareName, true, none},
		{"gzip", nginxName, true, none}, {"plain", nginxName, true, none}, {"304", nginxName, true, report.AtMost(1.00)},
		{"gzip", varnishName, true, none}, {"plain", varnishName, true, none}, {"304", varnishName, true, none},
		{"gzip", baselineName, false, none}, {"plain", baselineName, false, none}, {"304", baselineName, false, none},
		{"gzip", baselineName, true, none}, {"plain", baselineName, true, none}, {"304", baselineName, true, none},
	}
}

// lines works out the rows whose system and case were measured.
func (b *bench) lines() (out []report.Line) {
	for _, r := range rows() {
		ours, theirs := b.results[cell{oursName, r.load}], b.results[cell{r.against, r.load}]
		if len(ours) == 0 || len(theirs) == 0 {
			continue
		}
		l := report.Line{Group: r.load, Title: r.load + ", answers a second over " + r.against, Unit: "×", Goal: r.goal}
		of := func(f figures) float64 { return f.rate }
		if r.cost {
			l.Title, l.Of = r.load+", processor time of an answer, of "+r.against+"'s", "µs"
			of = figures.cost
		}
		for i := range min(len(ours), len(theirs)) {
			l.Rounds = append(l.Rounds, of(ours[i])/of(theirs[i]))
		}
		l.Cells = []float64{report.Median(each(ours, of)), report.Median(each(theirs, of))}
		l.Value = report.Median(l.Rounds)
		out = append(out, l)
	}
	return out
}

func each(all []figures, of func(figures) float64) (out []float64) {
	for _, f := range all {
		out = append(out, of(f))
	}
	return out
}

// own is the table of everybody's own figures.
func (b *bench) own() string {
	var out [][]string
	for _, name := range b.o.cases {
		for _, s := range b.systems {
			all := b.results[cell{s.name, name}]
			if len(all) == 0 {
				continue // the run ended before its turn
			}
			rates := each(all, func(f figures) float64 { return f.rate })
			middle := func(unit string, of func(figures) float64) string {
				return report.Amount(report.Median(each(all, of)), unit)
			}
			out = append(out, []string{name, s.name, report.Amount(report.Median(rates), "/s"), report.Amount(slices.Min(rates), "/s"), report.Amount(slices.Max(rates), "/s"),
				middle("µs", figures.cost), middle("ms", func(f figures) float64 { return ms(f.p50) }), middle("ms", func(f figures) float64 { return ms(f.p99) }),
				middle("%", func(f figures) float64 { return 100 * f.busy.Seconds() / f.took.Seconds() })})
		}
	}
	return report.Table([]string{"case", "system", "answers, median", "least", "most", "CPU an answer", "p50", "p99", "load generator busy"}, out)
}

// describe says what was measured with what.
func (b *bench) describe(a *report.About) {
	p := b.systems[0].page
	a.Item("page", "%d bytes, %d with gzip, seed %d", len(p.Plain.Bytes), len(p.Gzip.Bytes), b.o.seed)
	a.Item("rounds", "%d of %d s for each system and case; wrk -t1 -c%d on processor %d, servers on processor %d", b.o.rounds, b.o.seconds, b.o.connections, loadCPU, serverCPU)
	a.Item("wrk", "%s", says(b.o.wrk, "-v"))
	for _, name := range b.o.systems {
		switch name {
		case nginxName:
			a.Item(name, "%s", says(b.o.nginx, "-v"))
		case varnishName:
			a.Item(name, "%s", says(b.o.varnishd, "-V"))
		}
	}
}

// says is the first line of what a program says of itself, wherever and however it does so: wrk calls it a
// failure, and the others use their standard error.
func says(path, arg string) string {
	out, _ := exec.Command(path, arg).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

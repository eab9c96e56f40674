package main

import (
	"fmt"
	"math"
	"strings"

	"meridian/test/bench/report"
)

// result is a whole run.
type result struct {
	o     options
	idle  map[string]float64
	alone []figures // in the order of journeys
	steps []figures // the last one is beyond the knee
}

// knee is the last step that was carried, and the first that was not.
func (r result) knee() (at, beyond figures) {
	for _, f := range r.steps {
		if f.carried(r.o.limit) {
			at = f
		}
		beyond = f
	}
	return at, beyond
}

// leader is the core that worked most: it decides, the others follow.
func (f figures) leader() (name string) {
	for n, d := range f.cpu {
		if strings.HasPrefix(n, "core-") && (name == "" || d > f.cpu[name]) {
			name = n
		}
	}
	return name
}

// The arithmetic's assumptions, all of which the report names.
const (
	perMinute = 1.0 // journeys of one shopper a minute
	usable    = 0.6 // of a processor, so that a lost machine's share finds room
	edgeCPUs  = 8
	coreCPUs  = 16
)

func (r result) markdown(about string) string {
	at, beyond := r.knee()
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# Capacity\n\nWritten by `make load`: journeys of shoppers at three edges in three regions with a core each, all on one machine with the load itself, in steps up to the knee.\n"+
		"Figures belong to that machine and hour; what carries over is the cost of a journey, and from it the arithmetic below.\n\n%s\n", about)
	p("## What shoppers do\n\n")
	var rows [][]string
	for i, j := range journeys() {
		f := r.alone[i]
		rows = append(rows, []string{j.name, fmt.Sprintf("%.0f %%", j.share*100), j.what, fmt.Sprintf("%.1f", float64(f.requests)/float64(max(1, f.began))), ms(f.cost()), ms(f.costOf("edge")), ms(f.costOf("core-")), ms(f.costOf("payments"))})
	}
	b.WriteString(report.Table([]string{"journey", "of all", "requests", "how many", "CPU-ms", "of edges", "of cores", "of the provider"}, rows))
	p("\nEach was measured alone, at %.0f a second; what the processes use when nobody comes, %.2f processors together, is not counted. Six of a hundred visits buy, which is more than shops report, since buying is what costs.\n\n## Up to the knee\n\n", r.o.first/aloneShare, r.resting())
	rows = nil
	for _, f := range r.steps {
		verdict := "carried"
		if !f.carried(r.o.limit) {
			verdict = "too much"
			if f.example != nil {
				verdict += ": " + f.example.Error()
			}
		}
		rows = append(rows, []string{fmt.Sprintf("%.0f", f.rate), fmt.Sprintf("%.0f", f.doneRate()), fmt.Sprintf("%.0f", float64(f.requests)/f.took.Seconds()), fmt.Sprintf("%.1f %%", 100*float64(f.failed)/float64(max(1, f.began))),
			fmt.Sprintf("%.0f", f.p99().Seconds()*1000), ms(f.cost()), fmt.Sprintf("%.0f %%", 100*f.load.Seconds()/f.took.Seconds()), verdict})
	}
	b.WriteString(report.Table([]string{"journeys begun a second", "done", "requests a second", "failed", "slowest answer, p99 ms", "CPU-ms a journey", "one processor's share of the load generator", ""}, rows))
	if at.done == 0 {
		p("\nNot even the first step was carried: begin with `--first` lower.\n")
		return b.String()
	}
	p("\n**Carried: %.0f journeys a second**, %.0f requests, %.1f orders. A step is carried if fewer than one journey in a hundred fails and the p99 of a journey's slowest answer is at most %v.\n", at.doneRate(), float64(at.requests)/at.took.Seconds(), at.doneRate()*0.06, r.o.limit)
	r.bottleneck(p, at, beyond)
	r.arithmetic(p, at)
	return b.String()
}

func (r result) resting() (all float64) {
	for _, v := range r.idle {
		all += v
	}
	return all
}

func ms(v float64) string { return fmt.Sprintf("%.2f", v) }

// bottleneck says which program used most of the machine beyond the knee.
func (r result) bottleneck(p func(string, ...any), at, beyond figures) {
	p("\n## What is short first\n\n")
	var rows [][]string
	total := 0.0
	for _, kind := range []string{"edge", "core-", "payments"} {
		share := beyond.costOf(kind) * float64(max(1, beyond.done)) / 1000 / beyond.took.Seconds()
		total += share
		rows = append(rows, []string{strings.TrimSuffix(kind, "-"), fmt.Sprintf("%.2f", share)})
	}
	mine := beyond.load.Seconds() / beyond.took.Seconds()
	rows = append(rows, []string{"load generator", fmt.Sprintf("%.2f", mine)})
	p("%s", report.Table([]string{"in the last step", "processors"}, rows))
	p("\nTogether %.2f processors. Of a journey's %s ms edges take %s, the core that leads %s, each of the others about %s.\n", total+mine, ms(at.cost()), ms(at.costOf("edge")), ms(at.costOf(at.leader())), ms((at.costOf("core-")-at.costOf(at.leader()))/2))
}

// arithmetic goes from a journey's cost to a million shoppers.
func (r result) arithmetic(p func(string, ...any), at figures) {
	edge, leader, follower := at.costOf("edge"), at.costOf(at.leader()), (at.costOf("core-")-at.costOf(at.leader()))/2
	p("\n## From here to a million shoppers at once\n\nA shopper makes %g journey a minute; processors like this one are used to %.0f %%, so that what remains carries a lost machine's share; edges have %d of them, cores %d.\n\n", perMinute, usable*100, edgeCPUs, coreCPUs)
	var rows [][]string
	for _, shoppers := range []float64{1e4, 1e5, 1e6, 1e7} {
		rate := shoppers * perMinute / 60
		edges := rate * edge / 1000 / usable
		lead := rate * leader / 1000 / usable
		groups := math.Ceil(lead / coreCPUs)
		rows = append(rows, []string{fmt.Sprintf("%.0f", shoppers), fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f", rate*0.06), fmt.Sprintf("%.1f", edges), fmt.Sprintf("%.0f", max(2, math.Ceil(edges/edgeCPUs))), fmt.Sprintf("%.1f", lead), fmt.Sprintf("%.1f", rate*follower/1000/usable), fmt.Sprintf("%.0f", groups)})
	}
	p("%s", report.Table([]string{"shoppers at once", "journeys a second", "orders a second", "processors of edges", "edges of 8", "processors of the leader", "of each follower", "Raft groups"}, rows))
	p("\nOne Raft group ends where its leader's machine is full: at about %.0f journeys a second on %d processors, %s shoppers at once, if the leader's work spreads over its processors as it does here over two. "+
		"What does not spread is applying, one entry after the other: `make bench-core` shows how many commands a second that is in frames. Until then more regions need more edges and learners, not more groups.\n", coreCPUs*usable*1000/leader, coreCPUs, thousandsOf(coreCPUs*usable*1000/leader*60/perMinute))
	p("\nBeyond it the shop is cut by SKU: groups of cores that own a part of the catalogue's stock each, and carts and orders by their identifier. A checkout over several groups holds in each, in the order of the groups, and lets go of all if one refuses, " +
		"as it does over several lines today; conservation is per SKU, so it stays within a group. That is not built.\n")
}

func thousandsOf(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.1f million", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0f thousand", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

package main

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// figures are what one round showed.
type figures struct {
	orders int
	took   time.Duration // from the first request to the last piece of work behind the answers
	tail   time.Duration // the part of took after the last answer
	waits  []time.Duration
	cpu    map[string]time.Duration // of each process, over took
	load   time.Duration            // of the load generator, not in the sum
}

func (f figures) rate() float64 { return float64(f.orders) / f.took.Seconds() }

// cost is the processor time of an order in milliseconds, over all processes.
func (f figures) cost() float64 {
	var sum time.Duration
	for _, d := range f.cpu {
		sum += d
	}
	return f.each(sum)
}

func (f figures) each(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000 / float64(max(1, f.orders))
}

func (f figures) percentile(p float64) time.Duration {
	if len(f.waits) == 0 {
		return 0
	}
	sorted := slices.Clone(f.waits)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (f figures) String() string {
	s := fmt.Sprintf("%d orders, %.1f/s, p50 %.1f ms, p99 %.1f ms, %.2f CPU-ms an order (", f.orders, f.rate(), ms(f.percentile(0.5)), ms(f.percentile(0.99)), f.cost())
	names := make([]string, 0, len(f.cpu))
	for name := range f.cpu {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s %.2f", name, f.each(f.cpu[name]))
	}
	return s + fmt.Sprintf("); load generator %.2f; last work %.0f ms after the last answer", f.each(f.load), ms(f.tail))
}

func median(all []figures, of func(figures) float64) float64 {
	v := make([]float64, len(all))
	for i, f := range all {
		v[i] = of(f)
	}
	sort.Float64s(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// report prints the medians and, for each other system, how ours compares.
func report(systems []system, results map[string][]figures) {
	fmt.Printf("\n| medians | orders/s | p50 ms | p99 ms | CPU-ms an order |\n| --- | --- | --- | --- | --- |\n")
	line := func(name string) (rate, cost float64) {
		all := results[name]
		rate, cost = median(all, figures.rate), median(all, figures.cost)
		fmt.Printf("| %s | %.1f | %.1f | %.1f | %.2f |\n", name, rate,
			median(all, func(f figures) float64 { return ms(f.percentile(0.5)) }), median(all, func(f figures) float64 { return ms(f.percentile(0.99)) }), cost)
		return rate, cost
	}
	type pair struct{ rate, cost float64 }
	of := map[string]pair{}
	for _, s := range systems {
		r, c := line(s.name())
		of[s.name()] = pair{r, c}
	}
	ours := of["meridian"]
	for _, s := range systems[:len(systems)-1] {
		o := of[s.name()]
		fmt.Printf("\nmeridian / %s: %.2f × the orders a second, %.4f × the processor time of an order\n", s.name(), ours.rate/o.rate, ours.cost/o.cost)
	}
}

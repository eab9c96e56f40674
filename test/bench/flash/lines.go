package main

import (
	"slices"
	"time"

	"meridian/test/bench/report"
)

// lines are the table.
func lines(o options, rounds []figures) []report.Line {
	line := func(title, unit string, goal report.Goal, value func(figures) float64) report.Line {
		l := report.Line{Group: "flash", Title: title, Unit: unit, Goal: goal}
		for _, f := range rounds {
			l.Rounds = append(l.Rounds, value(f))
		}
		l.Value = report.Median(l.Rounds)
		return l
	}
	against := func(l report.Line, of string, this, that func(figures) float64) report.Line {
		var a, b []float64
		for _, f := range rounds {
			a, b = append(a, this(f)), append(b, that(f))
		}
		l.Of, l.Cells = of, []float64{report.Median(a), report.Median(b)}
		return l
	}
	worst := func(l report.Line) report.Line { // not the median: none may break it
		if len(l.Rounds) > 0 {
			l.Value = slices.Max(l.Rounds)
		}
		return l
	}
	p99 := func(get func(figures) []time.Duration) func(figures) float64 {
		return func(f figures) float64 { return percentile(get(f), 99).Seconds() * 1000 }
	}
	during, quiet := p99(func(f figures) []time.Duration { return f.room.during }), p99(func(f figures) []time.Duration { return f.room.quiet })
	browsing := p99(func(f figures) []time.Duration { return f.room.browsing })
	openDuring := p99(func(f figures) []time.Duration { return f.open.during })
	checkout, openCheckout := p99(func(f figures) []time.Duration { return f.room.checkouts }), p99(func(f figures) []time.Duration { return f.open.checkouts })
	return []report.Line{
		worst(line("units sold beyond what there was, through a room and without one", "units", report.AtMost(0), func(f figures) float64 { return float64(max(f.room.oversold, 0) + max(f.open.oversold, 0)) })),
		line("units sold, of those there were", "×", report.Shown(), func(f figures) float64 { return float64(f.room.bought) / float64(o.units) }),
		worst(line("visitors who got an answer that they should not", "", report.AtMost(0), func(f figures) float64 { return float64(f.room.failed) })),
		line("let in a second, of what the room says: distance from 1", "×", report.AtMost(0.05), func(f figures) float64 { return max(f.room.rate/o.rate-1, 1-f.room.rate/o.rate) }),
		line("pairs who came more than 250 ms apart, on two edges, and were let in as they came", "×", report.AtLeast(0.99), func(f figures) float64 { return f.room.inOrder }),
		worst(line("payments that one client had under way at once", "", report.AtMost(greedyCap), func(f figures) float64 { return float64(f.room.perClient) })),
		worst(line("payments that one payment token had under way at once", "", report.AtMost(greedyTokenCap), func(f figures) float64 { return float64(f.room.perToken) })),
		line("those who wait know that nothing is left, p99 after the last sale", "ms", report.Shown(), p99(func(f figures) []time.Duration { return f.room.told })),
		against(line("a cached page meanwhile, p99, against the same crowd without a room", "×", report.Shown(), func(f figures) float64 { return during(f) / openDuring(f) }), "ms", during, openDuring),
		against(line("a cached page meanwhile, p99, against as many requests for pages and no sale", "×", report.Shown(), func(f figures) float64 { return during(f) / browsing(f) }), "ms", during, browsing),
		against(line("a cached page meanwhile, p99, against before the sale", "×", report.Shown(), func(f figures) float64 { return during(f) / quiet(f) }), "ms", during, quiet),
		against(line("cart, line and checkout of those who buy, p99, against the same crowd without a room", "×", report.Shown(), func(f figures) float64 { return checkout(f) / openCheckout(f) }), "ms", checkout, openCheckout),
	}
}

func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	return s[min(len(s)*p/100, len(s)-1)]
}

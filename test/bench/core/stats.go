package main

import (
	"math"
	"slices"
	"time"
)

// result is what one run of one system gave.
type result struct {
	commands int           // acknowledged within the measured time
	over     time.Duration // the measured time
	latency  []time.Duration
	// repeats are commands that had to be sent again because their outcome was not known or they were refused.
	repeats int
	// entries are the log entries a command took, where the run counts them.
	entries float64
}

// rate is commands a second.
func (r result) rate() float64 {
	if r.over <= 0 {
		return 0
	}
	return float64(r.commands) / r.over.Seconds()
}

// p50 and p99 are latencies of requests in milliseconds, whatever number of commands a request has.
func (r result) p50() float64 { return milliseconds(r.latency, 0.50) }
func (r result) p99() float64 { return milliseconds(r.latency, 0.99) }

// milliseconds is a percentile as a number, which is none when nothing was measured.
func milliseconds(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return ms(percentile(sorted, p))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// percentile is the nearest-rank percentile of sorted values, of which there is at least one: the
// smallest that at least the share p of them does not exceed.
func percentile(sorted []time.Duration, p float64) time.Duration {
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func sortedDurations(ds []time.Duration) []time.Duration { return slices.Sorted(slices.Values(ds)) }

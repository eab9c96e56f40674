package main

import (
	"math"
	"testing"
	"time"
)

func TestPercentileIsNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		sorted []time.Duration
		p      float64
		want   time.Duration
	}{
		{hundred, 0.50, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{hundred[:10], 0.99, 10}, {hundred[:10], 0.50, 5}, {hundred[:1], 0.50, 1}, {hundred[:3], 0.50, 2},
	} {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("percentile %v of %d values is %d, want %d", c.p, len(c.sorted), got, c.want)
		}
	}
}

func TestResult(t *testing.T) {
	r := result{commands: 300, over: 1500 * time.Millisecond, latency: []time.Duration{time.Millisecond, 2 * time.Millisecond, 40 * time.Millisecond}}
	if r.rate() != 200 || r.p50() != 2 || r.p99() != 40 {
		t.Errorf("rate %v, p50 %v, p99 %v", r.rate(), r.p50(), r.p99())
	}
	if none := (result{over: time.Second}); none.rate() != 0 || !math.IsNaN(none.p99()) {
		t.Errorf("a run in which nothing completed has rate %v and p99 %v", none.rate(), none.p99())
	}
}

func TestTrips(t *testing.T) {
	far, near := result{latency: []time.Duration{163 * time.Millisecond}}, result{latency: []time.Duration{2 * time.Millisecond}}
	if got := trips([]result{far, near}); got != 2 {
		t.Errorf("161 ms more at 80 ms of distance are %v trips", got)
	}
	if got := appends([]result{{entries: 2}}); got != 4 {
		t.Errorf("two entries are %v appends", got)
	}
}

package main

import (
	"math"
	"testing"

	"github.com/google/pprof/profile"
)

// A sample belongs to the log if any of its functions does, else to the counters if one does.
func TestShares(t *testing.T) {
	sample := func(n int64, stack ...string) *profile.Sample {
		s := &profile.Sample{Value: []int64{n, n * 1e7}}
		for _, name := range stack {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
		}
		return s
	}
	all := []*profile.Sample{
		sample(90, "syscall.Syscall", "meridian/edge.(*conn).answer", "meridian/edge.(*conn).serve"),
		sample(6, "github.com/prometheus/client_golang/prometheus.(*counter).Inc", "meridian/edge.(*metrics).answered", "meridian/edge.(*conn).handOver"),
		sample(4, "github.com/prometheus/client_golang/prometheus.(*counter).Inc", "meridian/edge.(*Server).shorten"),
	}
	f, err := shares(&profile.Profile{Sample: all})
	if err != nil || f.samples != 100 || math.Abs(f.log-0.06) > 1e-9 || math.Abs(f.counters-0.04) > 1e-9 {
		t.Errorf("%+v: %v", f, err)
	}
	if _, err := shares(&profile.Profile{Sample: all[:1]}); err == nil {
		t.Error("a profile in which nothing is logged says nothing about the log")
	}
	if _, err := shares(&profile.Profile{Sample: all[1:]}); err == nil {
		t.Error("ten samples are enough")
	}
}

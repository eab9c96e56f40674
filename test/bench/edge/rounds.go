package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

// bench is one run of the whole.
type bench struct {
	o           options
	dir, memory string // scratch: output and settings; what must not touch a disk
	pageFile    string
	shops       []*shop.Shop
	processes   []*process.Process
	systems     []*system // ours is the first
	results     map[cell][]figures
	herded      map[herdKey][]herdFigures
	dripped     map[string][]dripFigures // by kind
	fill        []fillFigures
	telemetries []telemetryFigures
}

// cell is a system under one load.
type cell struct{ system, load string }

// figures are what one run showed.
type figures struct {
	answers
	cpu  time.Duration // of the server's process tree, over the run
	took time.Duration
}

// cost is the server's processor time of an answer in microseconds.
func (f figures) cost() float64 { return float64(f.cpu.Nanoseconds()) / 1000 / float64(f.requests) }

func (f figures) String() string {
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / f.took.Seconds() }
	return fmt.Sprintf("%8.0f/s  p50 %7.3f ms  p99 %7.3f ms  %6.2f CPU-µs an answer  (server %3.0f %% of its processor, load generator %3.0f %%)",
		f.rate, ms(f.p50), ms(f.p99), f.cost(), share(f.cpu), share(f.busy))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rotated is the order of a round: each starts with another system, so that none always has the same place.
func rotated(all []*system, round int) []*system {
	k := round % len(all)
	return append(append([]*system{}, all[k:]...), all[:k]...)
}

// measure warms everybody up, which fills the caches with every variant, and then measures in rounds.
func (b *bench) measure(ctx context.Context) error {
	b.results = map[cell][]figures{}
	loads := map[cell]load{}
	for _, s := range b.systems {
		for _, name := range b.o.cases {
			l, err := s.prepare(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			loads[cell{s.name, name}] = l
			warm := b.o
			warm.seconds = 1
			if _, err := drive(ctx, warm, s.base+s.page.Path, l); err != nil {
				return fmt.Errorf("%s, warming up: %w", s.name, err)
			}
		}
	}
	for round := range b.o.rounds {
		for _, name := range b.o.cases {
			for _, s := range rotated(b.systems, round) {
				c := cell{s.name, name}
				f, err := s.run(ctx, b.o, loads[c])
				if err != nil {
					return fmt.Errorf("round %d, %s, %s: %w", round+1, s.name, name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d  %-5s  %-8s %s\n", round+1, name, s.name, f)
				b.results[c] = append(b.results[c], f)
			}
		}
	}
	return nil
}

// prepare fills the cache with what a case needs and learns the entity tag that it sends.
func (s *system) prepare(ctx context.Context, name string) (load, error) {
	if _, err := loadOf("plain", s.page, "").check(ctx, s.base, s.page.Path); err != nil {
		return load{}, err
	}
	res, err := loadOf("gzip", s.page, "").check(ctx, s.base, s.page.Path)
	if err != nil {
		return load{}, err
	}
	etag := res.Header.Get("ETag")
	if etag == "" {
		return load{}, errors.New("its answers have no ETag")
	}
	return loadOf(name, s.page, etag), nil
}

// run is one turn of one system: the answer is checked, the counters are read, the load runs, and the counters
// are read again. Only the load is between the two readings of the processor time.
func (s *system) run(ctx context.Context, o options, l load) (f figures, err error) {
	res, err := l.check(ctx, s.base, s.page.Path)
	if err != nil {
		return f, err
	}
	if s.hit != nil {
		if err := s.hit(res.Header); err != nil {
			return f, err
		}
	}
	before, err := s.counters(ctx)
	if err != nil {
		return f, err
	}
	cpu, err := process.Tree(s.pid)
	if err != nil {
		return f, err
	}
	began := time.Now()
	if f.answers, err = drive(ctx, o, s.base+s.page.Path, l); err != nil {
		return f, err
	}
	f.took = time.Since(began)
	after, err := process.Tree(s.pid)
	if err != nil {
		return f, err
	}
	f.cpu = after - cpu
	now, err := s.counters(ctx)
	if err != nil {
		return f, err
	}
	if missed := now[0] - before[0]; missed != 0 {
		return f, fmt.Errorf("%.0f of %d answers did not come out of the cache", missed, f.requests)
	}
	if hits := now[1] - before[1]; s.hits != nil && hits < float64(f.requests) {
		return f, fmt.Errorf("it counts %.0f hits for %d answers", hits, f.requests)
	}
	return f, f.fits(l)
}

// counters are the answers that did not come out of the cache, and those that did.
func (s *system) counters(ctx context.Context) (n [2]float64, err error) {
	for i, read := range []func(context.Context) (float64, error){s.counted, s.hits} {
		if read == nil {
			continue
		}
		if n[i], err = read(ctx); err != nil {
			return n, err
		}
	}
	return n, nil
}

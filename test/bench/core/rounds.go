package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"meridian/test/bench/report"
)

// bench is one run of the whole.
type bench struct {
	opts options
	dir  string // scratch, on a real disk
	bin  string // where core and payments are
	out  io.Writer
	seed uint64
	runs uint64
}

// sample is what one cell gave, round by round.
type sample []result

// measurements are all samples, by cell.
type measurements map[cell]sample

// cellsOf are the loads that the rows need of a target, each once.
func cellsOf(rs []row, target string) (out []cell) {
	seen := map[cell]bool{}
	for _, r := range rs {
		for _, c := range r.cells {
			if c.target == target && !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// needed are the targets that the rows use.
func needed(rs []row, all []target) (out []target) {
	for _, t := range all {
		if len(cellsOf(rs, t.key)) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// rotated is the order of a round: each starts with another system, so that none always has the same place.
func rotated(ts []target, round int) []target {
	k := round % len(ts)
	return append(append([]target{}, ts[k:]...), ts[:k]...)
}

// rounds measures every cell in every round. One system at a time runs, alone and on fresh data.
func (b *bench) rounds(ctx context.Context, rs []row) (measurements, error) {
	m := measurements{}
	ts := needed(rs, targets())
	if len(ts) == 0 {
		return m, nil
	}
	for round := range b.opts.rounds {
		for _, t := range rotated(ts, round) {
			fmt.Fprintf(b.out, "round %d of %d: %s\n", round+1, b.opts.rounds, t.title)
			if err := b.visit(ctx, t, cellsOf(rs, t.key), m); err != nil {
				return m, fmt.Errorf("round %d, %s: %w", round+1, t.title, err)
			}
		}
	}
	return m, nil
}

// visit opens a target, runs its cells and closes it.
func (b *bench) visit(ctx context.Context, t target, cells []cell, m measurements) (err error) {
	began := time.Now()
	s, err := t.open(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	fmt.Fprintf(b.out, "  ready after %.1f s\n", time.Since(began).Seconds())
	w := window{warm: b.opts.warm, measured: b.opts.measured}
	for _, c := range cells {
		b.runs++
		r, err := measure(ctx, s, c.load, w, b.seed+b.runs)
		if err != nil {
			return fmt.Errorf("%s: %w", c.load, err)
		}
		m[c] = append(m[c], r)
		fmt.Fprintf(b.out, "  %-55s %12s  p50 %8.2f ms  p99 %8.2f ms%s\n", c.load, speed(c.load, r), r.p50(), r.p99(), repeated(r))
	}
	return nil
}

// speed of a client that is alone says nothing beyond its latency.
func speed(l load, r result) string {
	if l.samples > 0 {
		return fmt.Sprintf("%d", len(r.latency))
	}
	return report.Amount(r.rate(), "/s")
}

func repeated(r result) string {
	if r.repeats == 0 {
		return ""
	}
	return fmt.Sprintf("  (%d sent again)", r.repeats)
}

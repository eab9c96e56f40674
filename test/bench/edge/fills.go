package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/pause"
	"meridian/test/bench/process"
	"meridian/test/bench/report"
	"meridian/test/bench/shop"
)

// fillsCase is measured only when it is named: pages that nobody has cached, until the cache is full and beyond.
const fillsCase = "fills"

const (
	fillPages   = 9000      // more than fit
	fillCache   = 256 << 20 // the edge's default
	fillTimed   = 1000      // of which the processor time is taken, one after the other
	fillWriters = 8
)

// fillFigures are what one full cache showed.
type fillFigures struct {
	page     time.Duration // processor time of the edge for a page that nobody has cached
	resident float64       // the most that the edge had in memory, bytes
}

// fills measures an edge of its own in each round.
func (b *bench) fills(ctx context.Context) error {
	for round := range b.o.rounds {
		f, err := b.filled(ctx, round)
		if err != nil {
			return fmt.Errorf("round %d, a full cache: %w", round+1, err)
		}
		fmt.Fprintf(os.Stderr, "round %d  %.3f ms of processor for a page that nobody has cached  %.0f MiB resident with a cache of %d MiB\n", round+1, ms(f.page), f.resident/(1<<20), fillCache>>20)
		b.fill = append(b.fill, f)
	}
	return nil
}

func (b *bench) filled(ctx context.Context, round int) (f fillFigures, err error) {
	s, err := shop.Start(ctx, shop.Options{Bin: b.o.bin, Cores: 1, Edge: pinned, EdgeArgs: []string{"--unlimited", "127.0.0.0/8"}})
	if err != nil {
		return f, err
	}
	b.shops = append(b.shops, s)
	defer func() { _ = s.Stop() }()
	handle := func(i int) string { return fmt.Sprintf("fill-%d", i) }
	err = many(ctx, fillPages, func(ctx context.Context, i int) error {
		text := sentences(rand.New(rand.NewPCG(b.o.seed, uint64(round*fillPages+i))), b.o.size*4/5)
		return putProduct(ctx, s, handle(i), strings.ToUpper(handle(i)), text)
	})
	if err != nil {
		return f, err
	}
	pid := s.PID("edge")
	before, err := process.Tree(pid)
	if err != nil {
		return f, err
	}
	for i := range fillTimed {
		if err := fetch(ctx, s.Edge, handle(i), "gzip"); err != nil {
			return f, err
		}
	}
	after, err := process.Tree(pid)
	if err != nil {
		return f, err
	}
	f.page = (after - before) / fillTimed
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() {
		for watching.Err() == nil {
			n, err := process.Resident(pid)
			if err != nil {
				watched <- err
				return
			}
			f.resident = max(f.resident, float64(n))
			_ = pause.For(watching, 50*time.Millisecond)
		}
		watched <- nil
	}()
	// All of them, and then in no order and in every encoding, which the edge compresses anew in the background.
	err = many(ctx, fillPages, func(ctx context.Context, i int) error { return fetch(ctx, s.Edge, handle(i), "gzip") })
	if err == nil {
		err = many(ctx, 3*fillPages, func(ctx context.Context, i int) error {
			return fetch(ctx, s.Edge, handle(rand.IntN(fillPages)), []string{"br", "gzip", "identity"}[i%3])
		})
	}
	stop()
	if e := <-watched; err == nil {
		err = e
	}
	if err != nil {
		return f, err
	}
	free, err := shop.Client{Base: s.Ops["edge"]}.Gauge(ctx, "meridian_edge_cache_free_bytes")
	if err == nil && free > fillCache/50 {
		err = fmt.Errorf("%.0f of %d bytes of the cache are free: it is not full", free, fillCache)
	}
	return f, err
}

// many does something n times, some at once.
func many(ctx context.Context, n int, do func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fillWriters)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// fetch reads a product's page to its end.
func fetch(ctx context.Context, base, handle, encoding string) error {
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/products/"+handle, nil)
	if err != nil {
		return err
	}
	req.Host = host
	req.Header.Set("Accept-Encoding", encoding)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", handle, res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// fillLines hold ours to its goals.
func (b *bench) fillLines() (out []report.Line) {
	if len(b.fill) == 0 {
		return nil
	}
	line := func(title, unit string, goal report.Goal, of func(fillFigures) float64) {
		l := report.Line{Group: fillsCase, Title: title, Unit: unit, Goal: goal}
		for _, f := range b.fill {
			l.Rounds = append(l.Rounds, of(f))
		}
		l.Value = report.Median(l.Rounds)
		out = append(out, l)
	}
	line("processor time of the edge for a page that nobody has cached", "ms", report.AtMost(1), func(f fillFigures) float64 { return ms(f.page) })
	line("most resident memory with a full cache, over --cache-bytes", "×", report.AtMost(1.5), func(f fillFigures) float64 { return f.resident / fillCache })
	return out
}

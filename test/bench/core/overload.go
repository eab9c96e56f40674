package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
	"meridian/internal/pause"
	"meridian/test/bench/report"
)

// overloadGroup is measured only when it is asked for: it is about one system, not about peers.
const overloadGroup = "overload"

const (
	// offered is how many times the capacity comes in a storm.
	offered = 10
	// deadline is how long an answer is worth something.
	deadline = time.Second
	// skipAfter is how late an arrival may be taken up: then it is gone, and newer ones have their turn.
	skipAfter = 10 * time.Millisecond
)

// storm is a kind of overload: what comes, and over how many connections. Beyond them a client has nowhere
// to go, as in an edge whose connections are all taken.
type storm struct {
	title             string
	batch             int
	calm, connections int
}

var storms = []storm{
	{"a request each", 1, 256, 2048},
	{"64 commands a frame", 64, 64, 512},
}

// outcome counts what became of commands.
type outcome struct {
	done    atomic.Int64 // acknowledged
	timely  atomic.Int64 // acknowledged within the deadline
	refused atomic.Int64 // 503: certainly not done
	unknown atomic.Int64
	unsent  atomic.Int64 // there was no free connection

	mu      sync.Mutex
	latency []time.Duration // of what was acknowledged, a request each
	bad     error
}

// overloads measures capacity with as many clients as make it, and what is left of it in a storm.
func (b *bench) overloads(ctx context.Context) (ls []report.Line, err error) {
	c, err := openCores(ctx, b, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for _, s := range storms {
		var ratios, calmRates, goods, p99s, calmP99s []float64
		for round := range b.opts.rounds {
			before, err := c.stock()
			if err != nil {
				return nil, err
			}
			calm, stormy := &outcome{}, &outcome{}
			capacity := b.weather(ctx, c, s, s.calm, 0, calm)
			good := b.weather(ctx, c, s, s.connections, offered*capacity, stormy)
			if err := errors.Join(ctx.Err(), calm.bad, stormy.bad, c.healthy(ctx), kept(c, before, calm, stormy)); err != nil {
				return nil, fmt.Errorf("overload, %s: %w", s.title, err)
			}
			fmt.Fprintf(b.out, "  %s, round %d: capacity %.0f/s, offered %.0f/s; in the storm %.0f/s within %v (%.2f×), %d refused, %d without a connection, %d unknown; p99 %.0f ms, in the calm %.0f ms\n",
				s.title, round+1, capacity, offered*capacity, good, deadline, good/capacity, stormy.refused.Load(), stormy.unsent.Load(), stormy.unknown.Load(), stormy.p99(), calm.p99())
			ratios, calmRates, goods, p99s, calmP99s = append(ratios, good/capacity), append(calmRates, capacity), append(goods, good), append(p99s, stormy.p99()), append(calmP99s, calm.p99())
		}
		l := report.Line{Group: overloadGroup, Title: fmt.Sprintf("%d times the capacity offered, %s: answers within %v over capacity", offered, s.title, deadline), Unit: "×", Goal: report.AtLeast(0.9),
			Rounds: ratios, Cells: []float64{report.Median(goods), report.Median(calmRates)}, Value: report.Median(ratios)}
		p := report.Line{Group: overloadGroup, Title: "p99 of what was acknowledged in the storm, " + s.title, Of: "ms", Unit: "ms", Goal: report.AtMost(ms(deadline)),
			Rounds: p99s, Cells: []float64{report.Median(p99s), report.Median(calmP99s)}, Value: report.Median(p99s)}
		ls = append(ls, l, p)
	}
	return ls, nil
}

func (o *outcome) p99() float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return milliseconds(sortedDurations(o.latency), 0.99)
}

// kept verifies that every acknowledged command took its unit, and that no refused one did.
func kept(c *cores, before []int64, outcomes ...*outcome) error {
	after, err := c.stock()
	if err != nil {
		return err
	}
	var taken, done, unknown int64
	for i := range before {
		taken += before[i] - after[i]
	}
	for _, o := range outcomes {
		done, unknown = done+o.done.Load(), unknown+o.unknown.Load()
	}
	if taken < done || taken > done+unknown {
		return fmt.Errorf("%d commands were acknowledged and the outcome of %d is not known, but %d units were taken", done, unknown, taken)
	}
	return nil
}

// weather lets commands come at a rate, or as fast as they are answered if that is 0, and gives the rate
// of timely answers, without the warm-up.
func (b *bench) weather(ctx context.Context, c *cores, s storm, connections int, rate float64, o *outcome) float64 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrivals := &arrivals{every: time.Duration(float64(s.batch) / max(rate, 1) * float64(time.Second)), closed: rate == 0, began: time.Now(), unsent: &o.unsent, batch: int64(s.batch)}
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			if err := b.client(ctx, c, s, arrivals, o); err != nil {
				o.mu.Lock()
				o.bad = err
				o.mu.Unlock()
				cancel()
			}
		})
	}
	_ = pause.For(ctx, b.opts.warm)
	o.mu.Lock()
	o.latency = nil
	o.mu.Unlock()
	from, began := o.timely.Load(), time.Now()
	_ = pause.For(ctx, b.opts.measured)
	n, took := o.timely.Load()-from, time.Since(began)
	cancel()
	wg.Wait()
	return float64(n) / took.Seconds()
}

// arrivals is an open loop: requests come at their times, whether anybody is free or not. Those that
// nobody could take by then are gone.
type arrivals struct {
	every  time.Duration
	closed bool
	began  time.Time
	batch  int64
	unsent *atomic.Int64

	mu   sync.Mutex
	next int64
}

// take waits for a request and gives the time at which it came.
func (a *arrivals) take(ctx context.Context) time.Time {
	if a.closed {
		return time.Now()
	}
	a.mu.Lock()
	if late := time.Since(a.began.Add(time.Duration(a.next) * a.every)); late > skipAfter {
		gone := int64(late / a.every)
		a.unsent.Add(gone * a.batch)
		a.next += gone
	}
	due := a.began.Add(time.Duration(a.next) * a.every)
	a.next++
	a.mu.Unlock()
	if wait := time.Until(due); wait > 0 {
		_ = pause.For(ctx, wait)
	}
	return due
}

// client sends what comes, each command once.
func (b *bench) client(ctx context.Context, c *cores, s storm, in *arrivals, o *outcome) error {
	p := &caller{cores: c, patience: deadline}
	if err := p.redial(); err != nil {
		return err
	}
	defer func() { p.close() }()
	rng := rand.New(rand.NewPCG(rand.Uint64(), b.seed))
	commands := make([]command, s.batch)
	for ctx.Err() == nil {
		due := in.take(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for i := range commands {
			binary.LittleEndian.PutUint64(commands[i].id[:], rng.Uint64())
			binary.LittleEndian.PutUint64(commands[i].id[8:], rng.Uint64())
			commands[i].sku = 1 + rng.IntN(skuCount)
		}
		done, err := p.once(commands, o)
		if errors.Is(err, errRefused) {
			return err
		}
		took := time.Since(due)
		o.done.Add(int64(done))
		if took <= deadline {
			o.timely.Add(int64(done))
		}
		if done > 0 {
			o.mu.Lock()
			o.latency = append(o.latency, took)
			o.mu.Unlock()
		}
		if err != nil { // the connection is broken
			p.wire.close()
			w, err := dialWire(c.leader().api, deadline)
			if err != nil {
				return err
			}
			p.wire = w
		}
	}
	return nil
}

// once sends commands a single time and counts what was refused and what is unknown.
func (p *caller) once(commands []command, o *outcome) (done int, err error) {
	p.encode(commands)
	w := p.wire
	if len(commands) == 1 {
		w.out = appendHead(w.out[:0], api.StockAdjust.Name, p.patience)
		w.out = append(append(w.out, "X-Meridian-Credential: staff:"+staffToken+"\r\nIdempotency-Key: "...), p.keys[0]...)
		w.out = appendBody(append(w.out, "\r\n"...), "application/json", []byte(`{"sku":"`+skuNames[commands[0].sku]+`","delta":-1,"reason":"sold"}`))
	} else {
		p.frameCalls()
		p.frame = api.Frame{Calls: p.calls}.Append(p.frame[:0])
		w.out = appendBody(appendHead(w.out[:0], "frame", p.patience), api.FrameType, p.frame)
	}
	status, body, err := w.exchange()
	n := int64(len(commands))
	switch {
	case err != nil, status == 504:
		o.unknown.Add(n)
		return 0, err
	case status == 503 && bytes.Contains(body, []byte(`"overloaded"`)):
		o.refused.Add(n)
		return 0, nil
	case status != 200:
		return 0, fmt.Errorf("%w: %d %s", errRefused, status, body)
	case len(commands) == 1 || allSucceeded(body, len(commands)):
		return len(commands), nil
	}
	results, err := api.ParseFrameResults(body, len(commands))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errRefused, err)
	}
	for _, r := range results.Results {
		switch {
		case r.Status == 200:
			done++
		case r.Status == 504:
			o.unknown.Add(1)
		case r.Status == 503 && bytes.Contains(r.Body, []byte(`"overloaded"`)):
			o.refused.Add(1)
		default:
			return 0, fmt.Errorf("%w: %d %s", errRefused, r.Status, r.Body)
		}
	}
	return done, nil
}

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// skuCount is how many SKUs the uniform loads choose from; SKU 0 is the hot one and not among them.
const skuCount = 10_000

// initialStock is on hand of every SKU before the first command.
const initialStock = 1_000_000_000

// command takes one unit of a SKU from stock, under an identity of its own.
type command struct {
	id  [16]byte
	sku int
}

// system keeps stock.
type system interface {
	// connect opens one client with a connection of its own.
	connect(op op) (client, error)
	// stock is what is on hand of every SKU, by number.
	stock() ([]int64, error)
	// close ends the system and whatever it kept.
	close() error
}

// client is one connection. It is used by one goroutine.
type client interface {
	// do returns when the outcome of every command is known and each took its unit.
	do(commands []command) error
	close()
}

// preparer is a client that has work to do before the clock starts.
type preparer interface{ prepare() error }

// op is what a request asks for.
type op string

const (
	opAdjust   op = "decrement"
	opExact    op = "exact read"
	opMemory   op = "unchecked read"
	opCheckout op = "checkout"
)

// load is how a system is driven: a closed loop of clients.
type load struct {
	op      op
	clients int
	pipe    int // commands in one request
	hot     bool
	samples int // requests that each client makes at least, whatever time it takes
}

func (l load) String() string {
	where := "uniform"
	if l.hot {
		where = "hot"
	}
	s := fmt.Sprintf("%s, %s, %d clients", l.op, where, l.clients)
	if l.pipe > 1 {
		s += fmt.Sprintf(", %d a request", l.pipe)
	}
	return s
}

// window is when what completes counts.
type window struct{ warm, measured time.Duration }

// drive is one measurement under way.
type drive struct {
	load     load
	from, to time.Time
	sold     []atomic.Int64 // acknowledged, by SKU, warm-up included
	stop     atomic.Bool
}

func newLedger() []atomic.Int64 { return make([]atomic.Int64, skuCount+1) }

// worker is one client's part of a run.
type worker struct {
	client   client
	rng      *rand.Rand
	commands []command
	latency  []time.Duration
	err      error
}

// measure drives a system and checks afterwards that it sold exactly what it acknowledged.
func measure(ctx context.Context, s system, l load, w window, seed uint64) (result, error) {
	before, err := s.stock()
	if err != nil {
		return result{}, fmt.Errorf("stock before the run: %w", err)
	}
	workers, err := connect(s, l, seed)
	defer func() {
		for _, w := range workers {
			if w.client != nil {
				w.client.close()
			}
		}
	}()
	if err != nil {
		return result{}, err
	}
	d := &drive{load: l, sold: newLedger()}
	res, err := d.loop(ctx, workers, w)
	if err != nil {
		return result{}, err
	}
	after, err := s.stock()
	if err != nil {
		return result{}, fmt.Errorf("stock after the run: %w", err)
	}
	return res, d.conserved(before, after)
}

// connect opens the clients, a few at a time: a system may take its time for a connection.
func connect(s system, l load, seed uint64) ([]*worker, error) {
	workers := make([]*worker, l.clients)
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{rng: rand.New(rand.NewPCG(seed, uint64(i))), commands: make([]command, l.pipe)}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			workers[i].client, workers[i].err = s.connect(l.op)
		})
	}
	wg.Wait()
	var errs []error
	for _, w := range workers {
		errs = append(errs, w.err)
	}
	if err := errors.Join(errs...); err != nil {
		return workers, fmt.Errorf("connect %d clients: %w", l.clients, err)
	}
	return workers, nil
}

func (d *drive) loop(ctx context.Context, workers []*worker, w window) (result, error) {
	start := time.Now()
	d.from, d.to = start.Add(w.warm), start.Add(w.warm+w.measured)
	defer context.AfterFunc(ctx, func() { d.stop.Store(true) })()
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() {
			if w.err = d.work(w); w.err != nil {
				d.stop.Store(true)
			}
		})
	}
	wg.Wait()
	res := result{over: w.measured}
	var errs []error
	for _, w := range workers {
		res.latency = append(res.latency, w.latency...)
		errs = append(errs, w.err)
		if c, ok := w.client.(interface{ tally(*result) }); ok {
			c.tally(&res)
		}
	}
	res.commands = len(res.latency) * d.load.pipe
	slices.Sort(res.latency)
	if ctx.Err() != nil {
		return res, ctx.Err()
	}
	if err := errors.Join(errs...); err != nil {
		return res, err
	}
	return res, nil
}

// work sends one request after the other until the time is over. Requests that were sent in time are
// waited for, because what they sold has to be known.
func (d *drive) work(w *worker) error {
	for !d.stop.Load() {
		for i := range w.commands {
			c := &w.commands[i]
			c.sku = 0
			if !d.load.hot {
				c.sku = 1 + w.rng.IntN(skuCount)
			}
			binary.LittleEndian.PutUint64(c.id[:8], w.rng.Uint64())
			binary.LittleEndian.PutUint64(c.id[8:], w.rng.Uint64())
		}
		if p, ok := w.client.(preparer); ok {
			if err := p.prepare(); err != nil {
				return err
			}
		}
		began := time.Now()
		if began.After(d.to) && len(w.latency) >= d.load.samples {
			return nil
		}
		if err := w.client.do(w.commands); err != nil {
			return err
		}
		ended := time.Now()
		if d.load.op == opAdjust || d.load.op == opCheckout {
			for _, c := range w.commands {
				d.sold[c.sku].Add(1)
			}
		}
		if ended.After(d.from) && (!ended.After(d.to) || len(w.latency) < d.load.samples) {
			w.latency = append(w.latency, ended.Sub(began))
		}
	}
	return nil
}

// conserved compares, SKU by SKU, what left the shelf with what was acknowledged.
func (d *drive) conserved(before, after []int64) error {
	var wrong []string
	for sku := range d.sold {
		sold, left := d.sold[sku].Load(), before[sku]-after[sku]
		if sold != left && len(wrong) < 5 {
			wrong = append(wrong, fmt.Sprintf("SKU %d: %d acknowledged, %d gone", sku, sold, left))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("stock is not conserved: %v", wrong)
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"meridian/core"
	"meridian/core/seal"
)

const (
	// ordersPerEntry fills an entry of the log about as a busy leader does.
	ordersPerEntry = 50
	// spacingMS is the log time between two orders: ten million take a year, and the keys of a week live.
	spacingMS = 3000
	// samplesMS is room in time for the orders of the samples.
	samplesMS = 24 * 60 * 60 * 1000
)

// mark is how far a state in --dir has come, so that a run can go on with it.
type mark struct {
	SKUs, Customers, Orders int
	NowMS                   int64
	// Slices counts the outbox slices that each consumer has acknowledged; Pending the entries since.
	Slices, Pending int
}

// filler applies commands to a state as the log of a busy shop would.
type filler struct {
	o    options
	m    *core.Machine
	shop *shop
	mark mark
}

func (f *filler) path(name string) string { return filepath.Join(f.o.dir, name) }

// open opens the state; every is the time between checkpoints.
func (f *filler) open(every time.Duration) (err error) {
	began := time.Now()
	f.m, err = core.OpenMachine(core.MachineConfig{Path: f.path("state.db"), CheckpointEvery: every,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Fail:   func(err error) { fmt.Fprintln(os.Stderr, "growth: the state stopped:", err); os.Exit(1) }})
	if took := time.Since(began); err == nil && took > time.Second {
		progress("state opened in %v", took.Round(10*time.Millisecond))
	}
	return err
}

// close makes all of it durable, with the mark beside it.
func (f *filler) close() error {
	if err := f.m.Close(); err != nil {
		return err
	}
	b, err := json.Marshal(f.mark)
	if err != nil {
		return err
	}
	return os.WriteFile(f.path("mark.json"), b, 0o600)
}

// refusal is how a result of the state machine says that a command was refused.
type refusal interface{ Refusal() error }

// apply applies one entry of the log; a command that is refused is an error of this program.
func (f *filler) apply(commands [][]byte) error {
	index, _ := f.m.Applied()
	for i, r := range f.m.Apply(index+1, 1, header(f.mark.NowMS), commands) {
		if err := r.(refusal).Refusal(); err != nil {
			return fmt.Errorf("command %d (type %d) of entry %d was refused: %w", i, commands[i][0], index+1, err)
		}
	}
	return nil
}

// fill brings the state to the size that is asked for, and measures the cost of orders at 10 thousand
// and every ten times that.
func fill(ctx context.Context, o options, r *report) error {
	ring, err := seal.OpenKeyring(filepath.Join(o.dir, "keyring"), true)
	if err != nil {
		return err
	}
	// The last order is about now: a core would find all that a day holds over at once otherwise.
	f := &filler{o: o, mark: mark{NowMS: time.Now().UnixMilli() - int64(o.orders)*spacingMS - samplesMS}}
	if b, err := os.ReadFile(f.path("mark.json")); err == nil {
		if err := json.Unmarshal(b, &f.mark); err != nil {
			return fmt.Errorf("%s: %w; empty --dir", f.path("mark.json"), err)
		}
	}
	f.shop = &shop{o: o, ring: ring, rnd: rand.New(rand.NewPCG(o.seed, uint64(f.mark.Orders)))}
	began := time.Now()
	if err := f.base(ctx); err != nil {
		return err
	}
	for _, size := range sizesUpTo(o.orders) {
		if f.mark.Orders >= size {
			continue // measured by the run that made this state
		}
		if err := f.to(ctx, size); err != nil {
			return err
		}
		p, err := f.measure(ctx)
		if err != nil {
			return err
		}
		r.curve = append(r.curve, p)
		progress("at %d orders: %.0f µs of CPU, %.0f bytes written an order", p.orders, p.cpuMicros, p.written)
	}
	r.filled = time.Since(began)
	return nil
}

func sizesUpTo(orders int) (sizes []int) {
	for n := 10_000; n < orders; n *= 10 {
		sizes = append(sizes, n)
	}
	return append(sizes, orders)
}

// base makes the catalogue and the customers.
func (f *filler) base(ctx context.Context) error {
	if err := f.open(time.Duration(f.o.checkpointMS) * time.Millisecond); err != nil {
		return err
	}
	began := time.Now()
	if f.mark.SKUs == 0 {
		var batch [][]byte
		for n := range collections {
			batch = append(batch, command(cmdPutCollection, envelope{}, collection{Handle: fmt.Sprintf("collection-%03d", n), Title: fmt.Sprintf("Collection %d", n)}))
		}
		if err := f.apply(batch); err != nil {
			return err
		}
	}
	for f.mark.SKUs < f.o.skus {
		body := putProducts{Stock: map[string]int64{}}
		for len(body.Products) < 60 && f.mark.SKUs < f.o.skus {
			p, stock := f.shop.product(f.mark.SKUs / variantsPerProduct)
			body.Products = append(body.Products, p)
			for k, n := range stock {
				body.Stock[k] = n
			}
			f.mark.SKUs += variantsPerProduct
		}
		if err := errors.Join(ctx.Err(), f.apply([][]byte{command(cmdPutProducts, envelope{}, body)})); err != nil {
			return err
		}
	}
	progress("%d SKUs after %v", f.mark.SKUs, time.Since(began).Round(time.Second))
	for f.mark.Customers < f.o.customers {
		var batch [][]byte
		for len(batch) < 200 && f.mark.Customers < f.o.customers {
			c, err := f.shop.customer(f.mark.Customers)
			if err != nil {
				return err
			}
			batch = append(batch, c)
			f.mark.Customers++
		}
		if err := errors.Join(ctx.Err(), f.apply(batch)); err != nil {
			return err
		}
	}
	progress("%d customers after %v", f.mark.Customers, time.Since(began).Round(time.Second))
	return f.close()
}

// to fills up to so many orders, fast: with few, large checkpoints.
func (f *filler) to(ctx context.Context, orders int) error {
	if f.mark.Orders >= orders {
		return nil
	}
	if err := f.open(time.Duration(f.o.checkpointMS) * time.Millisecond); err != nil {
		return err
	}
	began, from, said := time.Now(), f.mark.Orders, time.Now()
	for f.mark.Orders < orders {
		batch, err := f.entry(min(ordersPerEntry, orders-f.mark.Orders))
		if err != nil {
			return err
		}
		if err := errors.Join(ctx.Err(), f.apply(batch)); err != nil {
			return errors.Join(err, f.close())
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			rate := float64(f.mark.Orders-from) / time.Since(began).Seconds()
			progress("%d of %d orders, %.0f/s, %v to go", f.mark.Orders, orders, rate, time.Duration(float64(orders-f.mark.Orders)/rate*1e9).Round(time.Second))
		}
	}
	return f.close()
}

// entry makes the commands of the next orders, and moves the log's time.
func (f *filler) entry(orders int) ([][]byte, error) {
	var out [][]byte
	paid := paymentStates{From: "authorized", To: "captured"}
	for range orders {
		f.mark.NowMS += spacingMS
		id, cs, err := f.shop.order(f.mark.NowMS)
		if err != nil {
			return nil, err
		}
		out, paid.Orders = append(out, cs...), append(paid.Orders, id)
	}
	f.mark.Orders += orders
	out = append(out, command(cmdPaymentStates, envelope{}, paid))
	out = append(out, command(cmdTick, envelope{}, struct{}{}))
	if f.mark.Pending += orders; f.mark.Pending >= 400 {
		f.mark.Pending = 0
		f.mark.Slices++
		for _, name := range []string{"payments", "mail", "analytics"} {
			out = append(out, command(cmdCutSlice, envelope{}, cutSlice{name, 500}), command(cmdAckSlice, envelope{}, ackSlice{name, uint64(f.mark.Slices)}))
		}
	}
	return out, nil
}

// measure takes the cost of the next orders with checkpoints as a serving core makes them. The commands
// are made before, so that only applying and writing them counts.
func (f *filler) measure(ctx context.Context) (p point, err error) {
	if err := f.open(time.Second); err != nil {
		return p, err
	}
	p.orders = f.mark.Orders
	var entries [][][]byte
	var times []int64
	for n := 0; n < f.o.sample; n += ordersPerEntry {
		e, err := f.entry(ordersPerEntry)
		if err != nil {
			return p, err
		}
		entries, times = append(entries, e), append(times, f.mark.NowMS)
	}
	if err := f.m.Checkpoint(); err != nil {
		return p, err
	}
	cpu, written, began := processCPU(), bytesWritten(), time.Now()
	for i, e := range entries {
		f.mark.NowMS = times[i]
		if err := errors.Join(ctx.Err(), f.apply(e)); err != nil {
			return p, err
		}
	}
	if err := f.m.Checkpoint(); err != nil {
		return p, err
	}
	n := float64(len(entries) * ordersPerEntry)
	p.wall = float64(time.Since(began).Microseconds()) / n
	p.cpuMicros = float64((processCPU() - cpu).Microseconds()) / n
	p.written = float64(bytesWritten()-written) / n
	info, err := os.Stat(f.path("state.db"))
	if err != nil {
		return p, err
	}
	p.file = info.Size()
	p.stored = float64(p.file) / float64(f.mark.Orders)
	return p, f.close()
}

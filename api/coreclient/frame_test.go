package coreclient

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
)

func TestWaitingWritesShareFramesWithOwnOutcomes(t *testing.T) {
	w := newWire(t, "core-eu")
	w.hold = make(chan struct{})
	c := w.client(t, func(cfg *Config) { cfg.FramesInFlight, cfg.AttemptTimeout = 1, 10*time.Second })
	ctx := within(t, 20*time.Second)
	const n = 150
	outcomes := make([]error, n)
	var wg sync.WaitGroup
	start := func(i int) {
		wg.Go(func() {
			delta := int64(1)
			if i%3 == 1 {
				delta = -1
			}
			if i%3 == 2 {
				delta = 5000
			}
			_, _, outcomes[i] = adjust(ctx, c, delta, fmt.Sprint("k", i))
		})
	}
	start(0)
	until(t, "the first write is with the core", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.arrived == 1 })
	for i := 1; i < n; i++ {
		start(i)
	}
	f := c.nodes[0].frames
	until(t, "the others wait", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.queue) == n-1 })
	close(w.hold)
	wg.Wait()
	for i, err := range outcomes {
		want := []api.Code{"", api.CodeStockReserved, api.CodeOverloaded}[i%3]
		if api.CodeOf(err) != want {
			t.Errorf("write %d: %v, want %q", i, err, want)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count != n/3 {
		t.Errorf("count %d, want %d", w.count, n/3)
	}
	if want := []int{1, 64, 64, 21}; !slices.Equal(w.frames, want) {
		t.Errorf("frames of %v, want %v", w.frames, want)
	}
}

func TestDroppedFrameIsRepeatedOncePerKey(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	var drops atomic.Int32
	w.after = func(string) bool { return drops.Add(1)%5 == 1 && drops.Load() < 40 }
	c := w.client(t, func(cfg *Config) { cfg.FramesInFlight = 2 })
	ctx := within(t, 20*time.Second)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if _, _, err := adjust(ctx, c, 1, ""); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if w.total() != 60 {
		t.Fatalf("60 writes counted as %d", w.total())
	}
}

func TestFullQueueIsOverloaded(t *testing.T) {
	w := newWire(t, "core-eu")
	w.hold = make(chan struct{})
	c := w.client(t, func(cfg *Config) { cfg.FramesInFlight, cfg.Queue, cfg.AttemptTimeout = 1, 2, 10*time.Second })
	ctx := within(t, 10*time.Second)
	var wg sync.WaitGroup
	f := c.nodes[0].frames
	for i := range 3 {
		wg.Go(func() { _, _, _ = adjust(ctx, c, 1, "") })
		until(t, "it waits", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.flying == 1 && len(f.queue) == i || i == 0 && f.flying == 1 && len(f.queue) == 0
		})
	}
	if _, _, err := adjust(ctx, c, 1, ""); api.CodeOf(err) != api.CodeOverloaded {
		t.Fatal(err)
	}
	close(w.hold)
	wg.Wait()
}

func TestWithdrawnWriteWasNeverSent(t *testing.T) {
	w := newWire(t, "core-eu")
	w.hold = make(chan struct{})
	c := w.client(t, func(cfg *Config) { cfg.FramesInFlight, cfg.AttemptTimeout = 1, 10*time.Second })
	done := make(chan error, 1)
	go func() { _, _, err := adjust(within(t, 10*time.Second), c, 1, ""); done <- err }()
	until(t, "the first write is with the core", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.arrived == 1 })
	if _, _, err := adjust(within(t, 100*time.Millisecond), c, 1, ""); api.CodeOf(err) != api.CodeNoLeader {
		t.Fatalf("it never left: %v", err)
	}
	close(w.hold)
	if err := <-done; err != nil || w.total() != 1 {
		t.Fatalf("%v, count %d", err, w.total())
	}
}

func TestSlowWritesTravelAlone(t *testing.T) {
	w := newWire(t, "core-eu")
	c := w.client(t, func(cfg *Config) { cfg.FramesInFlight = 1 })
	ep := api.StockAdjust
	ep.Slow = true
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, _, err := Do(within(t, 5*time.Second), c, ep, api.AdjustStock{SKU: "A", Delta: 1}, api.Call{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(w.frames) != 0 || w.total() != 20 {
		t.Fatalf("frames %v, count %d", w.frames, w.total())
	}
}

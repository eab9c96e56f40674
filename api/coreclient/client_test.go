package coreclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
)

func adjust(ctx context.Context, c *Client, delta int64, key string) (api.StockLevel, api.Meta, error) {
	return Do(ctx, c, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: delta}, api.Call{Key: key, RequestID: "r-1"})
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestWriteFollowsTheLeader(t *testing.T) {
	w := newWire(t, "core-eu", "core-us", "core-ap")
	w.lead("core-ap")
	c := w.client(t, nil)
	if got, _, err := adjust(within(t, 5*time.Second), c, 1, ""); err != nil || got.OnHand != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.mu.Lock()
	w.paths = nil
	w.mu.Unlock()
	if _, _, err := adjust(within(t, 5*time.Second), c, 1, ""); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	paths := slices.Clone(w.paths)
	w.mu.Unlock()
	if len(paths) != 1 || paths[0] != "core-ap frame" {
		t.Fatalf("the leader was not remembered: %v", paths)
	}
	w.lead("core-us")
	if got, _, err := adjust(within(t, 5*time.Second), c, 1, ""); err != nil || got.OnHand != 3 {
		t.Fatalf("after a change of leader: %+v, %v", got, err)
	}
}

func TestWriteWaitsOutAnElection(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	w.lead("nobody")
	w.hide = true
	c := w.client(t, nil)
	done := make(chan error, 1)
	go func() { _, _, err := adjust(within(t, 8*time.Second), c, 1, ""); done <- err }()
	until(t, "several attempts", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.arrived > 4 })
	w.lead("core-us")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestNoLeaderByTheDeadline(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	w.lead("nobody")
	w.hide = true
	c := w.client(t, nil)
	_, _, err := adjust(within(t, 300*time.Millisecond), c, 1, "")
	if api.CodeOf(err) != api.CodeNoLeader {
		t.Fatalf("write: %v", err)
	}
	_, _, err = Do(within(t, 300*time.Millisecond), c, api.StockGet, api.StockQuery{SKU: "A"}, api.Call{})
	if api.CodeOf(err) != api.CodeNoLeader || w.total() != 0 {
		t.Fatalf("exact read: %v", err)
	}
}

// Nobody listens: no byte of the write can have arrived, so its outcome is known.
func TestUnsentWriteIsNotUnknown(t *testing.T) {
	w := newWire(t, "core-eu")
	c := w.client(t, func(cfg *Config) { cfg.Nodes = []Node{{ID: "core-eu", Region: "eu", Addr: deadAddr(t)}} })
	if _, _, err := adjust(within(t, 300*time.Millisecond), c, 1, "k"); api.CodeOf(err) != api.CodeNoLeader {
		t.Fatal(err)
	}
}

func TestDroppedConnectionAfterTheWriteHappensOnce(t *testing.T) {
	for _, key := range []string{"", "client-key"} {
		w := newWire(t, "core-eu", "core-us")
		var drops atomic.Int32
		w.after = func(string) bool { return drops.Add(1) <= 3 }
		c := w.client(t, nil)
		got, meta, err := adjust(within(t, 8*time.Second), c, 7, key)
		if err != nil || got.OnHand != 7 || !meta.Replay {
			t.Fatalf("key %q: %+v, %+v, %v", key, got, meta, err)
		}
		if w.total() != 7 {
			t.Fatalf("key %q: the write happened more than once: %d", key, w.total())
		}
		w.mu.Lock()
		if key != "" && w.answers[key] != 7 {
			t.Errorf("the caller's key was not used: %v", w.answers)
		}
		for k := range w.answers {
			if key == "" && !strings.HasPrefix(k, "edge edge-eu ") {
				t.Errorf("own key %q", k)
			}
		}
		w.mu.Unlock()
	}
}

func TestUnknownOutcomeIsNotAFailure(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w := newWire(t, "core-eu", "core-us")
		w.after = func(string) bool { return true }
		c := w.client(t, nil)
		ctx := within(t, 500*time.Millisecond)
		ep := api.StockAdjust
		ep.Slow = slow
		_, _, err := Do(ctx, c, ep, api.AdjustStock{SKU: "A", Delta: 1}, api.Call{Key: "k"})
		e := api.AsError(err)
		if e == nil || e.Code != api.CodeOutcomeUnknown || e.Status != 504 || w.total() != 1 {
			t.Fatalf("slow=%v: %v, count %d", slow, err, w.total())
		}
	}
}

// An attempt that may have happened is not undone by the next one being refused: the caller must not
// hear that nothing happened.
func TestOverloadAfterAnUnknownAttemptIsNoRefusal(t *testing.T) {
	w := newWire(t, "core-eu")
	var writes, asked atomic.Int32
	w.after = func(string) bool { return writes.Add(1) == 1 }
	w.busy = func() bool { n := asked.Add(1); return n == 2 || n == 3 }
	c := w.client(t, nil)
	got, meta, err := adjust(within(t, 5*time.Second), c, 7, "k")
	if err != nil || got.OnHand != 7 || !meta.Replay || w.total() != 7 {
		t.Fatalf("%+v, %+v, %v, count %d", got, meta, err, w.total())
	}
	w.busy = func() bool { return asked.Add(1) > 5 }
	writes.Store(0)
	if _, _, err := adjust(within(t, 500*time.Millisecond), c, 1, "l"); api.CodeOf(err) != api.CodeOutcomeUnknown || w.total() != 8 {
		t.Fatalf("%v, count %d", err, w.total())
	}
}

// A leader that froze with the write in its hands: once it was sent, the outcome is not known.
func TestFrozenLeaderIsUnknown(t *testing.T) {
	w := newWire(t, "core-eu")
	w.hold = make(chan struct{})
	t.Cleanup(func() { close(w.hold) })
	c := w.client(t, nil)
	if _, _, err := adjust(within(t, 800*time.Millisecond), c, 1, ""); api.CodeOf(err) != api.CodeOutcomeUnknown {
		t.Fatal(err)
	}
}

func TestDeadlineAndCallTravel(t *testing.T) {
	w := newWire(t, "core-eu")
	c := w.client(t, nil)
	if _, _, err := Do(within(t, 2*time.Second), c, api.ProductsGet, api.ProductQuery{Handle: "x"},
		api.Call{Credential: "session:abc", Min: api.Index{Timeline: 1, Raft: 5}, RequestID: "r-9"}); err != nil {
		t.Fatal(err)
	}
	h := w.headers[0]
	var ms int
	if _, err := fmt.Sscan(h.Get(api.HeaderDeadline), &ms); err != nil || ms <= 0 || ms > 2000 {
		t.Errorf("deadline %q", h.Get(api.HeaderDeadline))
	}
	for name, want := range map[string]string{api.HeaderCredential: "session:abc", api.HeaderMin: "1-5", api.HeaderRequestID: "r-9", HeaderEdge: "edge-eu"} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
	}
}

// A leader that was slow for a moment is found again: writes go on well before their deadline.
func TestSlowLeaderIsFoundAgain(t *testing.T) {
	w := newWire(t, "core-eu", "core-us", "core-ap")
	w.hold = make(chan struct{})
	c := w.client(t, func(cfg *Config) { cfg.AttemptTimeout = 100 * time.Millisecond })
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, _, err := adjust(within(t, 8*time.Second), c, 1, ""); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "attempts ran out of time", func() bool {
		n := c.nodes[0]
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.fails > ejectAfter
	})
	hold := w.hold
	w.mu.Lock()
	w.hold = nil
	w.mu.Unlock()
	close(hold)
	start := time.Now()
	wg.Wait()
	if took := time.Since(start); took > 3*time.Second || w.total() != 40 {
		t.Fatalf("%d writes after %v", w.total(), took)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, nodes := range map[string][]Node{"none": nil, "no id": {{Addr: "x:1"}}, "twice": {{ID: "a", Addr: "x:1"}, {ID: "a", Addr: "y:1"}}} {
		if _, err := New(Config{Nodes: nodes}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

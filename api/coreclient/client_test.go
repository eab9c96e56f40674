package coreclient

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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

func TestReadGoesToTheNearestThatCovers(t *testing.T) {
	w := newWire(t, "core-us", "core-eu", "core-ap")
	c := w.client(t, nil)
	read := func(min uint64) (api.Product, api.Meta, error) {
		call := api.Call{}
		if min > 0 {
			call.Min = api.Index{Timeline: 1, Raft: min}
		}
		return Do(within(t, 3*time.Second), c, api.ProductsGet, api.ProductQuery{Handle: "x"}, call)
	}
	if p, m, err := read(0); err != nil || p.Handle != "core-eu" || m.Index.Raft != 100 {
		t.Fatalf("%+v, %+v, %v", p, m, err)
	}
	w.mu.Lock()
	w.applied["core-ap"] = api.Index{Timeline: 1, Raft: 200}
	w.mu.Unlock()
	if p, m, err := read(150); err != nil || p.Handle != "core-ap" || m.Index.Raft != 200 {
		t.Fatalf("nearer nodes are behind: %+v, %+v, %v", p, m, err)
	}
	if _, _, err := read(500); api.CodeOf(err) != api.CodeUnavailable {
		t.Fatalf("an older answer passed for a newer one: %v", err)
	}
	w.servers["core-eu"].Close()
	for range 5 {
		if p, _, err := read(0); err != nil || p.Handle != "core-us" {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if c.Healthy() != 2 {
		t.Fatalf("%d healthy, want 2: the dead node was not ejected", c.Healthy())
	}
}

func TestEjectedNodeComesBack(t *testing.T) {
	n := newNode(&Config{AttemptTimeout: time.Second}, Node{ID: "a", Addr: "127.0.0.1:1"})
	for range ejectAfter {
		n.failed(false)
	}
	if !n.ejected(time.Now()) || n.ejected(time.Now().Add(2*ejectMin)) {
		t.Fatalf("ejected until %v", time.Until(n.until))
	}
	for range 100 {
		n.failed(false)
	}
	if n.ejected(time.Now().Add(2 * ejectMax)) {
		t.Fatal("ejected for longer than the maximum")
	}
	after := time.Now().Add(2 * ejectMax)
	if !n.admit(after) || n.admit(after) {
		t.Fatal("exactly one call probes a node whose ejection is over")
	}
	n.succeeded()
	if n.ejected(time.Now()) || !n.admit(time.Now()) {
		t.Fatal("a success did not end the ejection")
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

func TestBadAnswersAreInternalErrors(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"html":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); fmt.Fprint(w, "<html>") },
		"not json":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{") },
		"status lies": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); fmt.Fprint(w, `{"status":200}`) },
	} {
		srv := httptest.NewServer(h)
		c, err := New(Config{Nodes: []Node{{ID: "a", Region: "eu", Addr: srv.Listener.Addr().String()}}, Region: "eu"})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Do(within(t, time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{})
		if api.CodeOf(err) != api.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
}

func TestResponseIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"handle":%q}`, strings.Repeat("x", 100_000))
	}))
	defer srv.Close()
	c, err := New(Config{Nodes: []Node{{ID: "a", Region: "eu", Addr: srv.Listener.Addr().String()}}, Region: "eu", MaxResponse: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Do(within(t, time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{}); err == nil {
		t.Fatal("an answer over the limit was taken")
	}
}

func TestDistanceIsFelt(t *testing.T) {
	w := newWire(t, "core-us")
	c := w.client(t, func(cfg *Config) { cfg.RTT = func(_, _ string) time.Duration { return 60 * time.Millisecond } })
	start := time.Now()
	if _, _, err := adjust(within(t, 5*time.Second), c, 1, ""); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 60*time.Millisecond {
		t.Fatalf("a call to another region took %v", took)
	}
}

func TestFollowKeepsOrderAndCursor(t *testing.T) {
	w := newWire(t, "core-eu")
	at := func(n uint64) api.Index { return api.Index{Timeline: 1, Raft: n} }
	w.feed = []api.FeedBatch{{Next: at(10)}, {Next: at(12), Entries: []api.FeedEntry{{Index: at(11), Tags: []string{"product:a"}}}}, {Reset: true, Next: at(90)}}
	c := w.client(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var got []api.Index
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Follow(ctx, "edge-eu", "eu", api.Index{}, func(b api.FeedBatch, _ time.Duration) { got = append(got, b.Next) })
	}()
	until(t, "the feed failed and was asked again", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.polls) > 4 })
	cancel()
	<-done
	if want := []api.Index{at(10), at(12), at(90)}; !slices.Equal(got, want) {
		t.Errorf("batches %v, want %v", got, want)
	}
	if want := []api.Index{{}, at(10), at(12), at(90)}; !slices.Equal(w.polls[:4], want) {
		t.Errorf("cursors %v, want %v", w.polls[:4], want)
	}
}

// A core that froze costs one attempt, not one per call.
func TestFrozenNodeIsLeftAtOnce(t *testing.T) {
	w := newWire(t, "core-us", "core-eu")
	frozen := make(chan struct{})
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1); <-frozen }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(frozen) })
	c := w.client(t, func(cfg *Config) {
		cfg.AttemptTimeout = 100 * time.Millisecond
		cfg.Nodes[0].Addr = srv.Listener.Addr().String()
	})
	for range 20 {
		p, _, err := Do(within(t, 3*time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{})
		if err != nil || p.Handle != "core-us" {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if n := asked.Load(); n > 2 {
		t.Fatalf("the frozen node was asked %d times", n)
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

func TestFeedLeavesACoreThatIsCutOff(t *testing.T) {
	var h horizon
	start := time.Now()
	h.note(api.Index{Timeline: 1, Raft: 5}, start)
	h.note(api.Index{Timeline: 1, Raft: 6}, start.Add(horizonAge/2))
	if !h.get().IsZero() {
		t.Fatal("nothing is old enough yet")
	}
	h.note(api.Index{Timeline: 1, Raft: 7}, start.Add(horizonAge))
	if h.get().Raft != 5 {
		t.Fatalf("%v", h.get())
	}
	w := newWire(t, "core-us", "core-eu")
	w.applied["core-us"] = api.Index{Timeline: 1, Raft: 500}
	w.feed = []api.FeedBatch{{Next: api.Index{Timeline: 1, Raft: 501}}, {Next: api.Index{Timeline: 1, Raft: 502}}}
	c := w.client(t, nil)
	c.horizon.note(api.Index{Timeline: 1, Raft: 400}, start)
	c.horizon.note(api.Index{Timeline: 1, Raft: 450}, start.Add(horizonAge))
	b, err := c.poll(within(t, 3*time.Second), api.FeedQuery{Edge: "e"})
	if err != nil || b.Next.Raft != 502 {
		t.Fatalf("%+v, %v: the batch of the core that is behind was believed", b, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, nodes := range map[string][]Node{"none": nil, "no id": {{Addr: "x:1"}}, "twice": {{ID: "a", Addr: "x:1"}, {ID: "a", Addr: "y:1"}}} {
		if _, err := New(Config{Nodes: nodes}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(`{"code":"out_of_stock","status":200}`, 409)
	f.Add(`<html>`, 500)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 400 || status > 599 {
			return
		}
		e := reply{status: status, body: []byte(body)}.problem("r")
		if e.Status < 400 || e.Code == "" {
			t.Fatalf("a refusal reads as %+v", e)
		}
	})
}

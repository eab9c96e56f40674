package coreclient

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
)

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

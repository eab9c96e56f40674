package coreclient

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
)

// TestSlowReadIsAskedTwice: a node that stalls now and then does not hold up those reads, and one that answers in time is asked alone.
func TestSlowReadIsAskedTwice(t *testing.T) {
	w := newWire(t, "core-us", "core-eu")
	var asked atomic.Int32
	stall := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 100 {
			<-stall
		}
		rw.Header().Set(api.HeaderIndex, "1-100")
		_, _ = rw.Write([]byte(`{"handle":"core-eu"}`))
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(stall) })
	c := w.client(t, func(cfg *Config) {
		cfg.AttemptTimeout = 20 * time.Second
		for i := range cfg.Nodes {
			if cfg.Nodes[i].ID == "core-eu" {
				cfg.Nodes[i].Addr = srv.Listener.Addr().String()
			}
		}
	})
	read := func() string {
		p, _, err := Do(within(t, 10*time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{})
		if err != nil {
			t.Fatal(err)
		}
		return p.Handle
	}
	for range 100 {
		if from := read(); from != "core-eu" && c.Hedged() == 0 {
			t.Fatalf("the nearest node answered in time, and %s was believed", from)
		}
	}
	for range 2 {
		if from := read(); from != "core-us" {
			t.Errorf("a stalled node's read was answered by %s", from)
		}
	}
}

func TestHedgesAreFew(t *testing.T) {
	var h hedges
	taken := 0
	for range 10_000 {
		h.earn()
		if h.take() {
			taken++
		}
	}
	if taken < 490 || taken > 10_000*hedgeShare {
		t.Errorf("of 10,000 slow reads %d were asked twice", taken)
	}
}

func TestLatenessIsThe95thPercentile(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var l lateness
	draw := func() time.Duration { return time.Duration(rng.ExpFloat64() * float64(10*time.Millisecond)) }
	for range 20_000 {
		l.note(draw())
	}
	longer := 0
	for range 20_000 { // it goes on following: at any one moment it is somewhere around the percentile
		d := draw()
		if d > l.after() {
			longer++
		}
		l.note(d)
	}
	if longer < 800 || longer > 1200 {
		t.Errorf("%.1f %% take longer than %v", float64(longer)/200, l.after())
	}
}

// TestBreaker: with every node gone, reads fail at once but for one now and then, and what comes back is found without one.
func TestBreaker(t *testing.T) {
	w := newWire(t, "core-us", "core-eu")
	c := w.client(t, nil)
	w.servers["core-us"].CloseClientConnections()
	for _, n := range c.all() {
		for range ejectAfter + 2 {
			n.failed(false)
		}
	}
	c.breaker.next.Store(time.Now().Add(time.Hour).UnixNano())
	began := time.Now()
	if _, _, err := Do(within(t, 10*time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{}); api.CodeOf(err) != api.CodeUnavailable {
		t.Errorf("nobody to ask: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("to find nobody took %v", took)
	}
	for deadline := time.Now().Add(30 * time.Second); c.Healthy() < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nodes that answer again were not found without a request")
		}
	}
	var b breaker
	now := time.Now()
	if !b.try(now) || b.try(now) || !b.try(now.Add(2*tryEvery)) {
		t.Error("not one now and then")
	}
}

package edge

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTune: settings change between requests, what is cached stays, and a limit that did not change forgives nobody.
func TestTune(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.Limits = Limits{Browse: 0.1, Search: 1000} }) // one at once
	get(t, s, "/products/mug")
	ask := func() int {
		resp, _ := get(t, s, "/cart")
		return resp.StatusCode
	}
	cached := func() {
		t.Helper()
		if resp, _ := get(t, s, "/products/mug"); !strings.Contains(resp.Header.Get("Cache-Status"), "; hit") {
			t.Errorf("what was cached is %s", resp.Header.Get("Cache-Status"))
		}
	}
	if ask() != 429 {
		t.Fatal("a second request in ten seconds is let in")
	}
	tune := func(change func(*Tuning)) {
		t.Helper()
		next := s.tuned.Load().Tuning
		change(&next)
		if err := s.Tune(next); err != nil {
			t.Fatal(err)
		}
	}
	tune(func(n *Tuning) { n.Limits.Search = 2000 })
	if ask() != 429 {
		t.Error("another limit changed, and this one forgave")
	}
	tune(func(n *Tuning) { n.Limits.Browse = 1000 })
	if ask() != 200 {
		t.Error("the limit did not change")
	}
	cached()
	tune(func(n *Tuning) {
		n.Limits.Browse, n.Unlimited = 0.1, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for range 3 {
		if ask() != 200 {
			t.Error("who has no limits is limited")
		}
	}
	if err := s.Tune(Tuning{ClientHeader: "Via"}); err == nil || !strings.Contains(err.Error(), "--client-header") {
		t.Error(err)
	}
	if ask() != 200 {
		t.Error("what was refused is in force")
	}
	cached()
	post := func() int {
		resp, _ := do(t, s, "POST", "/api/v1/carts", "{}", "Content-Type", "application/json", "Origin", "https://app.example")
		return resp.StatusCode
	}
	if post() != 403 {
		t.Error("another site's page writes")
	}
	tune(func(n *Tuning) { n.Origins, n.TTL = []string{"https://app.example"}, 7*time.Second })
	if post() != 200 {
		t.Error("a page of an origin that is allowed now does not write")
	}
	if resp, _ := get(t, s, "/products/mug?color=red"); !strings.Contains(resp.Header.Get("Cache-Status"), "ttl=7") && !strings.Contains(resp.Header.Get("Cache-Status"), "ttl=6") {
		t.Errorf("fetched with a time to live of 7 s: %s", resp.Header.Get("Cache-Status"))
	}
}

// Changes and requests may meet; the race detector watches.
func TestTuneWhileServing(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if resp, body := get(t, s, "/cart"); resp.StatusCode != 200 {
					t.Error(resp.Status, body)
				}
			}
		})
	}
	for i := range 200 {
		if err := s.Tune(Tuning{Limits: Limits{Browse: float64(1000 + i%3)}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

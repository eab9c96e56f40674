package edge

import (
	"context"
	"strings"
	"sync"
	"testing"
)

// TestMoreThanCanBeServed: beside those that are served at once a few may wait; everybody else is told
// to come again. What is cached is served all the same.
func TestMoreThanCanBeServed(t *testing.T) {
	shop := newShopStub()
	open := make(chan struct{})
	routes := append(shop.routes(), Route{Method: "POST", Pattern: "/slow", Class: Private, MaxBody: 100, Types: []string{"application/json"},
		Handler: func(context.Context, *Request) (*Answer, error) {
			<-open
			return &Answer{Status: 200, ContentType: "application/json", Body: []byte("{}")}, nil
		}})
	s := startServer(t, routes, func(c *Config) { c.MaxServed = 2 })
	get(t, s, "/products/mug")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if resp, body := do(t, s, "POST", "/slow", "{}", "Content-Type", "application/json"); resp.StatusCode != 200 {
				t.Errorf("one of those inside got %d %s", resp.StatusCode, body)
			}
		})
	}
	eventually(t, "two are served", func() bool { inside, _, _ := s.gates.browsing.State(); return inside == 2 })
	resp, body := do(t, s, "POST", "/slow", "{}", "Content-Type", "application/json")
	if resp.StatusCode != 503 || !strings.Contains(body, "overloaded") || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a third got %d %s", resp.StatusCode, body)
	}
	if resp, _ := get(t, s, "/products/mug"); resp.StatusCode != 200 {
		t.Errorf("a cached page got %d", resp.StatusCode)
	}
	close(open)
	wg.Wait()
}

// TestBuyersKeepTheirTurn: people who look around, and pages that are fetched, take no turn of those who buy.
func TestBuyersKeepTheirTurn(t *testing.T) {
	shop := newShopStub()
	open := make(chan struct{})
	stuck := func(ctx context.Context, _ *Request) (*Answer, error) {
		select {
		case <-open:
		case <-ctx.Done():
		}
		return &Answer{ContentType: "application/json", Body: []byte("{}"), Tags: []string{"content"}}, nil
	}
	routes := append(shop.routes(), Route{Method: "GET", Pattern: "/look", Class: Private, Handler: stuck}, Route{Method: "GET", Pattern: "/fetched/{n}", Handler: stuck},
		Route{Method: "POST", Pattern: "/buy", Class: Private, Limit: CountCheckout, MaxBody: 100, Types: []string{"application/json"},
			Handler: func(context.Context, *Request) (*Answer, error) {
				return &Answer{ContentType: "application/json", Body: []byte("{}")}, nil
			}})
	s := startServer(t, routes, func(c *Config) { c.MaxServed, c.MaxFills = 2, 1 })
	get(t, s, "/products/mug")
	var wg sync.WaitGroup
	for _, path := range []string{"/look", "/look", "/fetched/1"} {
		wg.Go(func() { get(t, s, path) })
	}
	eventually(t, "everything is taken", func() bool {
		looking, _, _ := s.gates.browsing.State()
		fetching, _, _ := s.gates.fills.State()
		return looking == 2 && fetching == 1
	})
	for path, status := range map[string]int{"/look": 503, "/fetched/2": 503, "/products/mug": 200} {
		if resp, body := get(t, s, path); resp.StatusCode != status {
			t.Errorf("%s: %d %.200s", path, resp.StatusCode, body)
		}
	}
	if resp, body := do(t, s, "POST", "/buy", "{}", "Content-Type", "application/json"); resp.StatusCode != 200 {
		t.Errorf("a buyer got %d %.200s", resp.StatusCode, body)
	}
	close(open)
	wg.Wait()
}

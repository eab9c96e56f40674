package edge

import (
	"context"
	"strings"
	"sync"
	"testing"
)

// TestMoreThanCanBeServed: beside those that are served at once a few may wait; everybody else is told
// to come again, before their request is read. What is cached is served all the same.
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
	eventually(t, "two are served", func() bool { inside, _, _ := s.gate.State(); return inside == 2 })
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

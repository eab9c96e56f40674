package scenario

import (
	"fmt"
	"strings"
	"time"

	"meridian/api"
)

// PriceChange changes a price and answers how long the slowest edge took to show it on a page that it
// had in its cache. ok is false when an edge still showed the old price after patience.
func (s *Shop) PriceChange(patience time.Duration) (slowest time.Duration, ok bool) {
	s.T.Helper()
	run := fmt.Sprintf("%x", time.Now().UnixNano())
	handle := "price-" + run
	s.PutProduct(handle, "P-"+run, 11111, 10)
	path := "/products/" + handle
	for i := range s.Edges {
		s.warm(i, path, "111.11")
	}
	p := Must[api.StaffProduct](s, Request{Method: "GET", URL: s.Edge(0) + "/admin/api/v1/products/" + handle, Token: s.Staff})
	p.Variants[0].Prices = map[string]int64{"EUR": 22222, "USD": 22222}
	Must[api.StaffProduct](s, Request{Method: "PUT", URL: s.Edge(0) + "/admin/api/v1/products/" + handle, Token: s.Staff, Body: p})
	changed := time.Now()
	for i := range s.Edges {
		for !strings.Contains(string(s.Page(i, path).Body), "222.22") {
			if time.Since(changed) > patience {
				return time.Since(changed), false
			}
			<-time.After(2 * time.Millisecond)
		}
		slowest = max(slowest, time.Since(changed))
	}
	for i := range s.Edges {
		s.warm(i, path, "222.22")
	}
	return slowest, true
}

// warm asks for a page until it comes out of the cache with the text. A core that is a moment behind
// the leader may not know a new product yet.
func (s *Shop) warm(edge int, path, text string) {
	s.T.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, err := s.fetch(edge, path)
		if err == nil && r.Status == 200 && r.Hit() && strings.Contains(string(r.Body), text) {
			return
		}
		if time.Now().After(deadline) {
			s.T.Fatalf("edge %d does not answer %s with %q out of its cache: %d %v, Cache-Status %q", edge, path, text, r.Status, err, r.Header.Get("Cache-Status"))
		}
		<-time.After(5 * time.Millisecond)
	}
}

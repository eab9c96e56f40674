// Package scenario holds what must be true of a shop as outsiders see it, written once: the same
// functions run against a shop in one process and against real processes.
//
// Everything goes through the public HTTP interface of the edges and of the sandbox provider. Read
// Shop and Oversell first.
package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// Shop is a running shop as outsiders reach it.
type Shop struct {
	T testing.TB
	// Edges are the addresses of the edges, Provider that of the sandbox.
	Edges    []string
	Provider string
	// Staff and Operator are tokens.
	Staff, Operator string
	HTTP            *http.Client
}

// New makes a Shop with a client of its own.
func New(t testing.TB, edges []string, provider, staff, operator string) *Shop {
	tr := &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 512}
	t.Cleanup(tr.CloseIdleConnections)
	return &Shop{T: t, Edges: edges, Provider: provider, Staff: staff, Operator: operator,
		HTTP: &http.Client{Transport: tr, Timeout: 40 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Request is one request and what accompanies it.
type Request struct {
	Method, URL string
	Key, Token  string
	Body        any
	Header      map[string]string
}

// Response is what came back.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request once. A *api.Error is what the shop refused with.
func (s *Shop) Do(ctx context.Context, r Request, into any) (Response, error) {
	var body io.Reader
	if r.Body != nil {
		b, err := json.Marshal(r.Body)
		if err != nil {
			return Response{}, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return Response{}, err
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		req.Header.Set("Idempotency-Key", r.Key)
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return Response{}, err
	}
	out := Response{resp.StatusCode, resp.Header, b}
	if resp.StatusCode >= 400 {
		e := &api.Error{}
		if err := json.Unmarshal(b, e); err != nil || e.Code == "" {
			return out, fmt.Errorf("%s %s: %d without a problem document: %.200s", r.Method, r.URL, resp.StatusCode, b)
		}
		return out, e
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			return out, fmt.Errorf("%s %s: %w in %.200s", r.Method, r.URL, err, b)
		}
	}
	return out, nil
}

// Persist repeats a request with its key until it is decided: connection errors, 429, 5xx are asked again.
func (s *Shop) Persist(ctx context.Context, r Request, into any) error {
	for {
		_, err := s.Do(ctx, r, into)
		var e *api.Error
		if err == nil || (errors.As(err, &e) && !e.Transient()) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Must sends a request, repeating it until it is decided, and fails the test if it is refused.
func Must[T any](s *Shop, r Request) T {
	s.T.Helper()
	var v T
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Persist(ctx, r, &v); err != nil {
		s.T.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return v
}

// Edge is the address of an edge, by number.
func (s *Shop) Edge(i int) string { return s.Edges[i%len(s.Edges)] }

// PutProduct creates a product with one SKU, priced in both currencies.
func (s *Shop) PutProduct(handle, sku string, cents, stock int64) {
	s.T.Helper()
	p := map[string]any{"handle": handle, "title": "Product " + handle, "status": "active", "collections": []string{"tests"},
		"variants": []any{map[string]any{"sku": sku, "prices": map[string]int64{"EUR": cents, "USD": cents}, "on_hand": stock}}}
	Must[api.StaffProduct](s, Request{Method: "PUT", URL: s.Edge(0) + "/admin/api/v1/products/" + handle, Token: s.Staff, Body: p})
	s.SetStock(sku, stock)
}

// SetStock counts a SKU.
func (s *Shop) SetStock(sku string, n int64) {
	s.T.Helper()
	Must[api.StockLevel](s, Request{Method: "PUT", URL: s.Edge(0) + "/admin/api/v1/stock/" + sku, Token: s.Staff,
		Key: fmt.Sprintf("count-%s-%d", sku, time.Now().UnixNano()), Body: map[string]int64{"on_hand": n}})
}

// Stock reads a SKU's level.
func (s *Shop) Stock(edge int, sku string) api.StockLevel {
	s.T.Helper()
	return Must[api.StockLevel](s, Request{Method: "GET", URL: s.Edge(edge) + "/admin/api/v1/stock/" + sku, Token: s.Staff})
}

// CartWith makes a cart with n of a SKU at an edge.
func (s *Shop) CartWith(edge int, sku string, n int64) api.Cart {
	s.T.Helper()
	c := Must[api.Cart](s, Request{Method: "POST", URL: s.Edge(edge) + "/api/v1/carts", Body: struct{}{}})
	return Must[api.Cart](s, Request{Method: "PUT", URL: s.Edge(edge) + "/api/v1/carts/" + c.ID + "/lines/" + sku, Body: map[string]int64{"quantity": n}})
}

// Checkout is the request that buys a cart with a token.
func (s *Shop) Checkout(edge int, cart, key, token string) Request {
	return Request{Method: "POST", URL: s.Edge(edge) + "/api/v1/carts/" + cart + "/checkout", Key: key, Body: api.Checkout{
		Email: key + "@example.com", ShippingMethod: "standard", Payment: api.PaymentMethod{Provider: "sandbox", Token: token},
		ShippingAddress: api.Address{Name: "Ada Lovelace", Line1: "1 Test Street", City: "Berlin", PostalCode: "10115", Country: "DE"}}}
}

// Charge is a charge in the sandbox's ledger.
type Charge struct {
	ID, Key, Order, State string
	Amount                int64
}

// Charges lists the provider's charges of an order, or all of them.
func (s *Shop) Charges(order string) []Charge {
	s.T.Helper()
	var all []Charge
	after := ""
	for {
		url := s.Provider + "/charges?limit=1000&after=" + after
		if order != "" {
			url = s.Provider + "/charges?order=" + order
		}
		page := Must[struct {
			Items []Charge
			Next  *string
		}](s, Request{Method: "GET", URL: url})
		all = append(all, page.Items...)
		if order != "" || page.Next == nil || len(page.Items) == 0 {
			return all
		}
		after = *page.Next
	}
}

// Orders lists every order.
func (s *Shop) Orders() []api.StaffOrder {
	s.T.Helper()
	var all []api.StaffOrder
	after := ""
	for {
		l := Must[api.List[api.StaffOrder]](s, Request{Method: "GET", URL: s.Edge(0) + "/admin/api/v1/orders?limit=100&after=" + after, Token: s.Staff})
		all = append(all, l.Items...)
		if l.Next == nil {
			return all
		}
		after = *l.Next
	}
}

// Page fetches a page and fails the test unless it is 200.
func (s *Shop) Page(edge int, path string) Response {
	s.T.Helper()
	r, err := s.fetch(edge, path)
	if err != nil || r.Status != 200 {
		s.T.Fatalf("%s%s: %d %v", s.Edge(edge), path, r.Status, err)
	}
	return r
}

func (s *Shop) fetch(edge int, path string) (out Response, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Edge(edge)+path, nil)
	if err != nil {
		return out, err
	}
	req.Header.Set("Accept", "text/html")
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	out.Status, out.Header = resp.StatusCode, resp.Header
	out.Body, err = io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	return out, err
}

// Hit says whether an answer came out of the cache.
func (r Response) Hit() bool { return strings.Contains(r.Header.Get("Cache-Status"), "; hit") }

package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
)

// wireCall is what a core sees of one call.
type wireCall struct {
	Name, Key, Credential string
	Min                   api.Index
	Body                  []byte
}

// wireAnswer is what it says: V is a response, or an *api.Error.
type wireAnswer struct {
	V      any
	Replay bool
}

// wireCore speaks the core's side of the wire over loopback HTTP, with answers that a test gives. It
// shows what handlers make of calls and answers; what a core decides is tested with the real one.
type wireCore struct {
	mu      sync.Mutex
	answers map[string]func(wireCall) wireAnswer
	calls   []wireCall
	index   api.Index
}

func (c *wireCore) on(name string, f func(wireCall) wireAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[name] = f
}

// says makes an endpoint always answer the same.
func (c *wireCore) says(name string, v any) {
	c.on(name, func(wireCall) wireAnswer { return wireAnswer{V: v} })
}

// called lists the calls of an endpoint so far.
func (c *wireCore) called(name string) []wireCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []wireCall
	for _, call := range c.calls {
		if call.Name == name {
			list = append(list, call)
		}
	}
	return list
}

func (c *wireCore) answer(call wireCall) (status int, replay bool, body []byte) {
	c.mu.Lock()
	c.calls = append(c.calls, call)
	f := c.answers[call.Name]
	c.mu.Unlock()
	a := wireAnswer{V: api.NewError(api.CodeNotFound, "The test gave %s no answer.", call.Name)}
	if f != nil {
		a = f(call)
	}
	status = 200
	if e, ok := a.V.(*api.Error); ok {
		status = e.Status
	}
	body, err := json.Marshal(a.V)
	if err != nil {
		panic(err)
	}
	return status, a.Replay, body
}

// frameBody is a call's body as JSON.
func frameBody(k api.FrameCall) []byte {
	if !k.Compact {
		return []byte(k.Body)
	}
	var req api.AdjustStock
	if err := req.ParseCompact(k.Body); err != nil {
		return nil
	}
	b, _ := json.Marshal(req)
	return b
}

func (c *wireCore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set(api.HeaderIndex, c.index.String())
	name := strings.TrimPrefix(r.URL.Path, "/v1/")
	min, _ := api.ParseIndex(r.Header.Get(api.HeaderMin))
	if name == "frame" || name == api.ReadFrame {
		frame, err := api.ParseFrame(string(body), 64)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		var out api.FrameResults
		for _, k := range frame.Calls {
			status, replay, answer := c.answer(wireCall{Name: k.Name, Key: k.Key, Credential: k.Credential, Min: min, Body: frameBody(k)})
			out.Results = append(out.Results, api.FrameResult{Status: status, Index: c.index, Replay: replay, Body: answer})
		}
		_, _ = w.Write(out.Append(nil))
		return
	}
	status, replay, answer := c.answer(wireCall{Name: name, Key: r.Header.Get(api.HeaderKey), Credential: r.Header.Get(api.HeaderCredential), Min: min, Body: body})
	if replay {
		w.Header().Set(api.HeaderReplay, "true")
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// clicks keeps events in memory.
type clicks struct {
	mu       sync.Mutex
	events   []api.Event
	trending []string
	refuse   error
}

func (c *clicks) Record(_ context.Context, batch api.EventBatch, from EventSource) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		return c.refuse
	}
	if !from.Bot {
		c.events = append(c.events, batch.Events...)
	}
	return nil
}

func (c *clicks) TrendingNow() []string { return c.trending }

func (c *clicks) types() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, e := range c.events {
		list = append(list, e.Type)
	}
	return list
}

// shopFixture is a shop behind the real server, with a core of the test's making.
type shopFixture struct {
	t      *testing.T
	core   *wireCore
	clicks *clicks
	shop   *Shop
	base   string
	client *http.Client
}

func mug() api.Product {
	was := api.Money{Amount: 2500, Currency: "EUR"}
	return api.Product{Handle: "mug", Title: "Mug <teal>", DescriptionHTML: "<p>A mug &amp; more</p>", Vendor: "Kiln", Type: "Mugs", Collections: []string{"kitchen"},
		Options:  []api.Option{{Name: "Size", Values: []string{"S", "L"}}},
		Images:   []api.Image{{URL: "/assets/mug-1-640.jpg", Alt: "A mug", Width: 640, Height: 800, Srcset: "/assets/mug-1-320.avif 320w"}},
		Variants: []api.Variant{{SKU: "MUG-S", Title: "S", Options: map[string]string{"Size": "S"}, Price: api.Money{Amount: 1999, Currency: "EUR"}, CompareAtPrice: &was, Available: 3}, {SKU: "MUG-L", Title: "L", Options: map[string]string{"Size": "L"}, Price: api.Money{Amount: 123450, Currency: "EUR"}}}}
}

func eur(n int64) api.Money { return api.Money{Amount: n, Currency: "EUR"} }

func cartOf(n int64) api.Cart {
	c := api.Cart{ID: "cart-1", Currency: "EUR", Country: "DE", Version: 7, Lines: []api.CartLine{},
		Totals: api.Totals{Subtotal: eur(1999 * n), Discount: eur(0), Shipping: eur(490), Tax: eur(300), Total: eur(1999*n + 490)}}
	if n > 0 {
		c.Lines = append(c.Lines, api.CartLine{SKU: "MUG-S", Handle: "mug", Title: "Mug", Quantity: n, UnitPrice: eur(1999), LineTotal: eur(1999 * n), Available: 3})
	}
	return c
}

func newShopFixture(t *testing.T, change func(*ShopConfig)) *shopFixture {
	t.Helper()
	core := &wireCore{answers: map[string]func(wireCall) wireAnswer{}, index: api.Index{Timeline: 1, Raft: 42}}
	core.says("collections.list", api.List[api.Collection]{Items: []api.Collection{{Handle: "kitchen", Title: "Kitchen", Description: "For the kitchen", Count: 1}}})
	core.says("products.list", api.List[api.Product]{Items: []api.Product{mug()}})
	core.on("products.get", func(c wireCall) wireAnswer {
		if strings.Contains(string(c.Body), `"mug"`) {
			return wireAnswer{V: mug()}
		}
		return wireAnswer{V: api.NewError(api.CodeNotFound, "There is no such product.")}
	})
	core.says("products.set", api.List[api.Product]{Items: []api.Product{mug()}})
	core.says("collections.get", api.CollectionPage{Collection: api.Collection{Handle: "kitchen", Title: "Kitchen", Count: 1}, Products: api.List[api.Product]{Items: []api.Product{mug()}}})
	core.says("search", api.SearchResult{Items: []api.Product{mug()}, Total: 1, Facets: []api.Facet{{Name: "type", Values: []api.FacetValue{{Value: "Mugs", Count: 1}}}}})
	core.says("search.suggest", api.Suggestions{})
	free := eur(5000)
	core.says("shipping.list", api.List[api.ShippingMethod]{Items: []api.ShippingMethod{{ID: "standard", Title: "Standard delivery", Price: eur(490), FreeFrom: &free, Delivery: api.Delivery{From: "2026-11-24", To: "2026-11-26"}}}})
	core.says("carts.create", cartOf(0))
	core.says("carts.get", cartOf(1))
	core.on("carts.put_line", func(c wireCall) wireAnswer {
		var req api.PutLine
		if err := json.Unmarshal(c.Body, &req); err != nil {
			t.Error(err)
		}
		return wireAnswer{V: cartOf(req.Quantity)}
	})
	upstream := httptest.NewServer(core)
	t.Cleanup(upstream.Close)
	quietly := slog.New(slog.DiscardHandler)
	client, err := coreclient.New(coreclient.Config{Nodes: []coreclient.Node{{ID: "core-eu", Region: "eu", Addr: strings.TrimPrefix(upstream.URL, "http://")}},
		Region: "eu", Token: "t", Edge: "edge-eu", Logger: quietly, SlowTimeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	f := &shopFixture{t: t, core: core, clicks: &clicks{}}
	cfg := ShopConfig{Core: client, Clicks: f.clicks, Region: "eu", BaseURL: "https://shop.example", Log: quietly, TestCards: true}
	if change != nil {
		change(&cfg)
	}
	f.shop = NewShop(cfg)
	server, err := NewServer(Config{ID: "edge-eu", Region: "eu", Addr: "127.0.0.1:0", Secret: []byte("0123456789abcdef"), Routes: f.shop.Routes(), ErrorPage: f.shop.ErrorPage, Logger: quietly})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve() }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	cookies, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.base = "http://" + server.Addr()
	f.client = &http.Client{Jar: cookies, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return f
}

// answered is an answer with its body read.
type answered struct {
	*http.Response
	body string
}

func (f *shopFixture) do(method, path, body string, header ...string) answered {
	f.t.Helper()
	req, err := http.NewRequest(method, f.base+path, bytes.NewBufferString(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := f.client.Do(req)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answered{resp, string(read)}
}

func (f *shopFixture) form(path string, fields ...string) answered {
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return f.do("POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// must fails the test unless the answer has the status and its body holds every text.
func (a answered) must(t *testing.T, status int, texts ...string) answered {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %.600s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Fatalf("%s %s: no %q in %.3000s", a.Request.Method, a.Request.URL.Path, text, a.body)
		}
	}
	return a
}

func TestEveryOperationIsRoutedAndNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range new(Shop).operations() {
		if op.ID == "" || op.Summary == "" || seen[op.ID] {
			t.Errorf("%s %s: the operation needs a name of its own and a summary", op.Method, op.Pattern)
		}
		seen[op.ID] = true
		if !slices.IsSorted(op.Query) {
			t.Errorf("%s: the query parameters are not in order: %v", op.ID, op.Query)
		}
	}
	if _, err := newRouter(new(Shop).Routes()); err != nil {
		t.Fatal(err)
	}
}

// TestStrangersKeysAreApart: the core knows nobody by an idempotency key alone.
func TestStrangersKeysAreApart(t *testing.T) {
	s := &Shop{}
	key := func(client, credential string) string {
		return s.private(&Request{Client: client, Call: api.Call{Key: "1", Credential: credential}}).alone().call.Key
	}
	if key("192.0.2.1", "") == key("192.0.2.2", "") {
		t.Error("two strangers with the same key would get one cart")
	}
	if key("192.0.2.1", "session:x") != key("192.0.2.2", "session:x") {
		t.Error("a customer's key depends on where they are")
	}
}

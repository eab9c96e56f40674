package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/flagenv"
)

// load browses a running demo until it is stopped.
func load(ctx context.Context, args []string, out io.Writer) error {
	var o options
	fs := newFlags("load", out)
	o.target(fs)
	rate := fs.Float64("rate", 3, "requests a second, over all regions")
	seconds := fs.Duration("for", 0, "stop after this time; 0s: when told to")
	if err := flagenv.Parse(fs, "LOAD", args); err != nil {
		return err
	}
	if *rate <= 0 || *rate > 1000 {
		return flagenv.Errorf("rate", "give a number above 0, at most 1000")
	}
	if err := o.check(); err != nil {
		return err
	}
	if *seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *seconds)
		defer cancel()
	}
	n := browse(ctx, &o, *rate)
	fmt.Fprintf(out, "%d requests answered, %d not\n", n.answered, n.failed)
	return nil
}

// background is the demo's own light traffic; stop waits for it.
func background(ctx context.Context, o *options, _ credentials) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); browse(ctx, o, 3) }()
	return func() { cancel(); <-done }
}

type tally struct{ answered, failed int }

// browse runs one shopper after the other in each region, together at rate requests a second.
// Shoppers look, search and fill carts; they never check out.
func browse(ctx context.Context, o *options, rate float64) (sum tally) {
	client := newHTTP(8)
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range o.regions {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := &browser{edge: o.ports.edgeURL(i), http: client, pause: time.Duration(float64(time.Second) * float64(o.regions) / rate),
				rng: rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))}
			for ctx.Err() == nil {
				b.session(ctx)
			}
			mu.Lock()
			sum.answered += b.answered
			sum.failed += b.failed
			mu.Unlock()
		}()
	}
	wg.Wait()
	return sum
}

// browser plays shoppers at one edge.
type browser struct {
	tally
	edge  string
	http  *http.Client
	pause time.Duration
	rng   *rand.Rand

	shop             *visitor
	visit, visitorID string
}

// words people search for; some find nothing, as in life.
var searches = []string{"mug", "lamp", "linen", "shirt", "teal", "bag", "notebook", "wool", "unicorn", "chair", "candle", "gift"}

// session is one visit: a landing page, a few products near each other, at times a search and a cart.
func (b *browser) session(ctx context.Context) {
	b.shop = newVisitor(b.edge, "", b.http)
	b.visit, b.visitorID = randomID(b.rng), randomID(b.rng)
	list, ok := step[api.List[api.Product]](ctx, b, http.MethodGet, b.landing(ctx), nil)
	if !ok || len(list.Items) == 0 {
		return
	}
	var cart api.Cart
	// Neighbours in a list are alike, so visits that walk a list give co-occurrence a meaning.
	at := b.rng.IntN(len(list.Items))
	for range 1 + b.rng.IntN(6) {
		p := list.Items[at%len(list.Items)]
		if _, ok := step[api.Product](ctx, b, http.MethodGet, "/api/v1/products/"+p.Handle, nil); !ok {
			return
		}
		b.event(ctx, api.Event{Type: "view_item", Items: []api.EventItem{{ItemID: p.Handle}}})
		if v, ok := b.pick(p); ok && b.rng.Float64() < 0.25 {
			cart = b.add(ctx, cart, p, v)
		}
		at += 1 + b.rng.IntN(3)
	}
}

func (b *browser) landing(ctx context.Context) string {
	switch {
	case b.rng.Float64() < 0.2:
		q := searches[b.rng.IntN(len(searches))]
		if r, ok := step[api.SearchResult](ctx, b, http.MethodGet, "/api/v1/search?q="+q, nil); ok {
			found := int64(r.Total)
			b.event(ctx, api.Event{Type: "search", Query: q, Results: &found})
		}
	case b.rng.Float64() < 0.6:
		if l, ok := step[api.List[api.Collection]](ctx, b, http.MethodGet, "/api/v1/collections", nil); ok && len(l.Items) > 0 {
			return "/api/v1/products?limit=24&collection=" + l.Items[b.rng.IntN(len(l.Items))].Handle
		}
	}
	return "/api/v1/products?limit=48"
}

func (b *browser) pick(p api.Product) (api.Variant, bool) {
	if len(p.Variants) == 0 {
		return api.Variant{}, false
	}
	v := p.Variants[b.rng.IntN(len(p.Variants))]
	return v, v.Available > 0
}

func (b *browser) add(ctx context.Context, cart api.Cart, p api.Product, v api.Variant) api.Cart {
	if cart.ID == "" {
		var ok bool
		if cart, ok = step[api.Cart](ctx, b, http.MethodPost, "/api/v1/carts", struct{}{}); !ok {
			return api.Cart{}
		}
	}
	if c, ok := step[api.Cart](ctx, b, http.MethodPut, "/api/v1/carts/"+cart.ID+"/lines/"+v.SKU, map[string]int{"quantity": 1}); ok {
		cart = c
		b.event(ctx, api.Event{Type: "add_to_cart", Items: []api.EventItem{{ItemID: p.Handle, SKU: v.SKU, Quantity: 1, Price: &v.Price}}})
	}
	return cart
}

func (b *browser) event(ctx context.Context, e api.Event) {
	e.ID, e.At = randomID(b.rng), time.Now().UTC().Format(time.RFC3339Nano)
	e.Session, e.Visitor = b.visit, b.visitorID
	step[struct{}](ctx, b, http.MethodPost, "/api/v1/events", api.EventBatch{Events: []api.Event{e}})
}

// step is one request and the pause before it. A failure is counted and never repeated: the demo
// must bear shoppers who give up.
func step[T any](ctx context.Context, b *browser, method, path string, in any) (out T, ok bool) {
	jitter := time.Duration((0.5 + b.rng.Float64()) * float64(b.pause))
	select {
	case <-ctx.Done():
		return out, false
	case <-time.After(jitter):
	}
	var payload *body
	if in != nil {
		payload = jsonBody(in)
	}
	if err := b.shop.do(ctx, method, path, "", payload, &out); err != nil {
		if ctx.Err() == nil {
			b.failed++
		}
		return out, false
	}
	b.answered++
	return out, true
}

// randomID is a random UUID (version 4).
func randomID(rng *rand.Rand) string {
	var u [16]byte
	for i := range u {
		u[i] = byte(rng.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

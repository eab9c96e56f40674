//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
)

// write is an adjustment of stock by one. Its writer begins the next one when it was answered, so that
// the ones which survive are the first ones.
type write struct {
	sent, acked time.Time // acked is zero without an answer
	index       uint64
}

// purchase is an order that was acknowledged.
type purchase struct {
	id, number, key, cart string
	life                  int
	sent, acked           time.Time
	index                 uint64
}

// writer counts one SKU up.
type writer struct {
	sku    string
	base   int64 // on hand when this life began
	writes []write
}

// load is the clients of a shop.
type load struct {
	shop    *shop
	life    int
	writers []*writer
	edges   []*coreclient.Client
	pause   time.Duration

	mu       sync.Mutex // guards what follows
	orders   []purchase // acknowledged in this life
	refused  int
	problems []string
	title    int // of the product whose page is watched
}

const (
	writers  = 6
	buyers   = 4
	goods    = "GOODS"
	onShelf  = 1_000_000
	watched  = "ticker"
	addEvery = 4 * time.Millisecond
)

// newLoad makes the products.
func newLoad(ctx context.Context, s *shop) (*load, error) {
	l := &load{shop: s, pause: addEvery}
	for i := range 3 {
		c, err := s.newClient(fmt.Sprintf("edge-%d", i))
		if err != nil {
			return nil, err
		}
		l.edges = append(l.edges, c)
	}
	p := api.StaffProduct{Handle: "drill", Title: "Drill", Status: "active", Options: []api.Option{{Name: "Kind"}}}
	variant := func(sku string, n int64) {
		p.Options[0].Values = append(p.Options[0].Values, sku)
		p.Variants = append(p.Variants, api.StaffVariant{SKU: sku, Title: sku, Options: map[string]string{"Kind": sku}, Prices: map[string]int64{"EUR": 700}, OnHand: n})
	}
	variant(goods, onShelf)
	for i := range writers {
		w := &writer{sku: fmt.Sprintf("COUNT-%d", i)}
		l.writers = append(l.writers, w)
		variant(w.sku, 0)
	}
	_, _, err := ask(ctx, s, s.staff, api.StaffProductPut, api.PutProduct{Product: p})
	return l, err
}

func (l *load) close() {
	for _, c := range l.edges {
		_ = c.Close()
	}
}

// begin takes the state of a new life as the beginning of what is counted.
func (l *load) begin(ctx context.Context, life int) error {
	l.life, l.orders, l.refused = life, nil, 0
	for _, w := range l.writers {
		v, _, err := ask(ctx, l.shop, l.shop.staff, api.StockGet, api.StockQuery{SKU: w.sku})
		if err != nil {
			return fmt.Errorf("read %s: %w", w.sku, err)
		}
		w.base, w.writes = v.OnHand, nil
	}
	return nil
}

// run lets every client act until ctx ends. Attempts under way end with calls: an answer that comes
// later than that is no answer.
func (l *load) run(ctx, calls context.Context, seed uint64) {
	var wg sync.WaitGroup
	for i, w := range l.writers {
		wg.Go(func() { l.count(ctx, calls, w, l.edges[i%len(l.edges)], rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	for i := range buyers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(100+i)))
			for n := 0; ctx.Err() == nil; n++ {
				l.buy(ctx, calls, l.edges[i%len(l.edges)], fmt.Sprintf("%d-%d-%d", l.life, i, n))
				rest(ctx, time.Duration(rng.ExpFloat64()*float64(4*l.pause)))
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			l.mu.Lock()
			l.title++
			n := l.title
			l.mu.Unlock()
			_, _, _ = coreclient.Do(calls, l.edges[0], api.StaffProductPut, api.PutProduct{Product: ticker(n)}, api.Call{Credential: "staff:" + l.shop.staff, Key: fmt.Sprintf("t-%d-%d", l.life, n)})
			_, _ = l.shop.page(calls, "/api/v1/products/"+watched) // keeps it in the edge's cache
			rest(ctx, 50*time.Millisecond)
		}
	})
	wg.Wait()
}

func ticker(n int) api.StaffProduct {
	return api.StaffProduct{Handle: watched, Title: fmt.Sprintf("Ticker no. %d", n), Status: "active",
		Variants: []api.StaffVariant{{SKU: "TICK", Title: "Default", Prices: map[string]int64{"EUR": 100}}}}
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (l *load) count(ctx, calls context.Context, w *writer, edge *coreclient.Client, rng *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("%d-%s-%d", l.life, w.sku, n)
		v := write{sent: time.Now()}
		for v.acked.IsZero() && ctx.Err() == nil {
			level, _, err := coreclient.Do(calls, edge, api.StockAdjust, api.AdjustStock{SKU: w.sku, Delta: 1}, api.Call{Credential: "staff:" + l.shop.staff, Key: key})
			if err == nil {
				v.acked, v.index = time.Now(), level.Index.Raft
			} else {
				l.note(err, "adjust "+w.sku)
				rest(ctx, 10*time.Millisecond)
			}
		}
		w.writes = append(w.writes, v)
		rest(ctx, time.Duration(rng.ExpFloat64()*float64(l.pause)))
	}
}

// note counts what was refused for the moment; anything else is a problem.
func (l *load) note(err error, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
	if e := api.AsError(err); !errors.Is(err, context.Canceled) && !e.Transient() && e.Code != api.CodeCheckoutInProgress && len(l.problems) < 20 {
		l.problems = append(l.problems, fmt.Sprintf("%s: %v", what, err))
	}
}

// buy makes a purchase, and repeats it under its key until it is answered or ctx ends.
func (l *load) buy(ctx, calls context.Context, edge *coreclient.Client, key string) {
	p := purchase{key: key, life: l.life, sent: time.Now()}
	cart, _, err := coreclient.Do(calls, edge, api.CartsCreate, api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}, api.Call{Key: key + "-cart"})
	if err == nil {
		_, _, err = coreclient.Do(calls, edge, api.CartsPutLine, api.PutLine{Cart: cart.ID, SKU: goods, Quantity: 1}, api.Call{Key: key + "-line"})
	}
	if err != nil {
		l.note(err, "fill a cart")
		return
	}
	p.cart = cart.ID
	for {
		o, meta, err := l.checkout(calls, edge, p)
		if err == nil {
			p.id, p.number, p.acked, p.index = o.ID, o.Number, time.Now(), meta.Index.Raft
			l.mu.Lock()
			l.orders = append(l.orders, p)
			l.mu.Unlock()
			return
		}
		l.note(err, "checkout")
		if rest(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return
		}
	}
}

func (l *load) checkout(ctx context.Context, edge *coreclient.Client, p purchase) (api.Order, api.Meta, error) {
	return coreclient.Do(ctx, edge, api.CheckoutCart, api.CheckoutRequest{Cart: p.cart, Checkout: api.Checkout{Email: "buyer@example.com", ShippingMethod: "standard",
		ShippingAddress: api.Address{Name: "A Buyer", Line1: "1 Queue Street", City: "Hamburg", PostalCode: "20457", Country: "DE"},
		Payment:         api.PaymentMethod{Provider: "sandbox", Token: "tok_ok"}}}, api.Call{Key: p.key})
}

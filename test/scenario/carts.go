package scenario

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"meridian/api"
)

// OldCart buys from a cart that was filled at one edge before another edge's shopper bought the stock:
// vendure #1738, where such a cart could still be bought and the stock went below zero. The buyer is
// refused with what is left, is not charged, and can buy that.
func (s *Shop) OldCart() {
	s.T.Helper()
	sku := fmt.Sprintf("OLD-%x", time.Now().UnixNano())
	s.PutProduct("p-"+strings.ToLower(sku), sku, 1900, 20)
	old := s.CartWith(0, sku, 5)
	fresh := s.CartWith(1, sku, 18)
	Must[api.Order](s, s.Checkout(1, fresh.ID, sku+"-fresh", "tok_ok"))
	before := len(s.Charges(""))
	var o api.Order
	err := s.Persist(s.T.Context(), s.Checkout(0, old.ID, sku+"-old", "tok_ok"), &o)
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeOutOfStock || len(e.Lines) != 1 || e.Lines[0] != (api.StockLine{SKU: sku, Requested: 5, Available: 2}) {
		s.T.Errorf("five of two from an old cart: %v", err)
	}
	if n := len(s.Charges("")); n != before {
		s.T.Errorf("the provider heard of a purchase that was refused: %d charges, %d before", n, before)
	}
	Must[api.Cart](s, Request{Method: "PUT", URL: s.Edge(2) + "/api/v1/carts/" + old.ID + "/lines/" + sku, Body: map[string]int64{"quantity": 2}})
	Must[api.Order](s, s.Checkout(2, old.ID, sku+"-rest", "tok_ok"))
	if l := s.Stock(0, sku); l.OnHand != 0 || l.Reserved != 0 {
		s.T.Errorf("stock after both orders: %+v", l)
	}
}

// SharedCart puts many things into one cart at the same time, through every edge: vendure #2187, where
// changes overwrote each other and acknowledged lines were gone.
func (s *Shop) SharedCart(lines int) {
	s.T.Helper()
	run := fmt.Sprintf("%x", time.Now().UnixNano())
	sku := func(i int) string { return fmt.Sprintf("SHARED-%s-%d", run, i) }
	for i := range lines {
		s.PutProduct("p-"+strings.ToLower(sku(i)), sku(i), 500, 50)
	}
	c := Must[api.Cart](s, Request{Method: "POST", URL: s.Edge(0) + "/api/v1/carts", Body: struct{}{}})
	var wg sync.WaitGroup
	for i := range lines {
		wg.Go(func() {
			r := Request{Method: "PUT", URL: s.Edge(i) + "/api/v1/carts/" + c.ID + "/lines/" + sku(i), Body: map[string]int64{"quantity": int64(i + 1)}}
			if err := s.Persist(s.T.Context(), r, nil); err != nil {
				s.T.Error(err)
			}
		})
	}
	wg.Wait()
	o := Must[api.Order](s, s.Checkout(1, c.ID, "shared-"+run, "tok_ok"))
	if len(o.Lines) != lines {
		s.T.Errorf("%d lines were put into the cart, %d were bought", lines, len(o.Lines))
	}
	for _, l := range o.Lines {
		var i int64
		if _, err := fmt.Sscanf(l.SKU, "SHARED-"+run+"-%d", &i); err != nil || l.Quantity != i+1 {
			s.T.Errorf("bought %d of %s", l.Quantity, l.SKU)
		}
	}
}

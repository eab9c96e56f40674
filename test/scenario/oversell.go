package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
)

// Race says how a flash sale goes.
type Race struct {
	Buyers int
	Units  int64
	// Midway is called once when a tenth of the buyers have their answer: the place to break something.
	Midway func()
}

// Oversell lets buyers at every edge race for the units of one SKU, one each, repeating with their key
// until they are decided: exactly as many orders as units, a clear refusal for everyone else, and a
// provider's ledger that agrees with the orders.
func (s *Shop) Oversell(r Race) {
	s.T.Helper()
	run := fmt.Sprintf("%x", time.Now().UnixNano())
	sku := "RACE-" + run
	s.PutProduct("race-"+run, sku, 1900, r.Units)
	carts := s.carts(r.Buyers, sku)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	var paid, refused, decided atomic.Int64
	var midway sync.Once
	orders := make([]api.Order, r.Buyers)
	for i := range carts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := s.Persist(ctx, s.Checkout(i, carts[i].ID, fmt.Sprintf("%s-%d", run, i), "tok_ok"), &orders[i])
			var e *api.Error
			switch {
			case err == nil && orders[i].Status == api.OrderPaid:
				paid.Add(1)
			case errors.As(err, &e) && e.Code == api.CodeOutOfStock:
				refused.Add(1)
			default:
				s.T.Errorf("buyer %d: %v %+v", i, err, orders[i])
			}
			if decided.Add(1) >= int64(r.Buyers/10) && r.Midway != nil {
				midway.Do(r.Midway)
			}
		}()
	}
	wg.Wait()
	want := min(r.Units, int64(r.Buyers))
	if paid.Load() != want || refused.Load() != int64(r.Buyers)-want {
		s.T.Errorf("%d paid, %d refused; want %d and %d", paid.Load(), refused.Load(), want, int64(r.Buyers)-want)
	}
	if l := s.Stock(1, sku); l.OnHand != r.Units-want || l.Reserved != 0 {
		s.T.Errorf("stock after the sale: %+v", l)
	}
	for i, o := range orders {
		if o.ID != "" {
			s.chargedOnce(i, o)
		}
	}
	s.ordersOf(sku, int(want))
}

// carts makes carts with one unit each, a few at a time.
func (s *Shop) carts(n int, sku string) []api.Cart {
	s.T.Helper()
	carts := make([]api.Cart, n)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < n; i += 16 {
				carts[i] = s.CartWith(i, sku, 1)
			}
		}()
	}
	wg.Wait()
	return carts
}

// chargedOnce verifies that an order was charged its total once, and that nothing else is held for it.
func (s *Shop) chargedOnce(buyer int, o api.Order) {
	s.T.Helper()
	taken := 0
	for _, c := range s.Charges(o.ID) {
		switch c.State {
		case "authorized", "captured":
			taken++
			if c.Amount != o.Totals.Total.Amount {
				s.T.Errorf("buyer %d was charged %d for an order of %d", buyer, c.Amount, o.Totals.Total.Amount)
			}
		case "voided", "declined":
		default:
			s.T.Errorf("buyer %d: a charge is %s", buyer, c.State)
		}
	}
	if taken != 1 {
		s.T.Errorf("buyer %d was charged %d times for order %s", buyer, taken, o.ID)
	}
}

// ordersOf verifies that exactly want orders of a SKU are paid, and that nobody was charged for another.
func (s *Shop) ordersOf(sku string, want int) {
	s.T.Helper()
	paid := 0
	for _, o := range s.Orders() {
		if len(o.Lines) != 1 || o.Lines[0].SKU != sku {
			continue
		}
		if o.Status == api.OrderPaid {
			paid++
			continue
		}
		for _, c := range s.Charges(o.ID) {
			if c.State == "authorized" || c.State == "captured" {
				s.T.Errorf("order %s is %s, and %d was taken for it", o.ID, o.Status, c.Amount)
			}
		}
	}
	if paid != want {
		s.T.Errorf("the shop lists %d paid orders of %s, want %d", paid, sku, want)
	}
}

package core_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
	"meridian/core"
)

func TestCheckout(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)

	t.Run("Paid", func(t *testing.T) {
		c := s.cart("A", 2)
		o := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "paid"})
		if o.Status != api.OrderPaid || o.Totals.Total.Amount != 2*1900+490 || len(o.Events) != 2 || o.Key == "" {
			t.Errorf("order %+v", o)
		}
		s.wantStock("A", 3, 0)
		if again := get(s, api.CartsGet, api.CartQuery{ID: c.ID}, api.Call{}); len(again.Lines) != 0 {
			t.Errorf("the cart still holds %+v", again.Lines)
		}
		repeat, meta, err := ask(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "paid"})
		if err != nil || !meta.Replay || repeat.ID != o.ID || meta.Status != 201 {
			t.Errorf("a repeat answered %+v, %+v, %v", repeat, meta, err)
		}
		refused(s, api.CodeKeyReused, api.CheckoutCart, purchase(c.ID, "tok_declined"), api.Call{Key: "paid"})
		if got := get(s, api.OrdersGet, api.OrderQuery{ID: o.ID, Key: o.Key}, api.Call{}); got.Number != o.Number {
			t.Errorf("read back %+v", got)
		}
		refused(s, api.CodeNotFound, api.OrdersGet, api.OrderQuery{ID: o.ID, Key: "guessed"}, api.Call{})
		refused(s, api.CodeInvalid, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "second"}) // the cart is empty now
	})
	t.Run("Declined", func(t *testing.T) {
		c := s.cart("A", 1)
		e := refused(s, api.CodePaymentDeclined, api.CheckoutCart, purchase(c.ID, "tok_declined"), api.Call{Key: "declined"})
		if e.DeclineCode != "card_declined" || e.Status != 402 {
			t.Errorf("%+v", e)
		}
		s.wantStock("A", 3, 0)
		refused(s, api.CodePaymentDeclined, api.CheckoutCart, purchase(c.ID, "tok_declined"), api.Call{Key: "declined"})
		if o := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "another card"}); o.Status != api.OrderPaid {
			t.Errorf("a second card: %+v", o)
		}
		s.wantStock("A", 2, 0)
	})
	t.Run("OutOfStock", func(t *testing.T) {
		c := s.cart("A", 3)
		e := refused(s, api.CodeOutOfStock, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "too many"})
		if len(e.Lines) != 1 || e.Lines[0] != (api.StockLine{SKU: "A", Requested: 3, Available: 2}) {
			t.Errorf("lines %+v", e.Lines)
		}
		s.wantStock("A", 2, 0)
	})
	t.Run("SilentProvider", func(t *testing.T) {
		c := s.cart("A", 1)
		if o := get(s, api.CheckoutCart, purchase(c.ID, "tok_unknown"), api.Call{Key: "unknown"}); o.Status != api.OrderPaid {
			t.Errorf("%+v", o)
		}
		s.wantStock("A", 1, 0)
	})
	t.Run("SlowProvider", func(t *testing.T) {
		c := s.cart("A", 1)
		if o := get(s, api.CheckoutCart, purchase(c.ID, "tok_slow"), api.Call{Key: "slow"}); o.Status != api.OrderPaid {
			t.Errorf("%+v", o)
		}
		s.wantStock("A", 0, 0)
	})
}

func TestBrokenProviderReleasesAndContinues(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 1)
	c := s.cart("A", 1)
	refused(s, api.CodePaymentUnavailable, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "k"})
	s.wantStock("A", 1, 0)
	// The same key goes on with the same order, also when somebody else bought the unit in between.
	other := s.cart("A", 1)
	get(s, api.CheckoutCart, purchase(other.ID, "tok_ok"), api.Call{Key: "other"})
	refused(s, api.CodeOutOfStock, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "k"})
	refused(s, api.CodeOutOfStock, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "k"})
	s.wantStock("A", 0, 0)
}

// TestAbandonedAttemptIsClosed: the bank is out of reach, the shopper takes another card; the first
// order ends with the second one's payment.
func TestAbandonedAttemptIsClosed(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 2)
	c := s.cart("A", 1)
	refused(s, api.CodePaymentUnavailable, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "first"})
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "second"})
	var statuses []string
	for _, o := range get(s, api.OrdersList, api.OrdersQuery{}, s.staffCall("")).Items {
		statuses = append(statuses, o.Status)
	}
	if len(statuses) != 2 || statuses[0] != api.OrderPaid || statuses[1] != api.OrderCancelled {
		t.Errorf("the orders are %v", statuses)
	}
	s.wantStock("A", 1, 0)
}

func TestCartChanged(t *testing.T) {
	s := newShop(t)
	p := s.mugs("A", 5)
	c := s.cart("A", 1)
	p.Variants[0].Prices["EUR"] = 2500
	get(s, api.StaffProductPut, api.PutProduct{Product: p}, s.staffCall(""))
	req := purchase(c.ID, "tok_ok")
	req.Version = &c.Version
	refused(s, api.CodeCartChanged, api.CheckoutCart, req, api.Call{Key: "old price"})
	now := get(s, api.CartsGet, api.CartQuery{ID: c.ID}, api.Call{})
	if now.Version == c.Version {
		t.Fatal("the version did not change with the price")
	}
	req.Version = &now.Version
	if o := get(s, api.CheckoutCart, req, api.Call{Key: "new price"}); o.Totals.Subtotal.Amount != 2500 {
		t.Errorf("%+v", o.Totals)
	}
}

func TestInvalidCheckoutIsStored(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	c := s.cart("A", 1)
	req := purchase(c.ID, "tok_ok")
	req.Email, req.ShippingAddress.City, req.ShippingMethod = "nobody", "", "by owl"
	e := refused(s, api.CodeInvalid, api.CheckoutCart, req, api.Call{Key: "k"})
	want := map[string]bool{"email": true, "shipping_address.city": true, "shipping_method": true}
	for _, f := range e.Errors {
		delete(want, f.Field)
	}
	if len(want) > 0 || len(e.Errors) != 3 {
		t.Errorf("errors %+v", e.Errors)
	}
	refused(s, api.CodeInvalid, api.CheckoutCart, req, api.Call{Key: "k"})
	refused(s, api.CodeKeyReused, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "k"})
}

// race lets buyers try to buy one unit each and counts the answers.
func (s *shop) race(buyers int, sku string) (paid, soldOut int64) {
	var wg sync.WaitGroup
	var won, lost atomic.Int64
	carts := make([]api.Cart, buyers)
	for i := range carts {
		carts[i] = s.cart(sku, 1)
	}
	for i := range carts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, _, err := ask(s, api.CheckoutCart, purchase(carts[i].ID, "tok_ok"), api.Call{Key: keyN(i)})
			switch api.CodeOf(err) {
			case "":
				won.Add(1)
			case api.CodeOutOfStock:
				lost.Add(1)
			default:
				s.t.Errorf("buyer %d: %v", i, err)
			}
		}()
	}
	wg.Wait()
	return won.Load(), lost.Load()
}

func TestNeverOversells(t *testing.T) {
	s := newShop(t)
	s.mugs("FLASH", 25)
	if paid, soldOut := s.race(100, "FLASH"); paid != 25 || soldOut != 75 {
		t.Errorf("%d paid, %d sold out; want 25 and 75", paid, soldOut)
	}
	s.wantStock("FLASH", 0, 0)
}

// TestGateStockCheck switches the stock check off and sees the oversale.
func TestGateStockCheck(t *testing.T) {
	s := newShop(t)
	s.mugs("FLASH", 5)
	s.machine.SkipStockCheck()
	paid, _ := s.race(20, "FLASH")
	if paid <= 5 {
		t.Errorf("without the stock check only %d of 5 were sold: the oversell test cannot fail", paid)
	}
	if len(s.problems()) == 0 {
		t.Error("core check does not see an oversale")
	}
	get(s, api.StockAdjust, api.AdjustStock{SKU: "FLASH", Delta: paid - 5, Reason: "repair"}, s.staffCall("repair"))
}

// TestGateDedupe switches the key look-up off and sees a repeat buy twice.
func TestGateDedupe(t *testing.T) {
	for _, off := range []bool{false, true} {
		s := newShop(t)
		s.mugs("A", 10)
		if off {
			s.machine.SkipDedupe()
		}
		k := s.staffCall("once")
		for range 2 {
			get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: 5, Reason: "delivery"}, k)
		}
		if got := s.stockOf("A").OnHand; (got == 20) != off {
			t.Errorf("dedupe off %v: on hand %d after a repeated delivery of 5 on top of 10", off, got)
		}
	}
}

func TestConcurrentRepeatsAreOne(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	c := s.cart("A", 1)
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Add(1)
		go func() {
			defer wg.Done()
			o, _, err := ask(s, api.CheckoutCart, purchase(c.ID, "tok_slow"), api.Call{Key: "one"})
			if err != nil {
				t.Error(err)
			}
			ids[i] = o.ID
		}()
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("orders %v", ids)
		}
	}
	s.wantStock("A", 9, 0)
}

func TestSecondCheckoutOfACartWaits(t *testing.T) {
	s := newShop(t, func(c *core.ServiceConfig) {
		c.Payments = stuck{make(chan struct{})}
		c.PaymentWait = 300 * time.Millisecond
	})
	s.mugs("A", 10)
	c := s.cart("A", 1)
	s.patience = time.Second
	refused(s, api.CodeOutcomeUnknown, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "first"})
	refused(s, api.CodeCheckoutInProgress, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "second"})
	s.wantStock("A", 10, 1)
}

// stuck is a provider that never answers, as after a cut cable.
type stuck struct{ never chan struct{} }

func (p stuck) wait(ctx context.Context) (core.PaymentResult, error) {
	select {
	case <-ctx.Done():
	case <-p.never:
	}
	return core.PaymentResult{}, ctx.Err()
}
func (p stuck) Authorize(ctx context.Context, _ core.PaymentRequest) (core.PaymentResult, error) {
	return p.wait(ctx)
}
func (p stuck) Lookup(ctx context.Context, _ string) (core.PaymentResult, error) { return p.wait(ctx) }
func (p stuck) Capture(ctx context.Context, _ string) (core.PaymentResult, error) {
	return p.wait(ctx)
}
func (p stuck) Void(ctx context.Context, _ string) (core.PaymentResult, error) { return p.wait(ctx) }
func (p stuck) Changed(context.Context, time.Time, string) ([]core.PaymentCharge, string, error) {
	return nil, "", nil
}
func (p stuck) Refund(ctx context.Context, _, _ string, _ int64) (core.PaymentResult, error) {
	return p.wait(ctx)
}

// TestWorkerResolvesAnOpenPayment crashes a checkout between the provider's answer and the commit:
// the worker asks the provider and finishes the order.
func TestWorkerResolvesAnOpenPayment(t *testing.T) {
	for _, c := range []struct {
		name, lastWord string
		onHand         int64
		status         string
		chargedBefore  bool
	}{
		{"Charged", "tok_ok", 9, api.OrderPaid, true},
		{"NeverAsked", "tok_ok", 10, api.OrderPendingPayment, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			lossy := &lossy{}
			s := newShop(t, func(cfg *core.ServiceConfig) {
				lossy.Payments = newProvider(t, t.TempDir())
				cfg.Payments, cfg.PaymentWait, cfg.ResolveAfter = lossy, 300*time.Millisecond, 10*time.Millisecond
			})
			s.mugs("A", 10)
			cart := s.cart("A", 1)
			lossy.deaf.Store(true)
			lossy.deliver.Store(c.chargedBefore)
			s.patience = time.Second
			refused(s, api.CodeOutcomeUnknown, api.CheckoutCart, purchase(cart.ID, c.lastWord), api.Call{Key: "k"})
			s.patience = 20 * time.Second
			s.wantStock("A", 10, 1)
			lossy.deaf.Store(false)
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { s.service.Lead(ctx); close(done) }()
			eventually(t, "the reservation to end", func() bool { return s.stockOf("A").Reserved == 0 })
			stop()
			<-done
			s.wantStock("A", c.onHand, 0)
			orders := get(s, api.OrdersList, api.OrdersQuery{}, s.staffCall("")).Items
			if len(orders) != 1 || orders[0].Status != c.status {
				t.Errorf("orders %+v", orders)
			}
		})
	}
}

// lossy is a provider whose answers get lost while it is deaf; deliver says whether requests arrive.
type lossy struct {
	core.Payments
	deaf, deliver atomic.Bool
}

func (l *lossy) lost(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
func (l *lossy) Authorize(ctx context.Context, r core.PaymentRequest) (core.PaymentResult, error) {
	if !l.deaf.Load() || l.deliver.Load() {
		p, err := l.Payments.Authorize(ctx, r)
		if !l.deaf.Load() {
			return p, err
		}
	}
	return core.PaymentResult{}, l.lost(ctx)
}
func (l *lossy) Lookup(ctx context.Context, key string) (core.PaymentResult, error) {
	if l.deaf.Load() {
		return core.PaymentResult{}, l.lost(ctx)
	}
	return l.Payments.Lookup(ctx, key)
}
func (l *lossy) Void(ctx context.Context, key string) (core.PaymentResult, error) {
	if l.deaf.Load() {
		return core.PaymentResult{}, l.lost(ctx)
	}
	return l.Payments.Void(ctx, key)
}

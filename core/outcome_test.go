package core_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"meridian/api"
	"meridian/core"
)

// overtaken is a provider during whose answer somebody else writes its word into the log.
type overtaken struct {
	core.Payments
	during func(order string)
}

func (p *overtaken) Authorize(ctx context.Context, r core.PaymentRequest) (core.PaymentResult, error) {
	res, err := p.Payments.Authorize(ctx, r)
	p.during(r.Order)
	return res, err
}

// TestDeclineWrittenByAnother: the worker resolves a decline while the checkout is still at it.
func TestDeclineWrittenByAnother(t *testing.T) {
	s, p := during(t)
	p.during = func(order string) {
		if _, err := s.log.Propose(context.Background(), core.Decline(order, "card_declined")); err != nil {
			t.Error(err)
		}
	}
	s.mugs("A", 1)
	c := s.cart("A", 1)
	e := refused(s, api.CodePaymentDeclined, api.CheckoutCart, purchase(c.ID, "tok_declined"), api.Call{Key: "k"})
	if e.DeclineCode != "card_declined" {
		t.Errorf("%+v", e)
	}
	s.wantStock("A", 1, 0)
}

// TestPaidIsNeverRefused: the log refuses the commit of a payment that was made. A full log is tried
// again; a lost lead leaves the outcome open until a repeat finds it.
func TestPaidIsNeverRefused(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 2)
	var left atomic.Int64
	var code api.Code
	refuse := func(command []byte) error {
		if core.IsCommit(command) && left.Add(-1) >= 0 {
			return api.NewError(code, "Not now.")
		}
		return nil
	}
	s.log.mu.Lock()
	s.log.refuse = refuse
	s.log.mu.Unlock()
	for i, code2 := range []api.Code{api.CodeOverloaded, api.CodeNotLeader} {
		code = code2
		left.Store(2)
		c := s.cart("A", 1)
		o := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: keyN(i)})
		if o.Status != api.OrderPaid || left.Load() >= 0 {
			t.Errorf("%s: %+v", code2, o)
		}
	}
	s.wantStock("A", 0, 0)
	if orders := get(s, api.OrdersList, api.OrdersQuery{}, s.staffCall("")).Items; len(orders) != 2 {
		t.Errorf("orders %+v", orders)
	}
}

// TestConcurrentChangesOfAnAccountAllStand changes name and address of an account at the same time.
func TestConcurrentChangesOfAnAccountAllStand(t *testing.T) {
	s := newShop(t)
	me := get(s, api.CustomersCreate, api.NewCustomer{Email: "ada@example.com", Password: "correct horse", Name: "Ada"}, api.Call{})
	as := api.Call{Credential: "session:" + me.Token}
	for round := range 20 {
		name, email := fmt.Sprintf("Ada %d", round), fmt.Sprintf("ada%d@example.com", round)
		var wg sync.WaitGroup
		for _, p := range []api.CustomerPatch{{Name: &name}, {Email: &email}} {
			wg.Go(func() {
				if _, _, err := ask(s, api.CustomersPatch, p, as); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := get(s, api.CustomersMe, api.None{}, as); got.Name != name || got.Email != email {
			t.Fatalf("round %d: %+v", round, got)
		}
	}
}

// TestInvalidWritesAreStored: a refused body is its key's answer, and another body under the key is not taken.
func TestInvalidWritesAreStored(t *testing.T) {
	s := newShop(t)
	p := s.mugs("A", 1)
	good := api.PutProduct{Product: p}
	bad := good
	bad.Product.Title = ""
	for range 2 {
		refused(s, api.CodeInvalid, api.StaffProductPut, bad, s.staffCall("k"))
	}
	refused(s, api.CodeKeyReused, api.StaffProductPut, good, s.staffCall("k"))
	get(s, api.StaffProductPut, good, s.staffCall("k2"))
}

// during makes a shop whose provider lets fn run while it authorizes.
func during(t *testing.T) (*shop, *overtaken) {
	p := &overtaken{during: func(string) {}}
	s := newShop(t, func(cfg *core.ServiceConfig) {
		p.Payments = newProvider(t, t.TempDir())
		cfg.Payments = p
	})
	return s, p
}

// TestRefusalOfARepeatIsStored: a key that failed is repeated while another one pays for the cart.
func TestRefusalOfARepeatIsStored(t *testing.T) {
	s, p := during(t)
	s.mugs("A", 5)
	c := s.cart("A", 1)
	refused(s, api.CodePaymentUnavailable, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "first"})
	again := func(string) {
		if _, _, err := ask(s, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "first"}); api.CodeOf(err) != api.CodeCheckoutInProgress {
			t.Errorf("a repeat of the first key: %v", err)
		}
	}
	p.during = again
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "second"})
	again("")
	s.wantStock("A", 4, 0)
}

// TestCartKeepsWhatCameDuringPayment: what is put into a cart while its payment runs is not bought, and stays.
func TestCartKeepsWhatCameDuringPayment(t *testing.T) {
	s, p := during(t)
	s.mugs("A", 10)
	s.mugs("B", 10)
	c := s.cart("A", 2)
	p.during = func(string) {
		for sku, n := range map[string]int64{"A": 3, "B": 1} {
			if _, _, err := ask(s, api.CartsPutLine, api.PutLine{Cart: c.ID, SKU: sku, Quantity: n}, api.Call{}); err != nil {
				t.Error(err)
			}
		}
	}
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "k"})
	now := get(s, api.CartsGet, api.CartQuery{ID: c.ID}, api.Call{})
	if len(now.Lines) != 2 || now.Lines[0].Quantity != 1 || now.Lines[1].SKU != "B" {
		t.Errorf("the cart holds %+v", now.Lines)
	}
}

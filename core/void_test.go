package core_test

import (
	"context"
	"errors"
	"testing"

	"meridian/api"
	"meridian/core"
)

// rival is a provider that loses the first answer to Authorize, and at which a second node is at work on the same
// payment at the worst moment: one that was or will be the leader.
type rival struct {
	core.Payments
	lost      bool
	lookedUp  func(key string) // after a look-up that found nothing
	beforeAct func(key string) // before a void reaches the provider
}

func (p *rival) Authorize(ctx context.Context, r core.PaymentRequest) (core.PaymentResult, error) {
	if !p.lost {
		p.lost = true
		return core.PaymentResult{}, errors.New("no answer")
	}
	return p.Payments.Authorize(ctx, r)
}

func (p *rival) Lookup(ctx context.Context, key string) (core.PaymentResult, error) {
	r, err := p.Payments.Lookup(ctx, key)
	if hook := p.lookedUp; err == nil && r.State == core.PaymentUnknown && hook != nil {
		p.lookedUp = nil
		hook(key)
	}
	return r, err
}

func (p *rival) Void(ctx context.Context, key string) (core.PaymentResult, error) {
	if hook := p.beforeAct; hook != nil {
		p.beforeAct = nil
		hook(key)
	}
	return p.Payments.Void(ctx, key)
}

// voidAgainstCommit plays a leader that got no answer, finds the key unknown and voids it, while another leader's
// request with the same key arrives and its order is committed: before the void is decided, or after.
func voidAgainstCommit(t *testing.T, before, unfenced bool) (s *shop, paid, stands bool, err error) {
	p := &rival{}
	s = newShop(t, func(cfg *core.ServiceConfig) {
		p.Payments = newProvider(t, t.TempDir())
		cfg.Payments = p
	})
	if unfenced {
		s.machine.UnfenceVoids()
	}
	s.mugs("A", 1)
	cart := s.cart("A", 1)
	key := ""
	buys := func(k string) {
		key = k
		order := get(s, api.OrdersList, api.OrdersQuery{}, s.staffCall("")).Items[0]
		r, err := p.Payments.Authorize(t.Context(), core.PaymentRequest{Key: k, Order: order.ID, Token: "tok_ok", Amount: order.Totals.Total.Amount, Currency: order.Totals.Total.Currency})
		if err != nil || r.State != core.PaymentAuthorized {
			t.Errorf("%+v, %v", r, err)
		}
		if _, err := s.log.Propose(context.Background(), core.Commit(order.ID, 1, r.Charge)); err != nil {
			t.Error(err)
		}
	}
	if before {
		p.lookedUp = buys
	} else {
		p.beforeAct = buys
	}
	_, _, err = ask(s, api.CheckoutCart, purchase(cart.ID, "tok_ok"), api.Call{Key: "k"})
	order := get(s, api.OrdersList, api.OrdersQuery{}, s.staffCall("")).Items[0]
	charge, lookup := p.Payments.Lookup(t.Context(), key)
	if lookup != nil {
		t.Fatal(lookup)
	}
	return s, order.Status == api.OrderPaid, charge.State == core.PaymentAuthorized || charge.State == core.PaymentCaptured, err
}

// TestVoidAndCommitExcludeEachOther: whichever is first in the log, no order is paid with money that went back,
// and none is refused whose money stands.
func TestVoidAndCommitExcludeEachOther(t *testing.T) {
	s, paid, stands, err := voidAgainstCommit(t, true, false)
	if !paid || !stands || err != nil {
		t.Errorf("committed first: paid %v, the charge stands %v, the buyer heard %v", paid, stands, err)
	}
	s.wantStock("A", 0, 0)
	s, paid, stands, err = voidAgainstCommit(t, false, false)
	if paid || stands || api.CodeOf(err) != api.CodePaymentUnavailable {
		t.Errorf("void decided first: paid %v, the charge stands %v, the buyer heard %v", paid, stands, err)
	}
	s.wantStock("A", 1, 0)
}

// TestGateVoid: were the void not decided in the log, an order would be paid with money that went back.
func TestGateVoid(t *testing.T) {
	if _, paid, stands, _ := voidAgainstCommit(t, false, true); !paid || stands {
		t.Errorf("paid %v, the charge stands %v: the fence makes no difference", paid, stands)
	}
}

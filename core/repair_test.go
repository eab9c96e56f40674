package core_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
	"meridian/core"
)

// buy buys n of a SKU.
func (s *shop) buy(key, sku string, n int64) api.Order {
	s.t.Helper()
	c := s.cart(sku, n)
	return get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: key})
}

// lead runs the leader's work until the test ends.
func (s *shop) lead() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.service.Lead(ctx); close(done) }()
	s.t.Cleanup(func() { stop(); <-done })
}

// moody is a provider whose money operations can be made to fail or to answer something else.
type moody struct {
	core.Payments
	refund   func() error
	capture  func(key string) error
	captured func(core.PaymentResult) core.PaymentResult
}

func (p *moody) Refund(ctx context.Context, key, refundKey string, amount int64) (core.PaymentResult, error) {
	if p.refund != nil {
		if err := p.refund(); err != nil {
			return core.PaymentResult{}, err
		}
	}
	return p.Payments.Refund(ctx, key, refundKey, amount)
}

func (p *moody) Capture(ctx context.Context, key string) (core.PaymentResult, error) {
	if p.capture != nil {
		if err := p.capture(key); err != nil {
			return core.PaymentResult{}, err
		}
	}
	r, err := p.Payments.Capture(ctx, key)
	if p.captured != nil {
		r = p.captured(r)
	}
	return r, err
}

func withMoody(t *testing.T, p *moody) func(*core.ServiceConfig) {
	return func(cfg *core.ServiceConfig) {
		p.Payments = newProvider(t, t.TempDir())
		cfg.Payments = p
	}
}

// TestUnitsComeBackOnce refunds an order with its units, and cancels it before the refund is done.
func TestUnitsComeBackOnce(t *testing.T) {
	s := newShop(t, withMoody(t, &moody{refund: func() error { return context.DeadlineExceeded }}))
	s.mugs("A", 10)
	o := s.buy("1", "A", 3)
	get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Restock: true}, s.staffCall("refund"))
	s.wantStock("A", 10, 0)
	refused(s, api.CodeConflict, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall("fulfil"))
	get(s, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("cancel"))
	s.wantStock("A", 10, 0)
}

// TestSentUnitsStayAway cancels an order that left the house in part and was refunded in part.
func TestSentUnitsStayAway(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	o := s.buy("1", "A", 3)
	line := func(n int64) []api.LineQuantity { return []api.LineQuantity{{SKU: "A", Quantity: n}} }
	get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID, Lines: line(1)}, s.staffCall("f1"))
	refused(s, api.CodeInvalid, api.OrdersFulfil, api.OrderAction{ID: o.ID, Lines: line(1<<63 - 1)}, s.staffCall("f2"))
	amount := int64(100)
	get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Amount: &amount}, s.staffCall("r1"))
	refused(s, api.CodeConflict, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("c1"))
	s.wantStock("A", 7, 0)
	get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall("f3"))
	refused(s, api.CodeConflict, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall("f4"))
}

// TestLapsedAuthorizationHoldsNobodyBack: the provider gave one authorization up; orders after it are captured.
func TestLapsedAuthorizationHoldsNobodyBack(t *testing.T) {
	var lapsed atomic.Value // the charge
	s := newShop(t, withMoody(t, &moody{captured: func(r core.PaymentResult) core.PaymentResult {
		if r.Charge == lapsed.Load() {
			r.State = core.PaymentVoided
		}
		return r
	}}))
	s.mugs("A", 10)
	first, second := s.buy("1", "A", 1), s.buy("2", "A", 1)
	payment := func(id string) api.OrderPayment {
		return get(s, api.OrdersStaff, api.OrderQuery{ID: id}, s.staffCall("")).Payment
	}
	lapsed.Store(payment(first.ID).Charge)
	s.lead()
	state := func(id string) string { return payment(id).State }
	eventually(t, "the second order's money", func() bool { return state(second.ID) == "captured" })
	if got := state(first.ID); got != "voided" {
		t.Errorf("the first payment is %s", got)
	}
	get(s, api.OrdersCancel, api.OrderAction{ID: first.ID}, s.staffCall("cancel"))
	s.wantStock("A", 9, 0)
}

// TestFailedCaptureHoldsNobodyBack: one capture fails again and again; orders after it are captured.
func TestFailedCaptureHoldsNobodyBack(t *testing.T) {
	p := &moody{}
	s := newShop(t, withMoody(t, p))
	s.mugs("A", 10)
	first, second := s.buy("1", "A", 1), s.buy("2", "A", 1)
	p.capture = func(key string) error {
		if strings.Contains(key, first.ID) {
			return context.DeadlineExceeded
		}
		return nil
	}
	s.lead()
	eventually(t, "the second order's money", func() bool {
		return get(s, api.OrdersStaff, api.OrderQuery{ID: second.ID}, s.staffCall("")).Payment.State == "captured"
	})
	if got := get(s, api.OrdersStaff, api.OrderQuery{ID: first.ID}, s.staffCall("")); got.Payment.State != "authorized" {
		t.Errorf("the first payment is %s", got.Payment.State)
	}
}

// TestNewLeaderTakesOver: a payment that another process left open is decided soon after this one leads.
func TestNewLeaderTakesOver(t *testing.T) {
	lossy := &lossy{}
	s := newShop(t, func(cfg *core.ServiceConfig) {
		lossy.Payments = newProvider(t, t.TempDir())
		cfg.Payments, cfg.PaymentWait, cfg.ResolveAfter = lossy, 300*time.Millisecond, time.Hour
	})
	s.mugs("A", 10)
	cart := s.cart("A", 1)
	lossy.deaf.Store(true)
	lossy.deliver.Store(true)
	s.patience = time.Second
	refused(s, api.CodeOutcomeUnknown, api.CheckoutCart, purchase(cart.ID, "tok_ok"), api.Call{Key: "k"})
	s.patience = 20 * time.Second
	lossy.deaf.Store(false)
	s.lead()
	eventually(t, "the order to be paid", func() bool { return s.stockOf("A").Reserved == 0 })
	s.wantStock("A", 9, 0)
	if o, meta, err := ask(s, api.CheckoutCart, purchase(cart.ID, "tok_ok"), api.Call{Key: "k"}); err != nil || !meta.Replay || o.Status != api.OrderPaid {
		t.Errorf("a repeat: %+v %+v %v", o, meta, err)
	}
}

// TestSKUMovesBetweenProducts moves a SKU to another product in one import: every replica still finds it.
func TestSKUMovesBetweenProducts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	m := openMachine(t, path)
	apply := func(index uint64, command []byte) {
		m.Apply(index, 1, core.Header(1_700_000_000_000, 0, 0), [][]byte{command})
	}
	apply(1, core.PutProducts(map[string][]string{"a": {"X", "Y"}}, "a"))
	apply(2, core.PutProducts(map[string][]string{"a": {"Y"}, "b": {"X"}}, "b", "a"))
	if got := m.ProductOf("X"); got != "b" {
		t.Errorf("X belongs to %q, want b", got)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = openMachine(t, path)
	if got := m.ProductOf("X"); got != "b" {
		t.Errorf("after a restart X belongs to %q, want b", got)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEmptyTokenIsNobody(t *testing.T) {
	s := newShop(t)
	if err := s.service.EnsureStaff(context.Background(), []core.Staff{{Email: "new@example.com", Role: "merchandiser", Password: "a long password"}}); err != nil {
		t.Fatal(err)
	}
	refused(s, api.CodeUnauthorized, api.StaffWhoami, api.None{}, api.Call{Credential: "staff:"})
}

func TestFacetsWithoutQuery(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 1)
	s.mugs("B", 1)
	q := api.SearchQuery{Locale: germany, Facets: map[string]string{"collection": "mugs"}}
	if r := get(s, api.Search, q, api.Call{}); r.Total != 2 || len(r.Facets) == 0 {
		t.Errorf("all mugs: %+v", r)
	}
	q.Facets["collection"] = "hats"
	if r := get(s, api.Search, q, api.Call{}); r.Total != 0 {
		t.Errorf("hats: %+v", r)
	}
	for _, none := range []map[string]string{nil, {"collection": ""}} {
		q.Facets = none
		if r := get(s, api.Search, q, api.Call{}); r.Total != 0 {
			t.Errorf("nothing asked: %+v", r)
		}
	}
}

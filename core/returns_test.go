package core_test

import (
	"context"
	"testing"
	"time"

	"meridian/api"
	"meridian/core"
)

func linesOf(sku string, n int64) []api.LineQuantity {
	return []api.LineQuantity{{SKU: sku, Quantity: n}}
}

// TestPartOfAnOrderComesBack refunds lines of an order: their units return to the shelves that they
// came from, once, and are not sent any more.
func TestPartOfAnOrderComesBack(t *testing.T) {
	s := newShop(t)
	s.locations("main", "tokyo")
	s.mugs("A", 2)
	s.put("A", "tokyo", 3)
	o := s.buy("1", "A", 4) // two from main, two from Tokyo
	amount := int64(100)
	for name, bad := range map[string]api.RefundRequest{
		"restock without lines": {ID: o.ID, Amount: &amount, Restock: true},
		"lines without restock": {ID: o.ID, Lines: linesOf("A", 1)},
		"too many":              {ID: o.ID, Restock: true, Lines: linesOf("A", 5)},
		"too many in two lines": {ID: o.ID, Restock: true, Lines: append(linesOf("A", 3), linesOf("A", 2)...)},
		"of another order":      {ID: o.ID, Restock: true, Lines: linesOf("B", 1)},
	} {
		if e := refused(s, api.CodeInvalid, api.OrdersRefund, bad, s.staffCall("")); len(e.Errors) == 0 || e.Errors[0].Field[:5] != "lines" {
			t.Errorf("%s: %+v", name, e.Errors)
		}
	}
	r := get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Restock: true, Lines: linesOf("A", 3)}, s.staffCall("r1"))
	if r.Status != api.OrderPartiallyRefunded || r.Payment.Refunded.Amount != 3*1900 {
		t.Errorf("%s, refunded %+v", r.Status, r.Payment.Refunded)
	}
	if a, b := s.stockAt("A", "main"), s.stockAt("A", "tokyo"); a.OnHand != 1 || b.OnHand != 3 {
		t.Errorf("main %d, tokyo %d; want 1 and 3", a.OnHand, b.OnHand)
	}
	s.mustCheck()
	refused(s, api.CodeInvalid, api.OrdersRefund, api.RefundRequest{ID: o.ID, Restock: true, Lines: linesOf("A", 2)}, s.staffCall(""))
	refused(s, api.CodeInvalid, api.OrdersFulfil, api.OrderAction{ID: o.ID, Lines: linesOf("A", 2)}, s.staffCall(""))
	if f := get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall("")); f.Status != api.OrderFulfilled {
		t.Errorf("the one that was left is sent, and the order is %s", f.Status)
	}
	get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Restock: true}, s.staffCall("r2")) // what was sent came back, too
	if a := s.stockAt("A", "main"); a.OnHand != 2 {
		t.Errorf("main %d", a.OnHand)
	}
	if m := replay(t, s, func(i int) bool { return i%5 == 0 }); m.Hash() != s.machine.Hash() {
		t.Error("a replica that applied the same log differs")
	}
}

// TestRestOfACancelledOrderComesBack: what came back with a part of the money does not come back twice.
func TestRestOfACancelledOrderComesBack(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	o := s.buy("1", "A", 3)
	get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Restock: true, Lines: linesOf("A", 1)}, s.staffCall("r"))
	s.wantStock("A", 3, 0)
	get(s, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("c"))
	s.wantStock("A", 5, 0)
}

// TestStaffRepeatsAnswerAsAtFirst: a repeat of what staff did shows the order as it was then.
func TestStaffRepeatsAnswerAsAtFirst(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 9)
	o := s.buy("1", "A", 3)
	amount := int64(500)
	fulfil := api.OrderAction{ID: o.ID, Lines: linesOf("A", 1)}
	refund := api.RefundRequest{ID: o.ID, Amount: &amount}
	sent := get(s, api.OrdersFulfil, fulfil, s.staffCall("f"))
	paid := get(s, api.OrdersRefund, refund, s.staffCall("r"))
	get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall("rest"))
	get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID}, s.staffCall("all"))
	other := s.buy("2", "A", 1)
	gone := get(s, api.OrdersCancel, api.OrderAction{ID: other.ID}, s.staffCall("c"))
	again := func(v api.StaffOrder, meta api.Meta, err error, first api.StaffOrder, status string) {
		t.Helper()
		if err != nil || !meta.Replay || v.Status != status || first.Status != status || v.Payment.Refunded != first.Payment.Refunded ||
			len(v.Events) != len(first.Events) || v.Email != "ada@example.com" || v.ShippingAddress != first.ShippingAddress {
			t.Errorf("the first answer was %+v, then %+v %+v %v", first, v, meta, err)
		}
	}
	v, meta, err := ask(s, api.OrdersFulfil, fulfil, s.staffCall("f"))
	again(v, meta, err, sent, api.OrderPartiallyFulfilled)
	v, meta, err = ask(s, api.OrdersRefund, refund, s.staffCall("r"))
	again(v, meta, err, paid, api.OrderPartiallyRefunded)
	if v.Payment.Refunded.Amount != 500 {
		t.Errorf("refunded %+v", v.Payment)
	}
	v, meta, err = ask(s, api.OrdersCancel, api.OrderAction{ID: other.ID}, s.staffCall("c"))
	again(v, meta, err, gone, api.OrderCancelled)
}

// TestErasedBuyerStillGetsTheParcel: erasing an account keeps the address of what is still to be sent,
// says so, and destroys it when that has left the house.
func TestErasedBuyerStillGetsTheParcel(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	me := get(s, api.CustomersCreate, api.NewCustomer{Email: "ada@example.com", Password: "correct horse", Name: "Ada"}, api.Call{})
	as := "session:" + me.Token
	buy := func(key string) api.Order {
		o, _, err := ask(s, api.CheckoutCart, purchase(s.cart("A", 2).ID, "tok_ok"), api.Call{Key: key, Credential: as})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	sent, unsent, cancelled := buy("1"), buy("2"), buy("3")
	get(s, api.OrdersFulfil, api.OrderAction{ID: sent.ID}, s.staffCall(""))
	city := func(o api.Order) string {
		return get(s, api.OrdersStaff, api.OrderQuery{ID: o.ID}, s.staffCall("")).ShippingAddress.City
	}
	e := get(s, api.CustomersErase, api.Traces{}, api.Call{Credential: as})
	if len(e.Kept) != 2 || e.Kept[0] != unsent.Number || e.Kept[1] != cancelled.Number {
		t.Errorf("%+v", e)
	}
	refused(s, api.CodeUnauthorized, api.CustomersMe, api.None{}, api.Call{Credential: as})
	if city(sent) != "" || city(unsent) != "London" || city(cancelled) != "London" {
		t.Errorf("addresses: sent %q, unsent %q, to be cancelled %q", city(sent), city(unsent), city(cancelled))
	}
	get(s, api.OrdersFulfil, api.OrderAction{ID: unsent.ID, Lines: linesOf("A", 1)}, s.staffCall(""))
	get(s, api.OrdersCancel, api.OrderAction{ID: cancelled.ID}, s.staffCall(""))
	if city(unsent) != "London" || city(cancelled) != "" {
		t.Errorf("half sent %q, cancelled %q", city(unsent), city(cancelled))
	}
	get(s, api.OrdersFulfil, api.OrderAction{ID: unsent.ID}, s.staffCall(""))
	if city(unsent) != "" || s.machine.Persons() != 0 {
		t.Errorf("after everything was sent: %q, %d keys of people", city(unsent), s.machine.Persons())
	}
}

// TestWhatIsOverIsDropped: sessions and the parts of imports that nobody goes on with.
func TestWhatIsOverIsDropped(t *testing.T) {
	s := newShop(t)
	get(s, api.CustomersCreate, api.NewCustomer{Email: "ada@example.com", Password: "correct horse", Name: "Ada"}, api.Call{})
	in := api.SignIn{Email: "ada@example.com", Password: "correct horse"}
	get(s, api.SessionsCreate, in, api.Call{})
	if _, err := s.log.Propose(context.Background(), core.StagePart("dead", 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.log.Propose(context.Background(), core.StagePart("dead", 1)); err != nil {
		t.Fatal(err)
	}
	if sessions, parts := s.machine.Sessions(), s.machine.StagedParts(); sessions != 2 || parts != 2 {
		t.Fatalf("%d sessions, %d parts", sessions, parts)
	}
	s.pass(11 * time.Minute)
	if parts := s.machine.StagedParts(); parts != 0 {
		t.Errorf("%d parts of a dead import are kept", parts)
	}
	s.pass(time.Minute)
	if n := s.machine.Sessions(); n != 2 {
		t.Errorf("%d live sessions", n)
	}
	late := time.Now().Add(31 * 24 * time.Hour).UnixMilli()
	s.at(late, core.Tick())
	s.at(late+2000, core.Tick())
	if n := s.machine.Sessions(); n != 0 {
		t.Errorf("%d sessions are kept after they were over", n)
	}
}

package core_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

func TestStock(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	level := s.stockOf("A")
	set := get(s, api.StockSet, api.SetStock{SKU: "A", OnHand: 7, IfMatch: level.Index}, s.staffCall("1"))
	if set.OnHand != 7 || set.Available != 7 {
		t.Errorf("%+v", set)
	}
	refused(s, api.CodePrecondition, api.StockSet, api.SetStock{SKU: "A", OnHand: 8, IfMatch: level.Index}, s.staffCall("2"))
	refused(s, api.CodeInvalid, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: -8}, s.staffCall("3"))
	refused(s, api.CodeInvalid, api.StockSet, api.SetStock{SKU: "A", OnHand: -1}, s.staffCall("4"))
	refused(s, api.CodeNotFound, api.StockSet, api.SetStock{SKU: "NOBODY", OnHand: 1}, s.staffCall("5"))
	refused(s, api.CodeUnauthorized, api.StockGet, api.StockQuery{SKU: "A"}, api.Call{})
	refused(s, api.CodeUnauthorized, api.StockGet, api.StockQuery{SKU: "A"}, api.Call{Credential: "staff:guess"})
	refused(s, api.CodeForbidden, api.StockGet, api.StockQuery{SKU: "A"}, api.Call{Credential: "staff:token-of-the-operator"})
	refused(s, api.CodeInvalid, api.StockSet, api.SetStock{SKU: "A", Location: "tokyo", OnHand: 5}, s.staffCall("typo"))
	s.locations("main", "tokyo")
	far := get(s, api.StockSet, api.SetStock{SKU: "A", Location: "tokyo", OnHand: 5}, s.staffCall("6"))
	if far.Location != "tokyo" || far.OnHand != 5 {
		t.Errorf("%+v", far)
	}
	c := s.cart("A", 9) // seven from main, two from Tokyo
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "k"})
	s.wantStock("A", 0, 0)
	refused(s, api.CodeForbidden, api.StockSeen, api.StockQuery{SKU: "A"}, api.Call{Credential: "staff:token-of-the-operator"})
	if exact, seen := get(s, api.StockGet, api.StockQuery{SKU: "A"}, s.staffCall("")), get(s, api.StockSeen, api.StockQuery{SKU: "A"}, s.staffCall("")); seen != exact {
		t.Errorf("seen is %+v, exact %+v", seen, exact)
	}
	if left := get(s, api.StockGet, api.StockQuery{SKU: "A", Location: "tokyo"}, s.staffCall("")); left.OnHand != 3 {
		t.Errorf("%+v", left)
	}
}

func TestStockBelowReserved(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 3)
	c := s.cart("A", 2)
	done := make(chan error, 1)
	go func() {
		_, _, err := ask(s, api.CheckoutCart, purchase(c.ID, "tok_unknown"), api.Call{Key: "k"})
		done <- err
	}()
	eventually(t, "the reservation", func() bool { return s.stockOf("A").Reserved == 2 })
	refused(s, api.CodeStockReserved, api.StockSet, api.SetStock{SKU: "A", OnHand: 1}, s.staffCall("below"))
	refused(s, api.CodeStockReserved, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: -1000}, s.staffCall("far-below"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.wantStock("A", 1, 0)
}

func TestProducts(t *testing.T) {
	s := newShop(t)
	p := s.mugs("A", 10)
	again := get(s, api.StaffProductPut, api.PutProduct{Product: p, IfMatch: p.Index}, s.staffCall(""))
	if again.Index != p.Index {
		t.Error("putting back what was got changed the product")
	}
	p.Title = "A better mug"
	p.Variants[0].OnHand = 99 // informational: stock changes only under /stock
	changed := get(s, api.StaffProductPut, api.PutProduct{Product: p, IfMatch: p.Index}, s.staffCall(""))
	s.wantStock("A", 10, 0)
	refused(s, api.CodePrecondition, api.StaffProductPut, api.PutProduct{Product: p, IfMatch: p.Index}, s.staffCall(""))
	if changed.Title != "A better mug" {
		t.Errorf("%+v", changed)
	}
	for field, spoil := range map[string]func(p *api.StaffProduct){
		"handle":                func(p *api.StaffProduct) { p.Handle = "No Spaces" },
		"title":                 func(p *api.StaffProduct) { p.Title = "" },
		"variants.0.prices.GBP": func(p *api.StaffProduct) { p.Variants[0].Prices["GBP"] = 1 },
		"variants.0.prices.EUR": func(p *api.StaffProduct) { p.Variants[0].Prices["EUR"] = -1 },
		"variants.0.sku":        func(p *api.StaffProduct) { p.Variants[0].SKU = "a b" },
		"variants":              func(p *api.StaffProduct) { p.Variants = nil },
		"status":                func(p *api.StaffProduct) { p.Status = "secret" },
	} {
		bad := get(s, api.StaffProductGet, api.StaffHandle{Handle: p.Handle}, s.staffCall(""))
		spoil(&bad)
		e := refused(s, api.CodeInvalid, api.StaffProductPut, api.PutProduct{Product: bad}, s.staffCall(""))
		if len(e.Errors) == 0 || e.Errors[0].Field != field {
			t.Errorf("%s: %+v", field, e.Errors)
		}
	}
	get(s, api.StaffProductDel, api.StaffHandle{Handle: p.Handle}, s.staffCall(""))
	refused(s, api.CodeNotFound, api.ProductsGet, api.ProductQuery{Locale: germany, Handle: p.Handle}, api.Call{})
}

const catalogueCSV = `Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Price / USD,Collections
teapot,Teapot,<p>Pours well.</p>,Kiln,Teapot,"tea, kitchen",Colour,Red,TEA-R,3,39.00,42.00,kitchen
teapot,,,,,,,Blue,TEA-B,0,39.00,42.00,
`

func TestImport(t *testing.T) {
	s := newShop(t)
	in := api.ImportProducts{CSV: []byte(catalogueCSV)}
	dry := in
	dry.DryRun = true
	if r := get(s, api.StaffImport, dry, s.staffCall("")); r.Created != 1 || len(r.Errors) != 0 {
		t.Errorf("dry run %+v", r)
	}
	refused(s, api.CodeNotFound, api.ProductsGet, api.ProductQuery{Locale: germany, Handle: "teapot"}, api.Call{})
	if r := get(s, api.StaffImport, in, s.staffCall("")); r.Created != 1 {
		t.Errorf("import %+v", r)
	}
	if r := get(s, api.StaffImport, in, s.staffCall("")); r.Unchanged != 1 || r.Created+r.Updated != 0 {
		t.Errorf("second import %+v", r)
	}
	keyed := api.ImportProducts{CSV: append([]byte(catalogueCSV), "pan,Pan,,,,,,,PAN,5,12.00,13.00,\n"...)}
	for i, replay := range []bool{false, true} {
		r, meta, err := ask(s, api.StaffImport, keyed, s.staffCall("import-1"))
		if err != nil || meta.Replay != replay || r.Created != 1 || r.Unchanged != 1 {
			t.Errorf("import %d with a key: %+v %+v %v", i, r, meta, err)
		}
	}
	refused(s, api.CodeKeyReused, api.StaffImport, in, s.staffCall("import-1"))
	get(s, api.StaffProductDel, api.StaffHandle{Handle: "pan"}, s.staffCall(""))
	p := get(s, api.ProductsGet, api.ProductQuery{Locale: germany, Handle: "teapot"}, api.Call{})
	if len(p.Variants) != 2 || p.Variants[0].Available != 3 || p.Variants[0].Price.Amount != 3900 {
		t.Errorf("%+v", p.Variants)
	}
	broken := api.ImportProducts{CSV: []byte(catalogueCSV + "cup,Cup,,,,,,,CUP,5,twelve,1.00,\n" + "jug,Jug,,,,,,,JUG,5,12.00,13.00,\n")}
	e := refused(s, api.CodeInvalid, api.StaffImport, broken, s.staffCall(""))
	if len(e.Errors) != 1 || e.Errors[0].Line != 4 || e.Errors[0].Column != "Variant Price" {
		t.Errorf("a broken row: %+v", e.Errors)
	}
	dry = broken
	dry.DryRun = true
	if r := get(s, api.StaffImport, dry, s.staffCall("")); r.Created+r.Updated+r.Unchanged != 0 || len(r.Errors) != 1 || r.Errors[0].Line != 4 {
		t.Errorf("a dry run of a broken row: %+v", r)
	}
	refused(s, api.CodeNotFound, api.ProductsGet, api.ProductQuery{Locale: germany, Handle: "jug"}, api.Call{})
	broken.Partial = true
	if r := get(s, api.StaffImport, broken, s.staffCall("")); r.Created != 1 || len(r.Errors) != 1 {
		t.Errorf("partial %+v", r)
	}
	out := get(s, api.StaffExport, api.None{}, s.staffCall(""))
	if r := get(s, api.StaffImport, api.ImportProducts{CSV: out.CSV}, s.staffCall("")); r.Unchanged != 2 || r.Created+r.Updated != 0 {
		t.Errorf("importing the export: %+v", r)
	}
}

func TestOrdersByStaff(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	buy := func(key string) api.Order {
		c := s.cart("A", 2)
		return get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: key})
	}
	o := buy("1")
	f := get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID, Lines: []api.LineQuantity{{SKU: "A", Quantity: 1}}}, s.staffCall("f1"))
	if f.Status != api.OrderPartiallyFulfilled || f.Email != "ada@example.com" {
		t.Errorf("%+v", f)
	}
	f = get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall("f2"))
	if f.Status != api.OrderFulfilled {
		t.Errorf("%+v", f)
	}
	refused(s, api.CodeConflict, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("c0"))

	o = buy("2")
	amount := int64(500)
	r := get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Amount: &amount}, s.staffCall("r1"))
	if r.Status != api.OrderPartiallyRefunded || r.Payment.Refunded.Amount != 500 {
		t.Errorf("%+v %+v", r.Status, r.Payment)
	}
	get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID, Amount: &amount}, s.staffCall("r1")) // a repeat is no second refund
	too := o.Totals.Total.Amount
	refused(s, api.CodeInvalid, api.OrdersRefund, api.RefundRequest{ID: o.ID, Amount: &too}, s.staffCall("r2"))
	r = get(s, api.OrdersRefund, api.RefundRequest{ID: o.ID}, s.staffCall("r3"))
	if r.Status != api.OrderRefunded || r.Payment.Refunded.Amount != o.Totals.Total.Amount {
		t.Errorf("%+v %+v", r.Status, r.Payment)
	}

	o = buy("3")
	s.wantStock("A", 4, 0)
	c := get(s, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("c1"))
	if c.Status != api.OrderCancelled || c.Payment.Refunded.Amount != o.Totals.Total.Amount {
		t.Errorf("%+v %+v", c.Status, c.Payment)
	}
	s.wantStock("A", 6, 0)
}

func TestCustomers(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	in := api.NewCustomer{Email: "Ada@Example.com", Password: "correct horse", Name: "Ada"}
	ada := get(s, api.CustomersCreate, in, api.Call{Key: "register"})
	repeat := get(s, api.CustomersCreate, in, api.Call{Key: "register"})
	if repeat.Token != ada.Token || repeat.Customer != ada.Customer {
		t.Errorf("a repeat answered %+v, first %+v", repeat, ada)
	}
	refused(s, api.CodeInvalid, api.CustomersCreate, in, api.Call{})
	me := api.Call{Credential: "session:" + ada.Token}
	if c := get(s, api.CustomersMe, api.None{}, me); c.Name != "Ada" || c.Email != "Ada@Example.com" {
		t.Errorf("%+v", c)
	}
	refused(s, api.CodeUnauthorized, api.SessionsCreate, api.SignIn{Email: "ada@example.com", Password: "wrong horse"}, api.Call{})
	refused(s, api.CodeUnauthorized, api.SessionsCreate, api.SignIn{Email: "bob@example.com", Password: "correct horse"}, api.Call{})
	again := get(s, api.SessionsCreate, api.SignIn{Email: "ada@example.com", Password: "correct horse"}, api.Call{})

	c := s.cart("A", 1)
	o, _, err := ask(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "k", Credential: "session:" + again.Token})
	if err != nil {
		t.Fatal(err)
	}
	if l := get(s, api.CustomersOrders, api.Page{}, me); len(l.Items) != 1 || l.Items[0].ID != o.ID {
		t.Errorf("%+v", l)
	}
	if e := get(s, api.CustomersExport, api.None{}, me); len(e.Orders) != 1 || e.Orders[0].ShippingAddress.City != "London" {
		t.Errorf("%+v", e)
	}
	name := "Ada King"
	if v := get(s, api.CustomersPatch, api.CustomerPatch{Name: &name}, me); v.Name != name {
		t.Errorf("%+v", v)
	}
	get(s, api.SessionsDelete, api.None{}, api.Call{Credential: "session:" + again.Token})
	refused(s, api.CodeUnauthorized, api.CustomersMe, api.None{}, api.Call{Credential: "session:" + again.Token})
	get(s, api.OrdersFulfil, api.OrderAction{ID: o.ID}, s.staffCall(""))
	get(s, api.CustomersErase, api.Traces{}, me)
	refused(s, api.CodeUnauthorized, api.CustomersMe, api.None{}, me)
	if v := get(s, api.OrdersStaff, api.OrderQuery{ID: o.ID}, s.staffCall("")); v.Email != "" || v.ShippingAddress.Name != "" {
		t.Errorf("an erased person is still in the order: %+v", v)
	}
}

// TestPersonalDataIsSealed looks for names and addresses in the log and in the state file.
func TestPersonalDataIsSealed(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	c := s.cart("A", 1)
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "k"})
	get(s, api.CustomersCreate, api.NewCustomer{Email: "ada@example.com", Password: "correct horse", Name: "Ada Lovelace"}, api.Call{Key: "r"})
	snap, err := s.machine.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var all bytes.Buffer
	if _, err := snap.WriteTo(&all); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.log.entries {
		all.Write(bytes.Join(e.commands, nil))
	}
	for _, secret := range []string{"Lovelace", "ada@example.com", "St James", "SW1Y", "correct horse"} {
		if bytes.Contains(all.Bytes(), []byte(secret)) {
			t.Errorf("%q lies open in the log or the state", secret)
		}
	}
	if !bytes.Contains(all.Bytes(), []byte("Mug A")) {
		t.Error("not even the catalogue was found: this test looks in the wrong place")
	}
}

func TestFeed(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 200)
	ask1 := func(cursor api.Index) api.FeedBatch {
		return get(s, api.FeedPoll, api.FeedQuery{Edge: "edge-eu", Cursor: cursor}, api.Call{})
	}
	b := ask1(api.Index{})
	if !b.Reset {
		t.Fatalf("%+v", b)
	}
	get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: -50, Reason: "x"}, s.staffCall("1"))
	if b = ask1(b.Next); len(b.Entries) != 0 {
		t.Errorf("200 and 150 are both shown as 99, but the feed says %+v", b.Entries)
	}
	get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: -60, Reason: "x"}, s.staffCall("2"))
	if b = ask1(b.Next); len(b.Entries) != 1 || strings.Join(b.Entries[0].Tags, " ") != "stock:mug-a" {
		t.Errorf("90 is a figure that answers say, and pages do not: %+v", b.Entries)
	}
	for i, left := range []int64{6, 5, 4, 6} {
		get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: left - s.stockOf("A").OnHand, Reason: "x"}, s.staffCall(fmt.Sprint("low", i)))
		want := "product:mug-a stock:mug-a"
		if i == 0 {
			want = "stock:mug-a"
		}
		if b = ask1(b.Next); len(b.Entries) != 1 || strings.Join(b.Entries[0].Tags, " ") != want {
			t.Errorf("%d left: the feed says %+v, not %s", left, b.Entries, want)
		}
	}
	if b2 := ask1(api.Index{Timeline: 9, Raft: 1}); !b2.Reset {
		t.Error("a cursor of another timeline is believed")
	}
	get(s, api.EdgesRenew, api.EdgeRenew{Edge: "edge-eu", Region: "eu", Cursor: b.Next}, api.Call{})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go s.client.Follow(ctx, "edge-eu", "eu", b.Next, func(b api.FeedBatch, _ time.Duration) {
		for _, e := range b.Entries {
			if e.Ack {
				ask(s, api.EdgesAck, api.EdgeAck{Edge: "edge-eu", Cursor: e.Index}, api.Call{})
			}
		}
	})
	p := get(s, api.CachePurge, api.Purge{Tags: []string{"product:mug-a"}}, s.staffCall(""))
	if len(p.Edges) != 1 || p.Edges[0].Expired {
		t.Errorf("%+v", p)
	}
}

// TestOrdersCarryTheirVisit: the funnel in ClickHouse joins an order with the events before it.
func TestOrdersCarryTheirVisit(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	req := purchase(s.cart("A", 1).ID, "tok_ok")
	req.Session, req.Visitor = "visit-1", strings.Repeat("x", 65)
	get(s, api.CheckoutCart, req, api.Call{Key: "k"})
	sl := get(s, api.OutboxNext, api.OutboxQuery{Consumer: "analytics", Max: 10}, api.Call{})
	if len(sl.Entries) != 1 || sl.Entries[0].Session != "visit-1" || sl.Entries[0].Visitor != "" {
		t.Errorf("%+v", sl.Entries)
	}
}

func TestOutboxSlicesStayTheSame(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	buy := func(key string) {
		c := s.cart("A", 1)
		get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: key})
	}
	next := func() api.OutboxSlice {
		return get(s, api.OutboxNext, api.OutboxQuery{Consumer: "analytics", Max: 100}, api.Call{})
	}
	buy("1")
	first := next()
	buy("2")
	if again := next(); again.Slice != first.Slice || len(again.Entries) != 1 || len(first.Entries) != 1 {
		t.Errorf("first %+v, again %+v", first, again)
	}
	get(s, api.OutboxDone, api.OutboxAck{Consumer: "analytics", Slice: first.Slice}, api.Call{})
	if second := next(); second.Slice == first.Slice || len(second.Entries) != 1 || second.Entries[0].Seq != 2 {
		t.Errorf("%+v", second)
	}
}

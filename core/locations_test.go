package core_test

import (
	"strings"
	"testing"

	"meridian/api"
)

// locations makes a list of locations in the order of reservation; a minus before the name: not active.
func (s *shop) locations(ids ...string) api.Locations {
	s.t.Helper()
	var items []api.Location
	for i, id := range ids {
		name, idle := strings.CutPrefix(id, "-")
		items = append(items, api.Location{ID: name, Name: "At " + name, Priority: int64(i * 10), Active: !idle})
	}
	return get(s, api.LocationsPut, api.PutLocations{Items: items}, s.staffCall(""))
}

// at is the stock of a SKU at a location.
func (s *shop) stockAt(sku, location string) api.StockAt {
	s.t.Helper()
	for _, l := range get(s, api.StockViewGet, api.StockQuery{SKU: sku}, s.staffCall("")).Locations {
		if l.Location == location {
			return l
		}
	}
	s.t.Fatalf("%s has no stock at %s", sku, location)
	return api.StockAt{}
}

func (s *shop) put(sku, location string, n int64) {
	s.t.Helper()
	get(s, api.StockSet, api.SetStock{SKU: sku, Location: location, OnHand: n}, s.staffCall(""))
}

func TestLocations(t *testing.T) {
	s := newShop(t)
	first := get(s, api.LocationsList, api.None{}, s.staffCall(""))
	if len(first.Items) != 1 || first.Items[0] != (api.Location{ID: "main", Name: "Main", Active: true}) {
		t.Errorf("a new shop has %+v", first)
	}
	refused(s, api.CodeForbidden, api.LocationsList, api.None{}, api.Call{Credential: "staff:token-of-the-operator"})
	list := []api.Location{{ID: "berlin", Priority: 5, Active: true}, {ID: "main", Name: "Main", Priority: 5, Active: true}, {ID: "attic", Priority: 1, Active: true}}
	now := get(s, api.LocationsPut, api.PutLocations{Items: list, IfMatch: first.Index}, s.staffCall("k"))
	var order []string
	for _, l := range now.Items {
		order = append(order, l.ID+"/"+l.Name)
	}
	if got := strings.Join(order, " "); got != "attic/attic berlin/berlin main/Main" {
		t.Errorf("the order is %s", got)
	}
	refused(s, api.CodePrecondition, api.LocationsPut, api.PutLocations{Items: list, IfMatch: first.Index}, s.staffCall(""))
	for name, bad := range map[string][]api.Location{
		"main is missing":   {{ID: "attic"}},
		"twice":             {{ID: "main"}, {ID: "main"}},
		"no id":             {{ID: "main"}, {ID: ""}},
		"negative priority": {{ID: "main", Priority: -1}},
		"too many":          make([]api.Location, 101),
	} {
		if e := refused(s, api.CodeInvalid, api.LocationsPut, api.PutLocations{Items: bad}, s.staffCall("")); len(e.Errors) == 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	s.mugs("A", 1)
	s.put("A", "attic", 1)
	s.put("A", "attic", 0)
	get(s, api.LocationsPut, api.PutLocations{Items: []api.Location{{ID: "main", Active: true}, {ID: "attic"}}}, s.staffCall("")) // berlin was never used
	refused(s, api.CodeConflict, api.LocationsPut, api.PutLocations{Items: []api.Location{{ID: "main", Active: true}}}, s.staffCall(""))
}

// TestReservedInOrder: stock is taken by the locations' priority, then by name, from active ones only.
func TestReservedInOrder(t *testing.T) {
	s := newShop(t)
	s.locations("tokyo", "berlin", "main")
	s.mugs("A", 4)
	s.put("A", "berlin", 3)
	s.put("A", "tokyo", 2)
	left := func(tokyo, berlin, main int64) {
		t.Helper()
		if a, b, c := s.stockAt("A", "tokyo"), s.stockAt("A", "berlin"), s.stockAt("A", "main"); a.OnHand != tokyo || b.OnHand != berlin || c.OnHand != main {
			t.Errorf("left at tokyo, berlin, main: %d %d %d; want %d %d %d", a.OnHand, b.OnHand, c.OnHand, tokyo, berlin, main)
		}
	}
	v := get(s, api.StockViewGet, api.StockQuery{SKU: "A", Location: "berlin"}, s.staffCall(""))
	if v.Location != "berlin" || v.OnHand != 3 || len(v.Locations) != 3 || v.Locations[0].Location != "tokyo" || v.Locations[0].Name != "At tokyo" {
		t.Errorf("%+v", v)
	}
	s.buy("1", "A", 3)
	left(0, 2, 4)
	s.locations("main", "-berlin", "tokyo")
	if shelf := get(s, api.ShelfGet, api.ShelfQuery{SKUs: []string{"A", "NONE"}}, s.staffCall("")).Items; len(shelf) != 1 || shelf[0] != (api.Shelf{SKU: "A", Available: 4}) {
		t.Errorf("the shelf: %+v", shelf)
	}
	refused(s, api.CodeInvalid, api.ShelfGet, api.ShelfQuery{SKUs: make([]string, api.MaxShelf+1)}, s.staffCall(""))
	refused(s, api.CodeForbidden, api.ShelfGet, api.ShelfQuery{}, api.Call{Credential: "staff:token-of-the-operator"})
	s.buy("2", "A", 1)
	left(0, 2, 3)
	if p := get(s, api.ProductsGet, api.ProductQuery{Locale: germany, Handle: "mug-a"}, api.Call{}); p.Variants[0].Available != 3 {
		t.Errorf("an inactive location's stock is shown: %d", p.Variants[0].Available)
	}
	e := refused(s, api.CodeOutOfStock, api.CheckoutCart, purchase(s.cart("A", 4).ID, "tok_ok"), api.Call{Key: "3"})
	if e.Lines[0].Available != 3 {
		t.Errorf("%+v", e.Lines)
	}
	o := s.buy("4", "A", 3)
	left(0, 2, 0)
	s.locations("-main", "berlin", "tokyo") // an order's units go back to where they came from
	get(s, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("cancel"))
	left(0, 2, 3)
	if a := s.stockAt("A", "main"); a.Active || a.Available != 0 {
		t.Errorf("%+v", a)
	}
	if m := replay(t, s, func(i int) bool { return i%7 == 0 }); m.Hash() != s.machine.Hash() {
		t.Error("a replica that applied the same log differs")
	}
}

// TestClosedLocationEmptiesPages: a location that closes changes what every product shows.
func TestClosedLocationEmptiesPages(t *testing.T) {
	s := newShop(t)
	s.locations("main", "tokyo")
	s.mugs("A", 1)
	b := get(s, api.FeedPoll, api.FeedQuery{Edge: "edge-eu"}, api.Call{})
	s.locations("main", "-tokyo")
	b = get(s, api.FeedPoll, api.FeedQuery{Edge: "edge-eu", Cursor: b.Next}, api.Call{})
	if len(b.Entries) != 1 || b.Entries[0].Tags[0] != api.TagAll {
		t.Errorf("%+v", b.Entries)
	}
}

package core_test

import (
	"testing"

	"meridian/api"
)

// TestBrief: lists carry descriptions, unless they are asked for briefly.
func TestBrief(t *testing.T) {
	s := newShop(t)
	p := s.mugs("A", 1)
	p.DescriptionHTML = "<p>It holds tea.</p>"
	get(s, api.StaffProductPut, api.PutProduct{Product: p}, s.staffCall(""))
	for _, brief := range []bool{false, true} {
		want := p.DescriptionHTML
		if brief {
			want = ""
		}
		for name, got := range map[string][]api.Product{
			"products":   get(s, api.ProductsList, api.ProductsQuery{Locale: germany, Brief: brief}, api.Call{}).Items,
			"set":        get(s, api.ProductsSet, api.ProductSetQuery{Locale: germany, Handles: []string{p.Handle}, Brief: brief}, api.Call{}).Items,
			"collection": get(s, api.CollectionGet, api.CollectionQuery{Locale: germany, Handle: "mugs", Brief: brief}, api.Call{}).Products.Items,
			"search":     get(s, api.Search, api.SearchQuery{Locale: germany, Q: "mug", Brief: brief}, api.Call{}).Items,
		} {
			if len(got) != 1 || got[0].Handle != p.Handle || got[0].DescriptionHTML != want {
				t.Errorf("%s, brief %v: %+v", name, brief, got)
			}
		}
	}
}

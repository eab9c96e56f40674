package core_test

import (
	"slices"
	"testing"

	"meridian/api"
)

// Suggested words are words: without the punctuation of the titles they are from.
func TestSuggestionsAreWords(t *testing.T) {
	s := newShop(t)
	p := s.mugs("A", 1)
	p.Title = "Mug, large (mugs & more)"
	get(s, api.StaffProductPut, api.PutProduct{Product: p}, s.staffCall(""))
	got := get(s, api.Suggest, api.SearchQuery{Locale: germany, Q: "mu"}, api.Call{})
	if want := []string{"mug", "mugs"}; !slices.Equal(got.Queries, want) || len(got.Products) != 1 {
		t.Errorf("suggested %q and %d products, want %q", got.Queries, len(got.Products), want)
	}
}

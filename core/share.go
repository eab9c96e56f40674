package core

import (
	"maps"
	"unique"
)

// share makes a product hold its frequent words and prices once. A catalogue lives in memory, and most of
// what a product consists of is the words of its options and the prices that its variants have in common.
// The values stay equal, so their bytes do too.
func (p *productRec) share() {
	p.Vendor, p.Type = word(p.Vendor), word(p.Type)
	words(p.Tags)
	words(p.Collections)
	for _, o := range p.Options {
		words(o.Values)
	}
	for i := range p.Options {
		p.Options[i].Name = word(p.Options[i].Name)
	}
	for i := range p.Images {
		if p.Images[i].Alt == p.Title {
			p.Images[i].Alt = p.Title
		}
	}
	for i := range p.Variants {
		v := &p.Variants[i]
		v.Title = word(v.Title)
		words(v.Choices)
		if i > 0 {
			v.Prices = sharedPrices(v.Prices, p.Variants[i-1].Prices)
			v.Compare = sharedPrices(v.Compare, p.Variants[i-1].Compare)
		}
	}
}

// word is the one copy of a string that others hold too.
func word(s string) string { return unique.Make(s).Value() }

func words(list []string) {
	for i := range list {
		list[i] = word(list[i])
	}
}

// sharedPrices returns one of two equal maps; values that were put never change, so one does for both.
func sharedPrices(mine, others map[string]int64) map[string]int64 {
	if mine != nil && others != nil && maps.Equal(mine, others) {
		return others
	}
	return mine
}

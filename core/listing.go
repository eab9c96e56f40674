package core

import (
	"cmp"
	"slices"

	"meridian/api"
)

// listed is a page of a list of products. Only what is on the page is rendered, however long the list is: it is read with the tables locked.
func (m *Machine) listed(handles []string, currency, by string, p api.Page) (api.List[api.Product], *api.Error) {
	l := api.List[api.Product]{Items: []api.Product{}}
	limit, refusal := limitOf(p)
	if refusal != nil {
		return l, refusal
	}
	handles = m.ordered(handles, currency, by)
	if p.After != "" {
		at := slices.Index(handles, p.After)
		if at < 0 {
			return l, badCursor()
		}
		handles = handles[at+1:]
	}
	for _, h := range handles {
		rec, ok := m.products.Get(h)
		if !ok || rec.Draft || !pricedIn(rec, currency) {
			continue
		}
		if len(l.Items) == limit {
			next := l.Items[limit-1].Handle
			l.Next = &next
			break
		}
		v, _ := m.product(rec, currency)
		l.Items = append(l.Items, v)
	}
	return l, nil
}

func pricedIn(p productRec, currency string) bool {
	return slices.ContainsFunc(p.Variants, func(v variantRec) bool { _, ok := v.Prices[currency]; return ok })
}

// ordered puts handles, which are in order of creation, into the order of a list.
func (m *Machine) ordered(handles []string, currency, by string) []string {
	type key struct {
		handle, title string
		price         int64
	}
	switch by {
	case "newest":
		handles = slices.Clone(handles)
		slices.Reverse(handles)
		return handles
	case "price", "-price", "title":
	default:
		return handles
	}
	keys := make([]key, 0, len(handles))
	for _, h := range handles {
		if rec, ok := m.products.Get(h); ok {
			keys = append(keys, key{h, rec.Title, lowestPrice(rec, currency)})
		}
	}
	slices.SortStableFunc(keys, func(a, b key) int {
		switch by {
		case "price":
			return cmp.Compare(a.price, b.price)
		case "-price":
			return cmp.Compare(b.price, a.price)
		}
		return cmp.Compare(a.title, b.title)
	})
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.handle
	}
	return out
}

// lowestPrice is the price of the cheapest variant in a currency.
func lowestPrice(p productRec, currency string) (lowest int64) {
	first := true
	for _, v := range p.Variants {
		if price, ok := v.Prices[currency]; ok && (first || price < lowest) {
			lowest, first = price, false
		}
	}
	return lowest
}

package edge

import (
	"context"
	"slices"
	"time"

	"meridian/api"
)

// trendingTTL bounds how old the popular products of a page may be: no change feed speaks of them.
const trendingTTL = 60 * time.Second

// recommendationSlots are the places that recommendations are made for.
var recommendationSlots = []string{"", "product", "cart", "home", "search", "order"}

func (s *Shop) catalogueOperations() []operation {
	return []operation{
		{Route: Route{Method: "GET", Pattern: "/api/v1/products", Query: []string{"after", "collection", "limit", "sort"}, Handler: s.listProducts},
			ID: "listProducts", Summary: "Products, by page", Result: api.List[api.Product]{}, Refusals: []api.Code{api.CodeNotFound}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/products/{handle}", Handler: s.getProduct},
			ID: "getProduct", Summary: "One product", Result: api.Product{}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/collections", Query: []string{"after", "limit"}, Handler: s.listCollections},
			ID: "listCollections", Summary: "Collections, by page", Result: api.List[api.Collection]{}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/collections/{handle}", Query: []string{"after", "limit", "sort"}, Handler: s.getCollection},
			ID: "getCollection", Summary: "One collection with a page of its products", Result: api.CollectionPage{}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/search", Query: []string{"after", "facet.*", "limit", "q", "sort"}, Limit: CountSearch, Handler: s.search},
			ID: "search", Summary: "Search for products", Result: api.SearchResult{}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/search/suggest", Query: []string{"limit", "q"}, Limit: CountSearch, Handler: s.suggest},
			ID: "suggest", Summary: "Suggestions for the beginning of a search", Result: api.Suggestions{}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/recommendations", Query: []string{"limit", "product", "slot"}, Handler: s.recommend},
			ID: "recommend", Summary: "Recommended products for a place in the shop", Result: api.Recommendations{}},
		{Route: Route{Method: "GET", Pattern: "/api/v1/shipping-methods", Query: []string{"country"}, Handler: s.shippingMethods},
			ID: "listShippingMethods", Summary: "Ways to deliver to a country", Result: api.List[api.ShippingMethod]{}},
	}
}

// listTags are the tags of a list of products: the catalogue and each product shown.
func listTags(products []api.Product, more ...string) []string {
	tags := append([]string{api.TagCatalogue}, more...)
	for i := range products {
		tags = append(tags, api.TagProduct(products[i].Handle))
	}
	return tags
}

func (s *Shop) listProducts(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := api.ProductsQuery{Page: p.page(), Locale: r.Locale, Collection: p.handle("collection"), Sort: p.choice("sort", sorts)}
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.public(r)
	list, err := ask(ctx, t, api.ProductsList, q)
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags = listTags(list.Items)
	if q.Collection != "" {
		a.Tags = append(a.Tags, api.TagCollection(q.Collection))
	}
	return reply(a, 200, list)
}

func (s *Shop) getProduct(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleParam(r)
	if err != nil {
		return nil, err
	}
	t := s.public(r)
	product, err := ask(ctx, t, api.ProductsGet, api.ProductQuery{Locale: r.Locale, Handle: handle})
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags = []string{api.TagProduct(handle)}
	return reply(a, 200, product)
}

func (s *Shop) listCollections(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	page := p.page()
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.public(r)
	list, err := ask(ctx, t, api.CollectionList, r.Locale)
	if err != nil {
		return nil, err
	}
	if list, err = collectionsPage(list.Items, page); err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags = collectionTags(list.Items)
	return reply(a, 200, list)
}

// collectionsPage cuts a page out of all collections, which are few; the cursor is the last one's handle.
func collectionsPage(all []api.Collection, page api.Page) (api.List[api.Collection], error) {
	if page.After != "" {
		i := slices.IndexFunc(all, func(c api.Collection) bool { return c.Handle == page.After })
		if i < 0 {
			return api.List[api.Collection]{}, api.Invalid("after", "This cursor is not from this list. Start from the beginning without it.")
		}
		all = all[i+1:]
	}
	limit := page.Limit
	if limit == 0 {
		limit = usualLimit
	}
	list := api.List[api.Collection]{Items: all}
	if len(all) > limit {
		list.Items, list.Next = all[:limit], &all[limit-1].Handle
	}
	return list, nil
}

// collectionTags are the tags of what shows a list of collections.
func collectionTags(list []api.Collection) []string {
	tags := []string{api.TagCatalogue}
	for i := range list {
		tags = append(tags, api.TagCollection(list[i].Handle))
	}
	return tags
}

func (s *Shop) getCollection(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleParam(r)
	if err != nil {
		return nil, err
	}
	p := params{query: r.Query}
	q := api.CollectionQuery{Page: p.page(), Locale: r.Locale, Handle: handle, Sort: p.choice("sort", sorts)}
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.public(r)
	page, err := ask(ctx, t, api.CollectionGet, q)
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags = listTags(page.Products.Items, api.TagCollection(handle))
	return reply(a, 200, page)
}

func (s *Shop) search(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := api.SearchQuery{Page: p.page(), Locale: r.Locale, Q: p.text("q", maxQuery), Facets: p.facets(), Sort: p.choice("sort", sorts)}
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.public(r)
	found, err := ask(ctx, t, api.Search, q)
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags = listTags(found.Items)
	return reply(a, 200, found)
}

func (s *Shop) suggest(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := api.SearchQuery{Page: p.page(), Locale: r.Locale, Q: p.text("q", maxQuery)}
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.public(r)
	found, err := ask(ctx, t, api.Suggest, q)
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags = listTags(found.Products)
	return reply(a, 200, found)
}

func (s *Shop) shippingMethods(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	locale := r.Locale
	if country := p.one("country"); country != "" {
		if !bounded(country, 2, func(c byte) bool { return c >= 'A' && c <= 'Z' }) || len(country) != 2 {
			p.fail("country", "must be the two capital letters of a country, such as GB")
		}
		locale.Country = country
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.public(r)
	list, err := ask(ctx, t, api.ShippingList, locale)
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.Tags, a.TTL = []string{api.TagContent}, s.untilTomorrow()
	return reply(a, 200, list)
}

// untilTomorrow bounds the life of what names delivery dates: 0, the server's default, but in the
// last hour of a UTC day the time that is left of it.
func (s *Shop) untilTomorrow() time.Duration {
	now := s.cfg.Now().UTC()
	left := now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	if left > time.Hour {
		return 0
	}
	return max(left, time.Second)
}

// popular are products that sell now, without their descriptions: what the clickstream says, else the newest. The product named
// by except is left out.
func (s *Shop) popular(ctx context.Context, t *trip, n int, except string) ([]api.Product, error) {
	var handles []string
	if s.cfg.Clicks != nil {
		for _, h := range s.cfg.Clicks.TrendingNow() {
			if h != except && validHandle(h) && len(handles) < n+8 {
				handles = append(handles, h)
			}
		}
	}
	var items []api.Product
	if len(handles) > 0 {
		list, err := ask(ctx, t, api.ProductsSet, api.ProductSetQuery{Locale: t.r.Locale, Handles: handles, Brief: true})
		if err != nil {
			return nil, err
		}
		// What cannot be bought is no advice.
		items = slices.DeleteFunc(list.Items, func(p api.Product) bool { return len(p.Variants) == 0 || p.Variants[selected(&p)].Available <= 0 })
	}
	if len(items) < n {
		list, err := ask(ctx, t, api.ProductsList, api.ProductsQuery{Page: api.Page{Limit: n + 1 + len(items)}, Locale: t.r.Locale, Sort: "newest", Brief: true})
		if err != nil {
			return nil, err
		}
		items = appendNew(items, list.Items, except)
	}
	return items[:min(n, len(items))], nil
}

// appendNew appends the products that are not there yet, nor the excepted one.
func appendNew(items, more []api.Product, except string) []api.Product {
	seen := map[string]bool{except: true}
	for i := range items {
		seen[items[i].Handle] = true
	}
	for i := range more {
		if !seen[more[i].Handle] {
			items = append(items, more[i])
		}
	}
	return items
}

// How products are recommended, for the clickstream and for people.
const (
	recAlgorithm  = "trending"
	recVersion    = "1"
	popularReason = "Popular this week"
)

func (s *Shop) recommend(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	product, slot, limit := p.handle("product"), p.choice("slot", recommendationSlots), p.page().Limit
	if err := p.err(); err != nil {
		return nil, err
	}
	if slot == "" {
		slot = "home"
		if product != "" {
			slot = "product"
		}
	}
	if limit == 0 {
		limit = 8
	}
	t := s.public(r)
	items, err := s.popular(ctx, t, limit, product)
	if err != nil {
		return nil, err
	}
	out := api.Recommendations{Algorithm: recAlgorithm, Version: recVersion, Slot: slot, Items: []api.Recommendation{}}
	for i := range items {
		out.Items = append(out.Items, recommendation(&items[i]))
	}
	a := t.answer()
	a.Tags, a.TTL = listTags(items), trendingTTL
	return reply(a, 200, out)
}

func recommendation(p *api.Product) api.Recommendation {
	rec := api.Recommendation{Handle: p.Handle, Title: p.Title, Reason: popularReason}
	if v := cheapest(p); v != nil {
		rec.Price = v.Price
	}
	if len(p.Images) > 0 {
		rec.Image = &p.Images[0]
	}
	return rec
}

// cheapest is the variant with the lowest price, one that can be had before one that cannot.
func cheapest(p *api.Product) *api.Variant {
	var best *api.Variant
	for i := range p.Variants {
		v := &p.Variants[i]
		switch {
		case best == nil, best.Available == 0 && v.Available > 0:
			best = v
		case (best.Available > 0) == (v.Available > 0) && v.Price.Amount < best.Price.Amount:
			best = v
		}
	}
	return best
}

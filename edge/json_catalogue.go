package edge

import (
	"context"
	"slices"
	"time"

	"meridian/api"
)

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
		{Route: Route{Method: "GET", Pattern: "/api/v1/recommendations", Query: []string{"arm", "limit", "product", "seen", "slot"}, Handler: s.recommend},
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

// figureTags are the listTags of an answer that says how many there are of each.
func figureTags(products []api.Product, more ...string) []string {
	tags := listTags(products, more...)
	for i := range products {
		tags = append(tags, api.TagStock(products[i].Handle))
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
	a.Tags = figureTags(list.Items)
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
	a.Tags = []string{api.TagProduct(handle), api.TagStock(handle)}
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
	a.Tags = figureTags(page.Products.Items, api.TagCollection(handle))
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
	a.Tags = figureTags(found.Items)
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
	a.Tags = figureTags(found.Products)
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

package edge

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/web"
)

// listing is the state of a list page as its address has it.
type listing struct {
	path   string
	q      string
	sort   string
	after  string
	facets map[string]string
}

// readListing reads a list page's address. A page forgives what the API refuses: what makes no sense is left out.
func readListing(r *Request) listing {
	l := listing{path: r.Path, q: strings.TrimSpace(cut(first(r.Query, "q"), maxQuery)), sort: first(r.Query, "sort"), after: first(r.Query, "after"), facets: map[string]string{}}
	if !slices.Contains(sorts, l.sort) {
		l.sort = ""
	}
	if !bounded(l.after, maxCursor, func(c byte) bool { return c > ' ' && c < 0x7f }) {
		l.after = ""
	}
	for name, values := range r.Query {
		if facet, ok := strings.CutPrefix(name, "facet."); ok && facet != "" && len(values) > 0 && values[0] != "" && len(l.facets) < 8 {
			l.facets[facet] = cut(values[0], maxQuery)
		}
	}
	return l
}

// href is the address of the same list with a change.
func (l listing) href(change func(q url.Values)) string {
	q := url.Values{}
	set := func(name, v string) {
		if v != "" {
			q.Set(name, v)
		}
	}
	set("q", l.q)
	set("sort", l.sort)
	for name, v := range l.facets {
		set("facet."+name, v)
	}
	change(q)
	if len(q) == 0 {
		return l.path
	}
	return l.path + "?" + q.Encode()
}

var sortLabels = []struct{ sort, label string }{
	{"", "Featured"}, {"newest", "Newest"}, {"price", "Price, low to high"}, {"-price", "Price, high to low"}, {"title", "Name"},
}

// fill puts the list's controls into its view.
func (l listing) fill(v *web.Listing, products api.List[api.Product]) {
	v.Action = l.path
	for _, choice := range sortLabels {
		href := l.href(func(q url.Values) {
			q.Del("sort")
			if choice.sort != "" {
				q.Set("sort", choice.sort)
			}
		})
		current := choice.sort == l.sort || choice.sort == "" && l.sort == "featured"
		v.Sorts = append(v.Sorts, web.Link{Label: choice.label, Href: href, Current: current})
	}
	names := make([]string, 0, len(l.facets))
	for name := range l.facets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v.Chips = append(v.Chips, web.Link{Label: titled(name) + ": " + l.facets[name], Href: l.href(func(q url.Values) { q.Del("facet." + name) })})
	}
	v.Cards = cards(products.Items, "")
	if products.Next != nil {
		v.NextHref = l.href(func(q url.Values) { q.Set("after", *products.Next) })
	}
	if l.after != "" {
		v.FirstHref = l.href(func(url.Values) {})
		v.NoIndex = true
	}
}

func (s *Shop) collectionPage(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleParam(r)
	if err != nil {
		return nil, err
	}
	l := readListing(r)
	t := s.public(r)
	var collections []api.Collection
	var found api.CollectionPage
	var filtered api.SearchResult
	err = coreclient.Together(ctx,
		func(ctx context.Context) (err error) { collections, err = s.collections(ctx, t); return },
		func(ctx context.Context) (err error) {
			q := api.CollectionQuery{Page: api.Page{After: l.after, Limit: listCards}, Locale: r.Locale, Handle: handle, Sort: l.sort, Brief: true}
			if len(l.facets) > 0 {
				q.Page = api.Page{Limit: 1}
			}
			found, err = ask(ctx, t, api.CollectionGet, q)
			return
		},
		func(ctx context.Context) (err error) { filtered, err = s.filterCollection(ctx, t, handle, l); return })
	if err != nil {
		return nil, err
	}
	v := web.Listing{Layout: s.layout(r, found.Title, collections), Heading: found.Title, Intro: found.Description, Total: found.Count}
	v.Description = clip(found.Description, shortDescription)
	v.Crumbs = crumbs(web.Link{Label: found.Title, Href: r.Path, Current: true})
	v.Facets = facetViews(filtered.Facets, "collection")
	products := found.Products
	if len(l.facets) > 0 {
		products = api.List[api.Product]{Items: filtered.Items, Next: filtered.Next}
		v.Total, v.NoIndex = filtered.Total, true
	}
	if found.Image != nil {
		v.OGImage = s.absolute(found.Image.URL)
	}
	l.fill(&v, products)
	if len(products.Items) == 0 {
		v.Ways = ways(collections)
	}
	a := t.answer()
	a.Tags = append(listTags(products.Items, api.TagCollection(handle)), collectionTags(collections)[1:]...)
	return page(a, 200, v)
}

// filterCollection is the collection as a search: for its facets and, with filters, for its products.
func (s *Shop) filterCollection(ctx context.Context, t *trip, handle string, l listing) (api.SearchResult, error) {
	q := api.SearchQuery{Page: api.Page{Limit: 1}, Locale: t.r.Locale, Facets: map[string]string{}, Sort: l.sort, Brief: true}
	if len(l.facets) > 0 {
		q.Page = api.Page{After: l.after, Limit: listCards}
	}
	for name, value := range l.facets {
		q.Facets[name] = value
	}
	q.Facets["collection"] = handle
	return ask(ctx, t, api.Search, q)
}

func (s *Shop) searchPage(ctx context.Context, r *Request) (*Answer, error) {
	l := readListing(r)
	t := s.public(r)
	var collections []api.Collection
	var found api.SearchResult
	err := coreclient.Together(ctx,
		func(ctx context.Context) (err error) { collections, err = s.collections(ctx, t); return },
		func(ctx context.Context) (err error) {
			found, err = ask(ctx, t, api.Search, api.SearchQuery{Page: api.Page{After: l.after, Limit: listCards}, Locale: r.Locale, Q: l.q, Facets: l.facets, Sort: l.sort, Brief: true})
			return
		})
	if err != nil {
		return nil, err
	}
	title := "Search"
	if l.q != "" {
		title = "Search: " + l.q
	}
	v := web.Listing{Layout: s.layout(r, title, collections), Heading: title, Search: true, Total: found.Total, Facets: facetViews(found.Facets, "")}
	v.NoIndex, v.Query = true, l.q
	if found.CorrectedQuery != nil {
		v.CorrectedQuery = *found.CorrectedQuery
	}
	l.fill(&v, api.List[api.Product]{Items: found.Items, Next: found.Next})
	if len(found.Items) > 0 {
		a := t.answer()
		a.Tags = append(listTags(found.Items), collectionTags(collections)[1:]...)
		return page(a, 200, v)
	}
	instead, err := s.advise(ctx, t, withCards, occasion{})
	if err != nil {
		return nil, err
	}
	instead.on(&v.Layout)
	v.Ways, v.Instead = ways(collections), instead.cards()
	a := t.answer()
	a.Tags, a.TTL = append(listTags(instead.products), collectionTags(collections)[1:]...), trendingTTL
	return page(a, 200, v)
}

func facetViews(facets []api.Facet, without string) []web.Facet {
	var list []web.Facet
	for _, f := range facets {
		if f.Name == without {
			continue
		}
		view := web.Facet{Name: f.Name, Label: titled(f.Name)}
		for _, value := range f.Values {
			label := value.Value
			if f.Name == "collection" {
				label = titled(label)
			}
			view.Values = append(view.Values, web.FacetValue{Value: value.Value, Label: label, Count: value.Count, Selected: value.Selected})
		}
		if len(view.Values) > 0 {
			list = append(list, view)
		}
	}
	return list
}

// ways lead on from a page that has nothing to show.
func ways(collections []api.Collection) []web.Link {
	list := []web.Link{{Label: "Home", Href: "/"}}
	for i := range collections[:min(len(collections), maxNav)] {
		list = append(list, web.Link{Label: collections[i].Title, Href: "/collections/" + collections[i].Handle})
	}
	return list
}

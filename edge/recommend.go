package edge

import (
	"context"
	"slices"
	"strings"
	"time"

	"meridian/api"
	"meridian/edge/recommender"
	"meridian/recommend"
	"meridian/web"
)

// Recommendations are an edge's tables; see package recommender.
type Recommendations interface {
	// Model is the table that is served, nil for none.
	Model() *recommend.Model
	// Demand asks for the next table, and State says how far it is.
	Demand() error
	State() recommender.State
}

// How products are recommended, for the clickstream and for people. A list that one way could not fill has the names of all that it
// took, such as item-to-item+trending.
const (
	byTable    = "item-to-item"
	byOrders   = "bought-together"
	byShelf    = "collection"
	byTrend    = "trending"
	byMemory   = "recent"
	trendRules = "1" // the version of what needs no table

	popularReason = "Popular this week"
	besideReason  = "Often looked at with this"
	viewedReason  = "Since you looked at " // what
	withReason    = "Goes with "           // what
	boughtReason  = "Often bought with "   // what
	shelfReason   = "More from "           // collection
	gone          = "something you chose"  // what has no name any more
)

// trendingTTL bounds how old the popular products of a page may be: no change feed speaks of them.
const trendingTTL = 60 * time.Second

// Bounds of a recommendation.
const (
	seenMax    = 10
	spareCards = 8  // asked for beyond what is shown, since some cannot be bought
	picksMax   = 89 // with what they are there for, as many as may be asked for at once
)

// recommendationSlots are the places that recommendations are made for.
var recommendationSlots = []string{"", "product", "cart", "home", "search", "order", "recent"}

// advice is a list of products, and how they were chosen.
type advice struct {
	products           []api.Product
	reasons            []string // of each
	algorithm, version string
	// arm is the arm of the comparison that it was chosen in, and visit the tail of the id that decided; "" where there is none.
	arm, visit string
}

// cards are the list as a page shows it.
func (a *advice) cards() []web.Card {
	var list []web.Card
	for i := range a.products {
		list = append(list, card(&a.products[i], a.reasons[i]))
	}
	return list
}

// add appends products that were chosen in one way for one reason.
func (a *advice) add(algorithm string, products []api.Product, reason string) {
	for i := range products {
		a.products, a.reasons = append(a.products, products[i]), append(a.reasons, reason)
	}
	switch {
	case len(products) == 0, a.algorithm == algorithm, strings.HasSuffix(a.algorithm, "+"+algorithm):
	case a.algorithm == "":
		a.algorithm = algorithm
	default:
		a.algorithm += "+" + algorithm
	}
}

// occasion is what products are recommended for.
type occasion struct {
	visit []string // products that were chosen, the last one last
	page  string   // the one that the page is about, or ""
	// buys says that they are being bought: what others bought with them comes first.
	buys   bool
	reason string // before the title of the product that another one is there for
}

// advise chooses n products: what a table says goes with those of the occasion, and then what is popular. None of them is among those, and none is
// sold out.
func (s *Shop) advise(ctx context.Context, t *trip, n int, o occasion) (a advice, err error) {
	if model := s.model(); model != nil && len(o.visit) > 0 {
		if o.buys {
			if err := s.besides(ctx, t, model, recommend.Bought, n, o, &a); err != nil {
				return a, err
			}
		}
		if err := s.besides(ctx, t, model, recommend.Viewed, n, o, &a); err != nil {
			return a, err
		}
		if len(a.products) > 0 {
			a.version = model.Version()
		}
	}
	if o.page != "" && len(a.products) < n {
		if err := s.shelf(ctx, t, n, o.page, &a); err != nil {
			return a, err
		}
	}
	if len(a.products) < n {
		more, err := s.popular(ctx, t, n-len(a.products), append(slices.Clone(o.visit), handlesOf(a.products)...))
		if err != nil {
			return a, err
		}
		a.add(byTrend, more, popularReason)
	}
	if a.version == "" {
		a.version = trendRules
	}
	if a.algorithm == "" {
		a.algorithm = byTrend
	}
	return a, nil
}

// shelf adds products of the first collection of the one that the page is about, where a table has too few beside it: what lies on one shelf is nearer
// than what is popular anywhere.
func (s *Shop) shelf(ctx context.Context, t *trip, n int, page string, a *advice) error {
	list, err := ask(ctx, t, api.ProductsSet, api.ProductSetQuery{Locale: t.r.Locale, Handles: []string{page}, Brief: true})
	if err != nil || len(list.Items) == 0 || len(list.Items[0].Collections) == 0 {
		return err
	}
	there := append(handlesOf(a.products), page)
	found, err := ask(ctx, t, api.CollectionGet, api.CollectionQuery{Page: api.Page{Limit: min(n+len(there)+spareCards, maxLimit)}, Locale: t.r.Locale, Handle: list.Items[0].Collections[0], Brief: true})
	if api.CodeOf(err) == api.CodeNotFound {
		return nil // it went since
	}
	if err != nil {
		return err
	}
	more := appendNew(nil, slices.DeleteFunc(found.Products.Items, func(p api.Product) bool { return !buyable(&p) }), there)
	a.add(byShelf, more[:min(n-len(a.products), len(more))], shelfReason+found.Title)
	return nil
}

// remind answers what was seen, the last first, without what can be bought no more. The order is that of time alone: the weights of reminders, 1 by how many
// views ago, fall with it, and a list that one remembers by must not be shuffled by what goes together.
func (s *Shop) remind(ctx context.Context, t *trip, n int, seen []string, present string) (advice, error) {
	a := advice{algorithm: byMemory, version: trendRules}
	seen = slices.DeleteFunc(slices.Clone(seen), func(h string) bool { return h == present })
	if len(seen) == 0 {
		return a, nil
	}
	list, err := ask(ctx, t, api.ProductsSet, api.ProductSetQuery{Locale: t.r.Locale, Handles: seen, Brief: true})
	if err != nil {
		return a, err
	}
	known := map[string]*api.Product{}
	for i := range list.Items {
		known[list.Items[i].Handle] = &list.Items[i]
	}
	for _, h := range slices.Backward(seen) {
		if p := known[h]; p != nil && buyable(p) && len(a.products) < n {
			a.add(byMemory, []api.Product{*p}, "")
			delete(known, h) // once, where it was seen last
		}
	}
	return a, nil
}

// model is the table that is served, nil for none.
func (s *Shop) model() *recommend.Model {
	if s.cfg.Recommendations == nil {
		return nil
	}
	return s.cfg.Recommendations.Model()
}

// besides adds products that a table has beside those of an occasion and that can be bought, best first.
func (s *Shop) besides(ctx context.Context, t *trip, model *recommend.Model, table recommend.Table, n int, o occasion, a *advice) error {
	algorithm := byTable
	if table == recommend.Bought {
		algorithm, o.page, o.reason = byOrders, "", boughtReason
	}
	there := handlesOf(a.products)
	if len(there) >= n {
		return nil
	}
	picks := model.Recommend(o.visit, min(n-len(there)+spareCards, picksMax), recommend.Options{Table: table, May: func(item string) bool { return validHandle(item) && !slices.Contains(there, item) }})
	if len(picks) == 0 {
		return nil
	}
	var handles []string // of the picks, and of what they are there for
	for _, p := range picks {
		handles = append(handles, p.Item)
	}
	for _, p := range picks {
		if p.Because != o.page && !slices.Contains(handles, p.Because) {
			handles = append(handles, p.Because)
		}
	}
	list, err := ask(ctx, t, api.ProductsSet, api.ProductSetQuery{Locale: t.r.Locale, Handles: handles, Brief: true})
	if err != nil {
		return err
	}
	known := map[string]*api.Product{}
	for i := range list.Items {
		known[list.Items[i].Handle] = &list.Items[i]
	}
	for _, p := range picks {
		product := known[p.Item]
		if len(a.products) == n || product == nil || !buyable(product) {
			continue
		}
		why := besideReason
		if p.Because != o.page {
			why = o.reason + gone
			if because := known[p.Because]; because != nil {
				why = o.reason + because.Title
			}
		}
		a.add(algorithm, []api.Product{*product}, why)
	}
	return nil
}

// buyable says that a product can be bought: else it is no advice.
func buyable(p *api.Product) bool {
	return len(p.Variants) > 0 && p.Variants[selected(p)].Available > 0
}

func handlesOf(products []api.Product) []string {
	out := make([]string, len(products))
	for i := range products {
		out[i] = products[i].Handle
	}
	return out
}

// popular are products that sell now, without their descriptions: what the clickstream says, else the newest. The products named
// by except are left out.
func (s *Shop) popular(ctx context.Context, t *trip, n int, except []string) ([]api.Product, error) {
	var handles []string
	if s.cfg.Clicks != nil {
		for _, h := range s.cfg.Clicks.TrendingNow() {
			if !slices.Contains(except, h) && validHandle(h) && len(handles) < n+spareCards {
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
		items = slices.DeleteFunc(list.Items, func(p api.Product) bool { return !buyable(&p) })
	}
	if len(items) < n {
		most := min(n+len(except)+len(items)+spareCards, maxLimit)
		list, err := ask(ctx, t, api.ProductsList, api.ProductsQuery{Page: api.Page{Limit: most}, Locale: t.r.Locale, Sort: "newest", Brief: true})
		if err != nil {
			return nil, err
		}
		items = appendNew(items, slices.DeleteFunc(list.Items, func(p api.Product) bool { return !buyable(&p) }), except)
	}
	return items[:min(n, len(items))], nil
}

// appendNew appends the products that are not there yet, nor among the excepted ones.
func appendNew(items, more []api.Product, except []string) []api.Product {
	seen := map[string]bool{}
	for _, h := range append(handlesOf(items), except...) {
		seen[h] = true
	}
	for i := range more {
		if !seen[more[i].Handle] {
			items = append(items, more[i])
		}
	}
	return items
}

func (s *Shop) recommend(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	product, slot, limit, visit := p.handle("product"), p.choice("slot", recommendationSlots), p.page().Limit, p.handles("seen", seenMax)
	arm := p.choice("arm", []string{"", armHoldout})
	if arm != "" && len(visit) > 0 {
		p.fail("seen", "does not go with arm: those who are held out all see the same")
	}
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
	if slot == byMemory {
		t := s.public(r)
		picked, err := s.remind(ctx, t, limit, visit, product)
		if err != nil {
			return nil, err
		}
		return picked.answer(t, slot)
	}
	if arm == armHoldout {
		return s.recommendHeldOut(ctx, r, product, slot, limit)
	}
	if product != "" {
		visit = append(slices.DeleteFunc(visit, func(h string) bool { return h == product }), product)
	}
	t := s.public(r)
	picked, err := s.advise(ctx, t, limit, occasion{visit: visit, page: product, buys: slot == "cart" || slot == "order", reason: viewedReason})
	if err != nil {
		return nil, err
	}
	return picked.answer(t, slot)
}

func recommendation(p *api.Product, reason string) api.Recommendation {
	rec := api.Recommendation{Handle: p.Handle, Title: p.Title, Reason: reason}
	if v := cheapest(p); v != nil {
		rec.Price = v.Price
	}
	if len(p.Images) > 0 {
		rec.Image = &p.Images[0]
	}
	return rec
}

// handles is a parameter with up to most handles, separated by commas.
func (p *params) handles(name string, most int) (list []string) {
	v := p.one(name)
	if v == "" {
		return nil
	}
	for h := range strings.SplitSeq(v, ",") {
		if list = append(list, h); !validHandle(h) || len(list) > most {
			p.fail(name, "must be up to 10 handles with commas between them, such as mug-teal,bowl")
			return nil
		}
	}
	return list
}

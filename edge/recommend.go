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

// How products are recommended, for the clickstream and for people. A list that the table could not fill has the
// name of both.
const (
	byTable    = "item-to-item"
	byTrend    = "trending"
	byBoth     = byTable + "+" + byTrend
	trendRules = "1" // the version of what is popular

	popularReason = "Popular this week"
	besideReason  = "Often looked at with this"
	viewedReason  = "Since you looked at " // what
	withReason    = "Goes with "           // what
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
var recommendationSlots = []string{"", "product", "cart", "home", "search", "order"}

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

func (a *advice) add(products []api.Product, reason string) {
	for i := range products {
		a.products, a.reasons = append(a.products, products[i]), append(a.reasons, reason)
	}
}

// advise chooses n products for who chose a visit's products, the last one last: what the table says goes with them, and then what is
// popular. None of them is in the visit, and none of the table's is sold out. Those are told to be there for a product of the visit, with
// reason before its title, or for the one that the page is about.
func (s *Shop) advise(ctx context.Context, t *trip, n int, visit []string, page, reason string) (a advice, err error) {
	a.algorithm, a.version = byTrend, trendRules
	if model := s.model(); model != nil && len(visit) > 0 {
		if err := s.besides(ctx, t, model, n, visit, page, reason, &a); err != nil {
			return a, err
		}
		if len(a.products) > 0 {
			a.algorithm, a.version = byTable, model.Version()
		}
	}
	if len(a.products) < n {
		besides := len(a.products)
		more, err := s.popular(ctx, t, n-besides, append(slices.Clone(visit), handlesOf(a.products)...))
		if err != nil {
			return a, err
		}
		if a.add(more, popularReason); besides > 0 && len(more) > 0 {
			a.algorithm = byBoth
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

// besides adds products that a table has beside those of a visit and that can be bought, best first.
func (s *Shop) besides(ctx context.Context, t *trip, model *recommend.Model, n int, visit []string, page, reason string, a *advice) error {
	picks := model.Recommend(visit, min(n+spareCards, picksMax), recommend.Options{May: validHandle})
	if len(picks) == 0 {
		return nil
	}
	var handles []string // of the picks, and of what they are there for
	for _, p := range picks {
		handles = append(handles, p.Item)
	}
	for _, p := range picks {
		if p.Because != page && !slices.Contains(handles, p.Because) {
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
		if p.Because != page {
			why = reason + gone
			if because := known[p.Because]; because != nil {
				why = reason + because.Title
			}
		}
		a.add([]api.Product{*product}, why)
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
	if arm == armHoldout {
		return s.recommendHeldOut(ctx, r, product, slot, limit)
	}
	if product != "" {
		visit = append(slices.DeleteFunc(visit, func(h string) bool { return h == product }), product)
	}
	t := s.public(r)
	picked, err := s.advise(ctx, t, limit, visit, product, viewedReason)
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

package core

import (
	"sort"
	"strings"

	"meridian/api"
)

// search finds products that hold every word of the query in their title, type, vendor, tags or
// collections, titles first. It is a plain match. Without a query, chosen facets select from everything.
func (m *Machine) search(q api.SearchQuery) (api.SearchResult, *api.Error) {
	words := strings.Fields(strings.ToLower(q.Q))
	if len(q.Q) > 200 {
		return api.SearchResult{}, api.Invalid("q", "Search for at most 200 characters.")
	}
	type hit struct {
		handle string
		rank   int
	}
	var hits []hit
	for _, h := range m.byCreation {
		if len(words) == 0 && !anyChosen(q.Facets) {
			break
		}
		p, _ := m.products.Get(h)
		if rank := matches(p, words); rank >= 0 {
			hits = append(hits, hit{h, rank})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].rank < hits[j].rank })
	handles := make([]string, len(hits))
	for i, h := range hits {
		handles[i] = h.handle
	}
	all := m.sorted(handles, q.Currency, q.Sort)
	kept := all[:0:0]
	for _, p := range all {
		if chosenBy(p, q.Facets, "") {
			kept = append(kept, p)
		}
	}
	page, refusal := pageOf(kept, q.Page)
	if refusal != nil {
		return api.SearchResult{}, refusal
	}
	briefly(page.Items, q.Brief)
	return api.SearchResult{Items: page.Items, Total: len(kept), Facets: facets(all, q.Facets), Next: page.Next}, nil
}

func anyChosen(facets map[string]string) bool {
	for _, want := range facets {
		if want != "" {
			return true
		}
	}
	return false
}

// matches ranks a product for the words: 0 all in the title, 1 all somewhere, -1 not all.
func matches(p productRec, words []string) int {
	title := strings.ToLower(p.Title)
	rest := strings.ToLower(strings.Join([]string{p.Title, p.Type, p.Vendor, strings.Join(p.Tags, " "), strings.Join(p.Collections, " ")}, " "))
	rank := 0
	for _, w := range words {
		if !strings.Contains(title, w) {
			rank = 1
		}
		if !strings.Contains(rest, w) {
			return -1
		}
	}
	return rank
}

// valuesOf are the values of a product under each facet.
func valuesOf(p api.Product) map[string][]string {
	out := map[string][]string{"type": {p.Type}, "vendor": {p.Vendor}, "collection": p.Collections}
	for _, o := range p.Options {
		out[o.Name] = o.Values
	}
	return out
}

// chosenBy says whether a product fits the chosen facets, leaving one of them out of account.
func chosenBy(p api.Product, chosen map[string]string, except string) bool {
	values := valuesOf(p)
	for name, want := range chosen {
		if name == except || want == "" {
			continue
		}
		found := false
		for _, v := range values[name] {
			found = found || v == want
		}
		if !found {
			return false
		}
	}
	return true
}

// facets counts values over the products that fit the other chosen facets.
func facets(ps []api.Product, chosen map[string]string) []api.Facet {
	counts := map[string]map[string]int{}
	for _, p := range ps {
		for name, values := range valuesOf(p) {
			if !chosenBy(p, chosen, name) {
				continue
			}
			if counts[name] == nil {
				counts[name] = map[string]int{}
			}
			for _, v := range values {
				if v != "" {
					counts[name][v]++
				}
			}
		}
	}
	out := []api.Facet{}
	for name, values := range counts {
		f := api.Facet{Name: name, Values: []api.FacetValue{}}
		for v, n := range values {
			f.Values = append(f.Values, api.FacetValue{Value: v, Count: n, Selected: chosen[name] == v})
		}
		sort.Slice(f.Values, func(i, j int) bool {
			a, b := f.Values[i], f.Values[j]
			return a.Count > b.Count || (a.Count == b.Count && a.Value < b.Value)
		})
		f.Values = f.Values[:min(len(f.Values), 20)]
		if len(f.Values) > 1 || chosen[name] != "" {
			out = append(out, f)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// suggest offers titles and products for a prefix of a word.
func (m *Machine) suggest(q api.SearchQuery) api.Suggestions {
	out := api.Suggestions{Queries: []string{}, Products: []api.Product{}}
	prefix := strings.ToLower(strings.TrimSpace(q.Q))
	if prefix == "" || len(prefix) > 200 {
		return out
	}
	seen := map[string]bool{}
	var handles []string
	for _, h := range m.byCreation {
		p, _ := m.products.Get(h)
		for _, w := range strings.Fields(strings.ToLower(p.Title + " " + p.Type)) {
			w = strings.Trim(w, `,.;:!?()"'&/`)
			if !strings.HasPrefix(w, prefix) {
				continue
			}
			if len(handles) < 6 && (len(handles) == 0 || handles[len(handles)-1] != h) {
				handles = append(handles, h)
			}
			if !seen[w] && len(out.Queries) < 6 {
				seen[w] = true
				out.Queries = append(out.Queries, w)
			}
		}
	}
	out.Products = m.sorted(handles, q.Currency, "")
	return out
}

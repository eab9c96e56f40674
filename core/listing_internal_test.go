package core

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"meridian/api"
)

// TestListedIsAPageOfAll holds pages against the list that is rendered as a whole and cut.
func TestListedIsAPageOfAll(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	m, err := OpenMachine(MachineConfig{Path: filepath.Join(t.TempDir(), "state.db"), InitialMmapSize: 1 << 28, Fail: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.db.Update(1, 1, func() {
		for n := range 120 {
			p := productRec{Handle: fmt.Sprintf("p-%03d", n), Title: fmt.Sprint("Title ", rng.IntN(20)), Draft: rng.IntN(10) == 0, Seq: uint64(n + 1)}
			for v := range 1 + rng.IntN(3) {
				prices := map[string]int64{}
				for _, c := range []string{"EUR", "USD"} {
					if rng.IntN(4) > 0 {
						prices[c] = int64(rng.IntN(30))
					}
				}
				p.Variants = append(p.Variants, variantRec{SKU: fmt.Sprintf("S-%d-%d", n, v), Prices: prices})
			}
			m.products.Put(p.Handle, p)
		}
		m.deriveLists() // derive works side by side, which is for machines that nothing changes yet
	})
	m.View(func() {
		for _, by := range []string{"", "featured", "newest", "price", "-price", "title"} {
			if got, want := m.sorted(m.byCreation, "EUR", by), renderedThenSorted(m, by); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: all of it is in another order", by)
			}
			for _, limit := range []int{1, 7, 100} {
				page := api.Page{Limit: limit}
				for range 200 {
					want, refusal1 := pageOf(renderedThenSorted(m, by), page)
					got, refusal2 := m.listed(m.byCreation, "EUR", by, page)
					if refusal1 != nil || refusal2 != nil || !reflect.DeepEqual(got, want) {
						t.Fatalf("%s after %q: %v %v\n%+v\nwant\n%+v", by, page.After, refusal1, refusal2, got, want)
					}
					if want.Next == nil {
						break
					}
					page.After = *want.Next
				}
			}
		}
		if _, refusal := m.listed(m.byCreation, "EUR", "price", api.Page{After: "no-such"}); refusal == nil {
			t.Error("a cursor of nowhere is taken")
		}
		if _, refusal := m.listed(m.byCreation, "EUR", "", api.Page{Limit: 101}); refusal == nil {
			t.Error("a page of 101 is taken")
		}
	})
}

// renderedThenSorted is the whole list in the plainest way: every product rendered, and what is shown put in order.
func renderedThenSorted(m *Machine, by string) []api.Product {
	var out []api.Product
	for _, h := range m.byCreation {
		rec, _ := m.products.Get(h)
		if p, ok := m.product(rec, "EUR"); ok {
			out = append(out, p)
		}
	}
	lowest := func(p api.Product) int64 {
		n := p.Variants[0].Price.Amount
		for _, v := range p.Variants {
			n = min(n, v.Price.Amount)
		}
		return n
	}
	switch by {
	case "newest":
		slices.Reverse(out)
	case "price":
		slices.SortStableFunc(out, func(a, b api.Product) int { return cmp.Compare(lowest(a), lowest(b)) })
	case "-price":
		slices.SortStableFunc(out, func(a, b api.Product) int { return cmp.Compare(lowest(b), lowest(a)) })
	case "title":
		slices.SortStableFunc(out, func(a, b api.Product) int { return cmp.Compare(a.Title, b.Title) })
	}
	return out
}

package core

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// derived are the indexes that follow from the tables.
type derived struct {
	stocked    map[string]*stocked // SKU to its product and its shelves
	byCreation []string            // handles of active products in order of creation
	members    map[string][]string // collection to handles in order of creation
	tokens     map[string]string   // staff token hash to mail
	places     map[string]place    // locations by id
	adjusted   *adjustKeys
}

type skuRef struct {
	handle  string
	variant int
}

// derive rebuilds the indexes; the caller holds the tables' lock. With a million SKUs it is half of a
// start, so what does not touch the same index is done side by side.
func (m *Machine) derive() {
	m.derived = derived{members: map[string][]string{}, tokens: map[string]string{}}
	var others sync.WaitGroup
	others.Go(m.deriveLists)
	others.Go(m.deriveAdjusted)
	m.deriveLocations()
	m.deriveWhereabouts()
	m.deriveKeyring()
	m.staff.Ascend("", func(_ string, s staffRec) bool { m.tokens[s.TokenHash] = s.Email; return true })
	m.deriveStocked()
	m.swept = keysSwept{}
	others.Wait()
}

// deriveStocked rebuilds the index of SKUs. Rows of a SKU stand together, by location. What a row needs is
// cut from a few large pieces: three million small ones would cost more than all else here.
func (m *Machine) deriveStocked() {
	n := m.stock.Len()
	m.stocked = make(map[string]*stocked, n)
	entries, shelves, lists := make([]stocked, n), make([]shelf, n), make([]*shelf, n)
	at, last := 0, ""
	m.stock.Ascend("", func(key string, _ stockRec) bool {
		sku, location, _ := strings.Cut(key, "\x00")
		f := &shelves[at]
		*f = shelf{location: location, cell: m.stock.Cell(key)}
		if sku == last && at > 0 {
			e := m.stocked[sku]
			e.shelves = append(e.shelves, f)
		} else {
			lists[at] = f
			entries[at].shelves = lists[at : at+1 : at+1]
			m.stocked[sku] = &entries[at]
		}
		at, last = at+1, sku
		return true
	})
	m.products.Ascend("", func(_ string, p productRec) bool { m.deriveProduct(p); return true })
}

// deriveProduct notes where the SKUs of a product are.
func (m *Machine) deriveProduct(p productRec) {
	for i, v := range p.Variants {
		m.stockedAs(v.SKU).product = skuRef{p.Handle, i}
	}
}

// findSKU is where a SKU is in the catalogue.
func (m *Machine) findSKU(sku string) (skuRef, bool) {
	if e := m.stocked[sku]; e != nil {
		return e.product, e.product.handle != ""
	}
	return skuRef{}, false
}

// deriveLists rebuilds the lists of active products in order of creation.
func (m *Machine) deriveLists() {
	type made struct {
		seq         uint64
		handle      string
		collections []string
	}
	all := make([]made, 0, m.products.Len())
	m.products.Ascend("", func(handle string, p productRec) bool {
		if !p.Draft {
			all = append(all, made{p.Seq, handle, p.Collections})
		}
		return true
	})
	slices.SortFunc(all, func(a, b made) int { return cmp.Compare(a.seq, b.seq) })
	m.byCreation = make([]string, 0, len(all))
	for _, p := range all {
		m.byCreation = append(m.byCreation, p.handle)
		for _, c := range p.collections {
			m.members[c] = append(m.members[c], p.handle)
		}
	}
}

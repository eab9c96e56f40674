package core

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"meridian/api"
)

// list puts a product into the lists that it belongs to, at its place; unlist takes it out of them. A new
// product comes last, so that an import costs the same however large the catalogue is.
func (m *Machine) list(p productRec) {
	if p.Draft {
		return
	}
	m.byCreation = m.insert(m.byCreation, p)
	for _, c := range p.Collections {
		m.members[c] = m.insert(m.members[c], p)
	}
}

func (m *Machine) unlist(p productRec) {
	if p.Draft || p.Handle == "" {
		return
	}
	m.byCreation = m.cutOut(m.byCreation, p)
	for _, c := range p.Collections {
		if m.members[c] = m.cutOut(m.members[c], p); len(m.members[c]) == 0 {
			delete(m.members, c)
		}
	}
}

// place is where a product stands in a list, or belongs.
func (m *Machine) place(list []string, p productRec) int {
	return sort.Search(len(list), func(i int) bool {
		other, _ := m.products.Get(list[i])
		return other.Seq >= p.Seq
	})
}

func (m *Machine) insert(list []string, p productRec) []string {
	if n := len(list); n == 0 || m.place(list[n-1:], p) == 1 {
		return append(list, p.Handle)
	}
	return slices.Insert(list, m.place(list, p), p.Handle)
}

func (m *Machine) cutOut(list []string, p productRec) []string {
	if i := m.place(list, p); i < len(list) && list[i] == p.Handle {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// putOutcome counts what an import or a put did.
type putOutcome struct {
	Created, Updated, Unchanged int
}

func (m *Machine) applyPutProducts(c putProductsCmd) (any, int, *api.Error) {
	if c.Match {
		if old, ok := m.products.Get(c.Products[0].Handle); !ok || old.Index != c.IfMatch {
			return nil, 0, api.NewError(api.CodePrecondition, "The product was changed by somebody else. Load it again and repeat your change.")
		}
	}
	if refusal := m.checkSKUs(c.Products); refusal != nil {
		return nil, 0, refusal
	}
	out := m.putProducts(c.Products, c.Stock)
	status := 200
	if out.Created > 0 {
		status = 201
	}
	if len(c.Products) == 1 {
		p, _ := m.products.Get(c.Products[0].Handle)
		return m.staffProduct(p), status, nil
	}
	return out, status, nil
}

// checkSKUs refuses SKUs that another product has.
func (m *Machine) checkSKUs(ps []productRec) *api.Error {
	var bad []api.FieldError
	seen := map[string]string{}
	for _, p := range ps {
		for i, v := range p.Variants {
			field := fmt.Sprintf("variants.%d.sku", i)
			if other, dup := seen[v.SKU]; dup {
				bad = append(bad, api.FieldError{Field: field, Message: fmt.Sprintf("SKU %s is in %s and in %s.", v.SKU, other, p.Handle)})
			}
			seen[v.SKU] = p.Handle
		}
	}
	for _, p := range ps {
		for i, v := range p.Variants {
			ref, ok := m.findSKU(v.SKU)
			if !ok || ref.handle == p.Handle {
				continue
			}
			if slices.ContainsFunc(ps, func(q productRec) bool { return q.Handle == ref.handle && seen[v.SKU] == p.Handle }) {
				continue // the other product gives it up in the same command
			}
			bad = append(bad, api.FieldError{Field: fmt.Sprintf("variants.%d.sku", i), Message: fmt.Sprintf("SKU %s belongs to %s.", v.SKU, ref.handle)})
		}
	}
	if len(bad) > 0 {
		return api.InvalidFields(bad)
	}
	return nil
}

// putProducts creates or replaces products. Stock is for SKUs that have none yet.
func (m *Machine) putProducts(ps []productRec, stock map[string]int64) putOutcome {
	var out putOutcome
	meta := m.metaNow()
	for _, p := range ps {
		old, exists := m.products.Get(p.Handle)
		p.Seq, p.Index = old.Seq, old.Index
		p.Clips = m.clipNames(p.Clips)
		if exists && bytes.Equal(must(encMode.Marshal(p)), must(encMode.Marshal(old))) {
			out.Unchanged++
		} else {
			p.Index = m.index
			if exists {
				out.Updated++
			} else {
				out.Created++
				meta.ProductSeq++
				p.Seq = meta.ProductSeq
			}
			p.share()
			m.replaceProduct(old, p)
		}
		for _, v := range p.Variants {
			n, wanted := stock[v.SKU]
			if _, known := m.stock.Get(stockKey(v.SKU, api.DefaultLocation)); !known && wanted {
				m.setStock(v.SKU, api.DefaultLocation, stockRec{OnHand: n, Received: n})
				if n != 0 {
					m.move(v.SKU, api.DefaultLocation, n, "first stock", "")
				}
			}
		}
	}
	meta.MovementSeq = m.metaNow().MovementSeq
	m.meta.Put(metaKey, meta)
	return out
}

// clipNames turns the addresses that an answer shows back into the names of the clips.
func (m *Machine) clipNames(refs []string) []string {
	var names []string
	for _, ref := range refs {
		m.assets.Ascend("", func(name string, a assetRec) bool {
			if a.Kind == "clip" && clipURL(a) == ref {
				ref = name
				return false
			}
			return true
		})
		names = append(names, ref)
	}
	return names
}

func (m *Machine) replaceProduct(old, p productRec) {
	m.dropSKUs(old)
	relist := old.Handle == "" || old.Draft != p.Draft || !slices.Equal(old.Collections, p.Collections)
	if relist {
		m.unlist(old)
	}
	m.products.Put(p.Handle, p)
	if relist {
		m.list(p)
	}
	m.deriveProduct(p)
	m.touchProduct(old)
	m.touchProduct(p)
}

// dropSKUs forgets where the SKUs of a product are, unless another product has taken one over by now.
func (m *Machine) dropSKUs(p productRec) {
	for _, v := range p.Variants {
		if e := m.stocked[v.SKU]; e != nil && e.product.handle == p.Handle {
			e.product = skuRef{}
		}
	}
}

// touchProduct marks a product and every list it is in.
func (m *Machine) touchProduct(p productRec) {
	if p.Handle == "" {
		return
	}
	m.touch(api.TagProduct(p.Handle))
	m.touch(api.TagCatalogue)
	for _, c := range p.Collections {
		m.touch(api.TagCollection(c))
	}
}

func (m *Machine) applyDeleteProduct(c deleteProductCmd) (any, int, *api.Error) {
	p, ok := m.products.Get(c.Handle)
	if !ok {
		return nil, 0, api.NewError(api.CodeNotFound, "There is no product %s.", c.Handle)
	}
	if c.Match && p.Index != c.IfMatch {
		return nil, 0, api.NewError(api.CodePrecondition, "The product was changed by somebody else. Load it again before you delete it.")
	}
	m.dropSKUs(p)
	m.unlist(p)
	m.products.Delete(p.Handle)
	m.touchProduct(p)
	return api.None{}, 200, nil
}

func (m *Machine) applyPutCollection(c collectionRec) (any, int, *api.Error) {
	old, exists := m.collections.Get(c.Handle)
	status := 200
	c.Seq = old.Seq
	if !exists {
		meta := m.metaNow()
		meta.Collections++
		c.Seq = meta.Collections
		m.meta.Put(metaKey, meta)
		status = 201
	}
	m.collections.Put(c.Handle, c)
	m.touch(api.TagCollection(c.Handle))
	m.touch(api.TagCatalogue)
	return m.collection(c), status, nil
}

func (m *Machine) applyPutAsset(a assetRec) (any, int, *api.Error) {
	old, exists := m.assets.Get(a.Name)
	m.assets.Put(a.Name, a)
	if exists && old.Stem != a.Stem { // products that show it have changed, whichever they are
		m.touch(api.TagAll)
	}
	status := 201
	if exists {
		status = 200
	}
	return assetView(a), status, nil
}

func (m *Machine) applyStageImport(c stageImportCmd) (any, int, *api.Error) {
	m.staged.Put(stageKey(c.ID, c.Part), c)
	m.stagedSince.Put(c.ID, stagedRec{m.now})
	return api.None{}, 200, nil
}

func stageKey(id string, part uint64) string { return fmt.Sprintf("%s/%08d", id, part) }

// applyCommitImport makes a staged import real, all of it in one step, or drops it.
func (m *Machine) applyCommitImport(c commitImportCmd) (any, int, *api.Error) {
	var ps []productRec
	stock := map[string]int64{}
	for part := uint64(0); part < c.Parts; part++ {
		s, ok := m.staged.Get(stageKey(c.ID, part))
		if !ok && !c.Drop {
			return nil, 0, api.NewError(api.CodeConflict, "Part of the import is missing. Import the file again.")
		}
		ps = append(ps, s.Products...)
		for k, v := range s.Stock {
			stock[k] = v
		}
		m.staged.Delete(stageKey(c.ID, part))
	}
	m.stagedSince.Delete(c.ID)
	if c.Drop {
		return api.None{}, 200, nil
	}
	if refusal := m.checkSKUs(ps); refusal != nil {
		return nil, 0, refusal
	}
	return m.putProducts(ps, stock), 200, nil
}

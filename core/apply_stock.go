package core

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"meridian/api"
)

func stockKey(sku, location string) string { return sku + "\x00" + location }

// maxOnHand bounds a count, so that sums never overflow.
const maxOnHand = 1_000_000_000

// shelf is where a SKU is stocked, with the key of its stock record.
type shelf struct{ location, key string }

// deriveShelf notes where a stock record is.
func (m *Machine) deriveShelf(key string) {
	sku, location, _ := strings.Cut(key, "\x00")
	all := m.shelves[sku]
	at := sort.Search(len(all), func(i int) bool { return all[i].location >= location })
	if at == len(all) || all[at].location != location {
		m.shelves[sku] = slices.Insert(slices.Clone(all), at, shelf{location, key})
	}
}

// level is the stock of a SKU at a location.
type level struct {
	location string
	stockRec
}

// levels are the stock records of a SKU by location, in the order stock is reserved in (inOrder).
func (m *Machine) levels(sku string) []level {
	ls := make([]level, 0, 1)
	for _, f := range m.shelves[sku] {
		s, _ := m.stock.Get(f.key)
		ls = append(ls, level{f.location, s})
	}
	return m.inOrder(ls)
}

// keyOfStock is the key of a SKU's record at a location, made once and then reused.
func (m *Machine) keyOfStock(sku, location string) string {
	for _, f := range m.shelves[sku] {
		if f.location == location {
			return f.key
		}
	}
	return stockKey(sku, location)
}

// available is what can be sold of a SKU, over all active locations.
func (m *Machine) available(sku string) (n int64) {
	for _, f := range m.shelves[sku] {
		if !m.places[f.location].Idle {
			s, _ := m.stock.Get(f.key)
			n += s.OnHand - s.Reserved
		}
	}
	return n
}

// shown is the stock figure shoppers see.
func (m *Machine) shown(sku string) int64 { return min(m.available(sku), api.AvailableCap) }

// setStock writes a stock record and marks the product if the figure that is shown changed.
func (m *Machine) setStock(sku, location string, s stockRec) {
	key := m.keyOfStock(sku, location)
	old, _ := m.stock.Get(key)
	m.putStock(key, m.shelves[sku], old, s, m.skus[sku])
}

// putStock replaces the record old of a SKU that lies on these shelves by s.
func (m *Machine) putStock(key string, shelves []shelf, old, s stockRec, ref skuRef) {
	if !m.skipStockCheck && (s.OnHand < s.Reserved || s.Reserved < 0 || s.OnHand != s.Received-s.Sold) {
		m.fail(fmt.Errorf("stock of %s would become impossible: %+v; this is a bug, the node stops before it is written", strings.ReplaceAll(key, "\x00", " at "), s))
		return
	}
	var others int64
	mine := key[strings.IndexByte(key, 0)+1:]
	for _, f := range shelves {
		if f.location != mine && !m.places[f.location].Idle {
			other, _ := m.stock.Get(f.key)
			others += other.OnHand - other.Reserved
		}
	}
	before, after := others, others
	if !m.places[mine].Idle {
		before, after = before+old.OnHand-old.Reserved, after+s.OnHand-s.Reserved
	}
	s.Index = m.index
	m.stock.Put(key, s)
	if old.Index == 0 {
		m.deriveShelf(key)
	}
	if ref.handle != "" && min(after, api.AvailableCap) != min(before, api.AvailableCap) {
		m.touch(api.TagProduct(ref.handle))
	}
}

// move writes a line of the stock ledger.
func (m *Machine) move(sku, location string, delta int64, reason, order string) {
	meta := m.metaNow()
	meta.MovementSeq++
	m.meta.Put(metaKey, meta)
	m.movements.Put(fmt.Sprintf("%s\x00%s\x00%016d", sku, location, meta.MovementSeq),
		movementRec{SKU: sku, Location: location, Delta: delta, Reason: reason, Order: order, AtMS: m.now})
}

func (m *Machine) applyChangeStock(c changeStockCmd) (any, int, *api.Error) {
	if _, ok := m.skus[c.SKU]; !ok {
		return nil, 0, api.NewError(api.CodeNotFound, "There is no SKU %s.", c.SKU)
	}
	if refusal := m.noLocation(c.Location); refusal != nil {
		return nil, 0, refusal
	}
	s, _ := m.stock.Get(stockKey(c.SKU, c.Location))
	if c.Match && s.Index != c.IfMatch {
		return nil, 0, api.NewError(api.CodePrecondition, "The stock of %s has changed since you read it. Read it again.", c.SKU)
	}
	delta := c.Delta
	if c.Set {
		delta = c.OnHand - s.OnHand
	}
	next := s.OnHand + delta
	field := "delta"
	if c.Set {
		field = "on_hand"
	}
	switch {
	case next < s.Reserved && s.Reserved > 0:
		return nil, 0, api.NewError(api.CodeStockReserved, "%d of %s are reserved for orders being paid; the stock cannot go below that.", s.Reserved, c.SKU)
	case next < 0:
		return nil, 0, api.Invalid(field, "There are %d on hand; %d less would be below zero.", s.OnHand, -delta)
	case next > maxOnHand:
		return nil, 0, api.Invalid(field, "At most %d can be on hand.", maxOnHand)
	}
	if delta != 0 || s.Index == 0 {
		s.OnHand, s.Received = next, s.Received+delta
		m.setStock(c.SKU, c.Location, s)
		reason := c.Reason
		if c.Set {
			reason = "count"
		}
		m.move(c.SKU, c.Location, delta, reason, "")
		s, _ = m.stock.Get(stockKey(c.SKU, c.Location))
	}
	return m.stockLevel(c.SKU, c.Location, s), 200, nil
}

// allocate spreads quantity of a SKU over its locations; false if there is too little.
func (m *Machine) allocate(sku string, quantity int64) ([]allocationRec, bool) {
	var out []allocationRec
	for _, l := range m.sellable(sku) {
		take := min(quantity, l.OnHand-l.Reserved)
		if m.skipStockCheck && l.location == api.DefaultLocation {
			take = quantity
		}
		if take > 0 {
			out = append(out, allocationRec{Location: l.location, Quantity: take})
			quantity -= take
		}
		if quantity == 0 {
			return out, true
		}
	}
	return nil, false
}

// changeAllocation applies fn to the stock record of each allocation of an order's lines.
func (m *Machine) changeAllocation(o orderRec, fn func(s *stockRec, n int64)) {
	for _, l := range o.Lines {
		for _, a := range l.Allocation {
			s, _ := m.stock.Get(stockKey(l.SKU, a.Location))
			fn(&s, a.Quantity)
			m.setStock(l.SKU, a.Location, s)
		}
	}
}

func (m *Machine) hold(o orderRec) {
	m.changeAllocation(o, func(s *stockRec, n int64) { s.Reserved += n })
}
func (m *Machine) release(o orderRec) {
	m.changeAllocation(o, func(s *stockRec, n int64) { s.Reserved -= n })
}

// sell turns what is held for an order into what is sold.
func (m *Machine) sell(o orderRec) {
	m.changeAllocation(o, func(s *stockRec, n int64) { s.Reserved -= n; s.OnHand -= n; s.Sold += n })
	m.ledger(o, -1, "sale")
}

func (m *Machine) ledger(o orderRec, sign int64, reason string) {
	for _, l := range o.Lines {
		for _, a := range l.Allocation {
			m.move(l.SKU, a.Location, sign*a.Quantity, reason, o.ID)
		}
	}
}

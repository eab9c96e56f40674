package core

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"

	"meridian/api"
	"meridian/core/state"
)

func stockKey(sku, location string) string { return sku + "\x00" + location }

// maxOnHand bounds a count, so that sums never overflow.
const maxOnHand = 1_000_000_000

// shelf is where a SKU is stocked, with the cell of its stock record.
type shelf struct {
	location string
	cell     state.Cell[stockRec]
}

// stocked is a SKU with its shelves, by location. Its product has no handle while no product has the SKU.
type stocked struct {
	product skuRef
	shelves []*shelf
}

// stockedAs is the entry of a SKU, made when it is new.
func (m *Machine) stockedAs(sku string) *stocked {
	e := m.stocked[sku]
	if e == nil {
		e = &stocked{}
		m.stocked[sku] = e
	}
	return e
}

// shelvesOf are the shelves of a SKU.
func (m *Machine) shelvesOf(sku string) []*shelf {
	if e := m.stocked[sku]; e != nil {
		return e.shelves
	}
	return nil
}

// shelf is where a SKU is stocked at a location; made when it is new.
func (m *Machine) shelf(sku, location string) *shelf {
	e := m.stockedAs(sku)
	at := sort.Search(len(e.shelves), func(i int) bool { return e.shelves[i].location >= location })
	if at == len(e.shelves) || e.shelves[at].location != location {
		f := &shelf{location: location, cell: m.stock.Cell(stockKey(sku, location))}
		e.shelves = slices.Insert(slices.Clone(e.shelves), at, f)
	}
	return e.shelves[at]
}

// level is the stock of a SKU at a location.
type level struct {
	location string
	stockRec
}

// levels are the stock records of a SKU by location, in the order stock is reserved in (inOrder).
func (m *Machine) levels(sku string) []level {
	ls := make([]level, 0, 1)
	for _, f := range m.shelvesOf(sku) {
		if s, ok := f.cell.Get(); ok {
			ls = append(ls, level{f.location, s})
		}
	}
	return m.inOrder(ls)
}

// available is what can be sold of a SKU, over all active locations.
func (m *Machine) available(sku string) (n int64) {
	for _, f := range m.shelvesOf(sku) {
		if !m.places[f.location].Idle {
			s, _ := f.cell.Get()
			n += s.OnHand - s.Reserved
		}
	}
	return n
}

// shown is the stock figure shoppers see.
func (m *Machine) shown(sku string) int64 { return min(m.available(sku), api.AvailableCap) }

// setStock writes a stock record and marks the product if what is shown of it changed.
func (m *Machine) setStock(sku, location string, s stockRec) {
	f := m.shelf(sku, location)
	old, _ := f.cell.Get()
	m.putStock(m.stocked[sku], f, old, s)
}

// putStock replaces the record old on a shelf of a SKU by s.
func (m *Machine) putStock(e *stocked, f *shelf, old, s stockRec) {
	if !m.skipStockCheck && (s.OnHand < s.Reserved || s.Reserved < 0 || s.OnHand != s.Received-s.Sold) {
		m.fail(fmt.Errorf("stock of %s would become impossible: %+v; this is a bug, the node stops before it is written", strings.ReplaceAll(f.cell.Key(), "\x00", " at "), s))
		return
	}
	s.Index = m.index
	f.cell.Put(s)
	if e.product.handle == "" || m.places[f.location].Idle {
		return
	}
	before, after := old.OnHand-old.Reserved, s.OnHand-s.Reserved
	for _, other := range e.shelves {
		if other != f && !m.places[other.location].Idle {
			rec, _ := other.cell.Get()
			before, after = before+rec.OnHand-rec.Reserved, after+rec.OnHand-rec.Reserved
		}
	}
	if min(after, api.AvailableCap) != min(before, api.AvailableCap) {
		m.touch(api.TagStock(e.product.handle))
	}
	if min(after, api.LowStock+1) != min(before, api.LowStock+1) {
		m.touch(api.TagProduct(e.product.handle))
	}
}

// move writes a line of the stock ledger.
func (m *Machine) move(sku, location string, delta int64, reason, order string) {
	meta := m.metaNow()
	meta.MovementSeq++
	m.meta.Put(metaKey, meta)
	m.movements.Put(m.movementKey(sku, location, meta.MovementSeq),
		movementRec{SKU: sku, Location: location, Delta: delta, Reason: reason, Order: order, AtMS: m.now})
}

// movementKey files the lines of the ledger in their order: a new one stands behind all others, so that
// it costs the same however long the ledger is. Nobody asks for the lines of one SKU alone; what they are
// of is in the lines. Under the first rules they were filed by SKU, and those stay where they are.
func (m *Machine) movementKey(sku, location string, seq uint64) string {
	if m.rules < rulesOrdered {
		return fmt.Sprintf("%s\x00%s\x00%016d", sku, location, seq)
	}
	return numberKey(seq)
}

// numberKey orders as numbers do.
func numberKey(n uint64) string {
	var k [8]byte
	binary.BigEndian.PutUint64(k[:], n)
	return string(k[:])
}

func (m *Machine) applyChangeStock(c changeStockCmd) (any, int, *api.Error) {
	if _, ok := m.findSKU(c.SKU); !ok {
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

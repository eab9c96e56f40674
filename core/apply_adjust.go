package core

import (
	"errors"

	"meridian/api"
)

// adjustResult is what applying an adjustment gave. err is set for commands that cannot be read.
type adjustResult struct {
	record adjustRecord
	at     uint64 // index of the entry that carried the command
	reused bool   // the key was used for another request
	replay bool
	err    *api.Error
}

// refusal is the error that the result stands for, or nil.
func (r *adjustResult) refusal() *api.Error {
	switch {
	case r.err != nil:
		return r.err
	case r.reused:
		return keyReused()
	}
	a := &r.record
	return a.outcome.refuse(string(a.sku), a.delta, a.onHand, a.reserved)
}

// level is the stock after the adjustment.
func (r *adjustResult) level(timeline uint32) api.StockLevel {
	a := &r.record
	return api.StockLevel{SKU: string(a.sku), Location: a.place(), OnHand: a.onHand, Reserved: a.reserved, Available: a.onHand - a.reserved,
		Index: api.Index{Timeline: timeline, Raft: a.index}}
}

func (m *Machine) beginStockRow() {
	m.stockRow.records, m.stockRow.count = m.stockRow.records[:0], 0
	m.stockRow.index, m.stockRow.now = m.index, m.now
}

// endStockRow writes what the entry's adjustments did.
func (m *Machine) endStockRow() {
	if m.stockRow.count > 0 {
		m.stockLog.Put(stockLogKey(m.index), m.stockRow.encode())
	}
	m.liveKeys.Store(int64(m.adjusted.count))
}

func (m *Machine) applyAdjust(b []byte) adjustResult {
	a, err := decodeAdjust(b)
	if err != nil {
		if errors.Is(err, errUnknownCommand) {
			m.fail(err)
		}
		return adjustResult{at: m.index, err: api.Internal(err)}
	}
	var slot *keySlot
	if a.life != lifeNone {
		slot = m.adjusted.slot(a.id)
	}
	if slot != nil && slot.used() && !m.skipDedupe {
		if earlier, ok := m.recallAdjust(slot); ok {
			return adjustResult{at: m.index, record: earlier, replay: true, reused: earlier.body != a.body}
		}
	}
	r := adjustResult{at: m.index, record: adjustRecord{adjustment: a, index: m.index}}
	m.adjust(&r.record)
	if a := &r.record; a.outcome != adjustUnknownSKU { // it may come into being: such an answer is not kept
		if slot != nil {
			m.adjusted.set(slot, a.id, placeOf(m.index, m.now, m.stockRow.count, a.life))
		}
		m.stockRow.add(a)
	}
	return r
}

// adjust decides an adjustment and does it.
func (m *Machine) adjust(a *adjustRecord) {
	e := m.stocked[string(a.sku)]
	if e == nil || e.product.handle == "" {
		a.outcome = adjustUnknownSKU
		return
	}
	var f *shelf
	for _, g := range e.shelves {
		if a.isAt(g.location) {
			f = g
		}
	}
	if f == nil {
		if _, ok := m.places[a.place()]; !ok {
			a.outcome = adjustUnknownLocation
			return
		}
		f = m.shelf(string(a.sku), a.place())
	}
	s, known := f.cell.Get()
	a.onHand, a.reserved = s.OnHand, s.Reserved
	next := s.OnHand + a.delta
	switch {
	case a.refusal != adjustDone:
		a.outcome = a.refusal
	case next < s.Reserved && s.Reserved > 0:
		a.outcome = adjustReserved
	case next < 0:
		a.outcome = adjustNegative
	case next > maxOnHand:
		a.outcome = adjustTooMany
	case a.delta == 0 && known:
		a.index = s.Index // nothing changes
	default:
		was := s
		s.OnHand, s.Received = next, s.Received+a.delta
		m.putStock(e, f, was, s)
		a.onHand = next
	}
}

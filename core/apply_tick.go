package core

import "meridian/api"

// applyTick moves time: what has run out ends here and nowhere else.
func (m *Machine) applyTick(tickCmd) (any, int, *api.Error) {
	meta := m.metaNow()
	gap := m.now - meta.TickMS
	meta.TickMS = m.now
	m.meta.Put(metaKey, meta)
	if outage := gap - 5000; outage > 0 && gap != m.now {
		m.extendHolds(outage)
	}
	now := m.now
	if m.wallClock {
		now = m.stamps.clock.Wall().UnixMilli()
	}
	var over []string
	m.open.Ascend("", func(id string, r openRec) bool {
		if r.Kind == openReleased && r.UntilMS <= now {
			over = append(over, id)
		}
		return len(over) < maxExpiriesPerTick
	})
	for _, id := range over {
		if o, ok := m.orders.Get(id); ok {
			m.closeUnpaid(o)
		}
	}
	if m.rules >= rulesOrdered {
		m.dropKeys(keysPerTick)
		m.dropCarts()
	} else {
		m.dropKeys(maxExpiriesPerTick)
	}
	m.adjusted.sweep(m.now)
	m.advanceRooms()
	m.dropEdges()
	m.dropSessions()
	m.dropStaged()
	m.dropErasures()
	m.trimOutbox()
	return api.None{}, 200, nil
}

// extendHolds gives holds the time back in which nobody could have paid for them.
func (m *Machine) extendHolds(by int64) {
	var all []string
	m.open.Ascend("", func(id string, _ openRec) bool { all = append(all, id); return true })
	for _, id := range all {
		r, _ := m.open.Get(id)
		r.UntilMS += by
		m.open.Put(id, r)
	}
}

package core

import (
	"meridian/api"
)

// joinOutboxCmd makes a consumer outside the shop known, or forgets it.
type joinOutboxCmd struct {
	Name  string `cbor:"1,keyasint"`
	Now   bool   `cbor:"2,keyasint,omitempty"` // begins behind the newest entry
	Leave bool   `cbor:"3,keyasint,omitempty"`
}

// ownConsumers are the parts of the shop that read the outbox. They are consumers from the beginning,
// before they have a record.
func ownConsumers() []string { return []string{consumerPayments, consumerMail, consumerAnalytics} }

func ownConsumer(name string) bool {
	return name == consumerPayments || name == consumerMail || name == consumerAnalytics
}

func noConsumer(name string) *api.Error {
	return api.NewError(api.CodeNotFound, "There is no consumer %s. PUT /admin/api/v1/outbox/consumers/%s makes one: from then on nothing is dropped before it was read.", name, name)
}

func (m *Machine) applyJoinOutbox(c joinOutboxCmd) (any, int, *api.Error) {
	rec, known := m.consumers.Get(c.Name)
	known = known && rec.Outside
	switch {
	case c.Leave && !known:
		return nil, 0, noConsumer(c.Name)
	case c.Leave:
		m.consumers.Delete(c.Name)
		return api.None{}, 200, nil
	case known:
		return m.consumer(c.Name, rec), 200, nil
	case m.outsideConsumers() >= api.MaxOutboxConsumers:
		return nil, 0, api.NewError(api.CodeConflict, "There are %d consumers already, each of which keeps entries. Remove one that is not used any more.", api.MaxOutboxConsumers)
	}
	rec = consumerRec{Outside: true, Acked: m.oldestOutbox() - 1}
	if c.Now {
		rec.Acked = m.metaNow().OutboxSeq
	}
	m.consumers.Put(c.Name, rec)
	return m.consumer(c.Name, rec), 201, nil
}

func (m *Machine) outsideConsumers() (n int) {
	m.consumers.Ascend("", func(_ string, r consumerRec) bool {
		if r.Outside {
			n++
		}
		return true
	})
	return n
}

// oldestOutbox is the sequence number of the oldest entry that is kept, or of the next one to come.
func (m *Machine) oldestOutbox() uint64 {
	oldest := m.metaNow().OutboxSeq + 1
	m.outbox.Ascend("", func(_ string, e outboxRec) bool { oldest = e.Seq; return false })
	return oldest
}

// consumer renders where a consumer stands; the caller holds the tables' lock.
func (m *Machine) consumer(name string, rec consumerRec) api.OutboxConsumer {
	return api.OutboxConsumer{Name: name, Acked: rec.Acked, Lag: m.metaNow().OutboxSeq - rec.Acked, Own: !rec.Outside}
}

// everyConsumer calls fn for the shop's own consumers and those outside, in a fixed order.
func (m *Machine) everyConsumer(fn func(name string, rec consumerRec)) {
	for _, name := range ownConsumers() {
		rec, _ := m.consumers.Get(name)
		fn(name, rec)
	}
	m.consumers.Ascend("", func(name string, rec consumerRec) bool {
		if rec.Outside {
			fn(name, rec)
		}
		return true
	})
}

// trimOutbox drops entries that every consumer is done with. Beyond maxOutbox the oldest are dropped
// also when somebody has not read them, but for money that is still to be taken.
func (m *Machine) trimOutbox() {
	newest := m.metaNow().OutboxSeq
	done := newest
	m.everyConsumer(func(_ string, rec consumerRec) { done = min(done, rec.Acked) })
	if newest > maxOutbox {
		payments, _ := m.consumers.Get(consumerPayments)
		done = max(done, min(newest-maxOutbox, payments.Acked))
	}
	var gone []string
	m.outbox.Ascend("", func(k string, e outboxRec) bool {
		if e.Seq > done || len(gone) == maxTrimPerTick {
			return false
		}
		gone = append(gone, k)
		return true
	})
	for _, k := range gone {
		m.outbox.Delete(k)
	}
}

// maxTrimPerTick keeps a tick short and still drops faster than orders can come.
const maxTrimPerTick = 10_000

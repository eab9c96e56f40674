package core

import (
	"fmt"
	"strconv"
	"strings"

	"meridian/api"
)

// timelineOf is the timeline in which an order was made: its id says so. The keys that its payments
// have at the provider keep it, whatever is restored later.
func timelineOf(order string) uint32 {
	digits, _, ok := strings.Cut(strings.TrimPrefix(order, "o"), "-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == 0 {
		return 1
	}
	return uint32(n)
}

func timelineKey(n uint32) string { return fmt.Sprintf("%010d", n) }

// present is the record of the timeline the state is in; a shop without backups has none.
func (m *Machine) present() (timelineRec, bool) { return m.timelines.Get(timelineKey(m.timeline())) }

// abandoned lists what restores have left behind, the earliest first: the rest of a timeline that was left,
// and the whole of those in between, of which this state never heard because an older backup was restored.
func (m *Machine) abandoned() (out []api.Abandoned) {
	m.timelines.Ascend("", func(key string, t timelineRec) bool {
		n, err := strconv.ParseUint(key, 10, 32)
		if t.Parent == 0 || err != nil {
			return true
		}
		out = append(out, api.Abandoned{Timeline: t.Parent, AfterSeq: t.ForkSeq})
		for between := t.Parent + 1; between < uint32(n); between++ {
			out = append(out, api.Abandoned{Timeline: between})
		}
		return true
	})
	return out
}

// applyBeginTimeline names the present timeline. The first one to do so counts.
func (m *Machine) applyBeginTimeline(c beginTimelineCmd) (any, int, *api.Error) {
	if _, known := m.timelines.Get(timelineKey(c.Timeline)); known {
		return api.None{}, 200, nil
	}
	r := c.Record
	if r.Parent == 0 {
		r.DoneMS = m.now // nothing to compare
	} else {
		if r.ForkSeq = m.metaNow().OutboxSeq; r.ForkMS == 0 {
			r.ForkMS = m.now
		}
	}
	m.timelines.Put(timelineKey(c.Timeline), r)
	return api.None{}, 200, nil
}

func (m *Machine) applyEndReconcile(c endReconcileCmd) (any, int, *api.Error) {
	r, ok := m.timelines.Get(timelineKey(c.Timeline))
	if ok && r.DoneMS == 0 {
		r.DoneMS, r.Checked = m.now, c.Checked
		m.timelines.Put(timelineKey(c.Timeline), r)
	}
	return api.None{}, 200, nil
}

func differenceKey(timeline uint32, charge string) string {
	return timelineKey(timeline) + " " + charge
}

// applyDifference writes down what did not fit, first as what will be done and then as what was. The
// order changes with the second, once.
func (m *Machine) applyDifference(c differenceCmd) (any, int, *api.Error) {
	key := differenceKey(c.Timeline, c.Record.Key)
	old, known := m.differences.Get(key)
	if known && old.Done {
		return api.None{}, 200, nil
	}
	d := c.Record
	if d.AtMS = m.now; known {
		d.AtMS, d.Found = old.AtMS, old.Found
	}
	if o, ok := m.orders.Get(d.Order); ok && d.Done {
		switch d.Action {
		case actionCancelled:
			m.cancelUnpaid(o)
		case actionRefundNoted:
			m.noteRefund(o, fmt.Sprintf("r-restore-%d", c.Timeline), d.Amount)
		}
	}
	m.differences.Put(key, d)
	return api.None{}, 200, nil
}

// cancelUnpaid ends an order that was paid, and whose money is gone.
func (m *Machine) cancelUnpaid(o orderRec) {
	if o.Reserved || o.Payment.Charge == "" || o.Status == api.OrderCancelled {
		return
	}
	o.Payment.State = payVoided
	m.takeBackAll(&o, "restore: the payment is gone")
	m.setStatus(&o, api.OrderCancelled)
	m.orders.Put(o.ID, o)
	m.open.Delete(o.ID)
	m.emit("order_cancelled", o, 0)
}

// noteRefund writes down money that has gone back already.
func (m *Machine) noteRefund(o orderRec, id string, amount int64) {
	o.Payment.Refunds = append(append([]refundRec(nil), o.Payment.Refunds...), refundRec{ID: id, Amount: amount, Done: true})
	var done int64
	for _, r := range o.Payment.Refunds {
		if r.Done {
			done += r.Amount
		}
	}
	status := api.OrderPartiallyRefunded
	if done >= o.Total {
		o.Payment.State, status = payRefunded, api.OrderRefunded
	}
	if o.Status != api.OrderCancelled {
		m.setStatus(&o, status)
	}
	m.orders.Put(o.ID, o)
	m.emit("order_refunded", o, amount)
}

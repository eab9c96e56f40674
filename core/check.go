package core

import (
	"fmt"
	"strings"

	"meridian/api"
)

// Report is what Check found: counts, and every broken invariant in a sentence.
type Report struct {
	Index    uint64
	Hash     uint64
	Products int
	SKUs     int
	Orders   int
	Open     int
	// Uncounted: rows cannot be read, and only index and hash are known.
	Uncounted bool
	Problems  []string
}

// Check reads the whole state and verifies what must always hold: the hash and the file, stock =
// ledger for every SKU and location, reservations = what open orders hold, sold = what orders took.
func (m *Machine) Check() (Report, error) {
	var r Report
	if err := m.db.Verify(); err != nil {
		// Rows that cannot be read cannot be compared either.
		m.db.View(func() { r.Index, _ = m.db.Applied(); r.Hash, r.Products = m.db.Hash(), m.products.Len() })
		r.Uncounted, r.Problems = true, append(r.Problems, err.Error())
		return r, nil
	}
	m.db.View(func() { m.check(&r) })
	return r, nil
}

func (m *Machine) check(r *Report) {
	bad := func(format string, args ...any) {
		if len(r.Problems) < 1000 {
			r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
		}
	}
	r.Index, _ = m.db.Applied()
	r.Hash = m.db.Hash()
	r.Products = m.products.Len()
	ledger := map[string]int64{}
	m.movements.Ascend("", func(_ string, v movementRec) bool { ledger[stockKey(v.SKU, v.Location)] += v.Delta; return true })
	m.stockLog.Ascend("", func(key string, row stockLogRec) bool {
		err := row.each(stockLogIndex(key), func(_ int, a *adjustRecord) bool {
			if a.outcome == adjustDone {
				ledger[stockKey(string(a.sku), a.place())] += a.delta
			}
			return true
		})
		if err != nil {
			bad("stock log at %d: %v", stockLogIndex(key), err)
		}
		return true
	})
	reserved, sold, taken := map[string]int64{}, map[string]int64{}, map[string]int64{}
	numbers := map[uint64]string{}
	m.orders.Ascend("", func(id string, o orderRec) bool {
		r.Orders++
		if other, dup := numbers[o.Number]; dup {
			bad("orders %s and %s have the same number %d", other, id, o.Number)
		}
		numbers[o.Number] = id
		m.checkOrder(o, reserved, bad)
		return true
	})
	m.movements.Ascend("", func(_ string, v movementRec) bool {
		if v.Order != "" {
			sold[stockKey(v.SKU, v.Location)] -= v.Delta
			taken[v.Order] -= v.Delta
		}
		return true
	})
	m.orders.Ascend("", func(id string, o orderRec) bool {
		if want := o.taken(); taken[id] != want {
			bad("order %s is %s and took %d units by the ledger, %d by its lines", id, o.Status, taken[id], want)
		}
		return true
	})
	m.stock.Ascend("", func(k string, s stockRec) bool {
		r.SKUs++
		name := strings.ReplaceAll(k, "\x00", " at ")
		if s.OnHand < 0 || s.Reserved < 0 || s.Reserved > s.OnHand {
			bad("stock of %s is impossible: on hand %d, reserved %d", name, s.OnHand, s.Reserved)
		}
		if s.OnHand != s.Received-s.Sold {
			bad("stock of %s: on hand %d is not received %d less sold %d", name, s.OnHand, s.Received, s.Sold)
		}
		if ledger[k] != s.OnHand {
			bad("stock of %s: on hand %d, the ledger says %d", name, s.OnHand, ledger[k])
		}
		if reserved[k] != s.Reserved {
			bad("stock of %s: reserved %d, open orders hold %d", name, s.Reserved, reserved[k])
		}
		if sold[k] != s.Sold {
			bad("stock of %s: sold %d, the orders took %d", name, s.Sold, sold[k])
		}
		return true
	})
	m.rooms.Ascend("", func(id string, w roomRec) bool {
		if w.Over > w.Admitted || w.Admitted > w.Arrived || w.Credit < 0 {
			bad("waiting room %s is impossible: %d came, %d were let in, %d are over", id, w.Arrived, w.Admitted, w.Over)
		}
		return true
	})
	m.checkErasures(bad)
	m.open.Ascend("", func(id string, _ openRec) bool {
		r.Open++
		if _, ok := m.orders.Get(id); !ok {
			bad("order %s is open and does not exist", id)
		}
		return true
	})
}

// taken is how many units an order has taken off the shelf for good.
func (o orderRec) taken() (n int64) {
	if o.Payment.Charge == "" || o.Restocked || o.Status == api.OrderCancelled {
		return 0
	}
	for _, l := range o.Lines {
		n += l.Quantity - l.Returned
	}
	return n
}

func (m *Machine) checkOrder(o orderRec, reserved map[string]int64, bad func(string, ...any)) {
	var subtotal int64
	for _, l := range o.Lines {
		subtotal += l.Unit * l.Quantity
		var allocated int64
		for _, a := range l.Allocation {
			allocated += a.Quantity
			if o.Reserved {
				reserved[stockKey(l.SKU, a.Location)] += a.Quantity
			}
		}
		if allocated != l.Quantity {
			bad("order %s: %d of %s, %d allocated", o.ID, l.Quantity, l.SKU, allocated)
		}
	}
	if subtotal != o.Subtotal || o.Total != o.Subtotal-o.Discount+o.Shipping {
		bad("order %s: the lines sum to %d, subtotal %d, total %d", o.ID, subtotal, o.Subtotal, o.Total)
	}
	if _, open := m.open.Get(o.ID); o.Reserved && !open {
		bad("order %s holds stock and nobody will come back to it", o.ID)
	}
	if o.Reserved && o.Status != api.OrderPendingPayment {
		bad("order %s is %s and holds stock", o.ID, o.Status)
	}
}

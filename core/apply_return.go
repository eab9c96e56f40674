package core

import (
	"fmt"
	"slices"

	"meridian/api"
)

// takeBack puts units of an order back on the shelves that they came from, the last one first; units
// holds a number for each of its lines. What was not sent yet comes back before what was.
func (m *Machine) takeBack(o *orderRec, units []int64, reason string) {
	o.Lines = slices.Clone(o.Lines)
	o.Restocked = true
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Allocation = slices.Clone(l.Allocation)
		l.Returned += units[i]
		o.Restocked = o.Restocked && l.Returned == l.Quantity
		left := units[i]
		for j := len(l.Allocation) - 1; j >= 0 && left > 0; j-- {
			a := &l.Allocation[j]
			n := min(left, a.Quantity-a.Returned)
			if n == 0 {
				continue
			}
			a.Returned += n
			left -= n
			s, _ := m.stock.Get(stockKey(l.SKU, a.Location))
			s.OnHand += n
			s.Sold -= n
			m.setStock(l.SKU, a.Location, s)
			m.move(l.SKU, a.Location, n, reason, o.ID)
		}
	}
}

// takeBackAll puts back what of an order has not come back yet: a refund and a cancellation may both
// ask for it.
func (m *Machine) takeBackAll(o *orderRec, reason string) {
	if o.Restocked {
		return
	}
	units := make([]int64, len(o.Lines))
	for i, l := range o.Lines {
		units[i] = l.Quantity - l.Returned
	}
	m.takeBack(o, units, reason)
}

// unitsOf turns stated lines into units for each line of the order, and says what they cost.
func (o orderRec) unitsOf(lines []cartLineRec) (units []int64, value int64, refusal *api.Error) {
	units = make([]int64, len(o.Lines))
	for i, want := range lines {
		j := slices.IndexFunc(o.Lines, func(l orderLineRec) bool { return l.SKU == want.SKU })
		if j < 0 || o.Restocked || want.Quantity < 1 || want.Quantity > o.Lines[j].Quantity-o.Lines[j].Returned-units[j] {
			return nil, 0, api.Invalid(fmt.Sprintf("lines.%d", i), "That many of %s cannot come back from this order.", want.SKU)
		}
		units[j] += want.Quantity
		value += want.Quantity * o.Lines[j].Unit
	}
	return units, value, nil
}

// toSend is how many units of a line are still to leave the house.
func (l orderLineRec) toSend() int64 { return max(0, l.Quantity-l.Fulfilled-l.Returned) }

// staffAnswer is an order as it is kept under the key of what staff did with it: without the buyer's
// name and address, which never lie open in the state.
func (m *Machine) staffAnswer(o orderRec) api.StaffOrder {
	return api.StaffOrder{Order: m.order(o, true), ShippingMethod: o.Method, Payment: m.payment(o)}
}

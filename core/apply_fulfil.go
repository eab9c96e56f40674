package core

import (
	"fmt"
	"slices"

	"meridian/api"
)

func noOrder() *api.Error { return api.NewError(api.CodeNotFound, "There is no such order.") }

// applyFulfil records that lines, or all that remain, have left the house.
func (m *Machine) applyFulfil(c fulfilCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if !ok {
		return nil, 0, noOrder()
	}
	if o.Status != api.OrderPaid && o.Status != api.OrderPartiallyFulfilled && o.Status != api.OrderPartiallyRefunded {
		return nil, 0, api.NewError(api.CodeConflict, "An order that is %s cannot be fulfilled.", o.Status)
	}
	if o.Restocked || !waits(o) {
		return nil, 0, api.NewError(api.CodeConflict, "Nothing of this order is waiting to be sent.")
	}
	lines := append([]orderLineRec(nil), o.Lines...)
	if len(c.Lines) == 0 {
		for i := range lines {
			lines[i].Fulfilled += lines[i].toSend()
		}
	}
	for i, want := range c.Lines {
		j := -1
		for k := range lines {
			if lines[k].SKU == want.SKU {
				j = k
			}
		}
		if j < 0 || want.Quantity < 1 || want.Quantity > lines[j].toSend() {
			return nil, 0, api.Invalid(fmt.Sprintf("lines.%d", i), "That many of %s are not waiting in this order.", want.SKU)
		}
		lines[j].Fulfilled += want.Quantity
	}
	status := api.OrderFulfilled
	for _, l := range lines {
		if l.toSend() > 0 {
			status = api.OrderPartiallyFulfilled
		}
	}
	o.Lines = lines
	m.setStatus(&o, status)
	m.orders.Put(o.ID, o)
	return m.staffAnswer(o), 200, nil
}

// waits says whether anything of an order is still to be sent; left whether anything has been.
func waits(o orderRec) bool {
	return slices.ContainsFunc(o.Lines, func(l orderLineRec) bool { return l.toSend() > 0 })
}

func left(o orderRec) bool {
	return slices.ContainsFunc(o.Lines, func(l orderLineRec) bool { return l.Fulfilled > 0 })
}

// refundable is what of an order's money has not been promised back.
func refundable(o orderRec) int64 {
	if o.Payment.State != payAuthorized && o.Payment.State != payCaptured {
		return 0
	}
	n := o.Total
	for _, r := range o.Payment.Refunds {
		n -= r.Amount
	}
	return n
}

// applyCancel ends an order that has not left the house: stock goes back, and the money is on its way back.
func (m *Machine) applyCancel(c cancelCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if !ok {
		return nil, 0, noOrder()
	}
	switch {
	case o.Reserved:
		return nil, 0, api.NewError(api.CodeConflict, "The payment of this order is under way. Cancel it when its outcome is known.")
	case o.Status == api.OrderPendingPayment:
		m.closeUnpaid(o)
		return m.staffAnswer(o), 200, nil
	case o.Status != api.OrderPaid && o.Status != api.OrderPartiallyRefunded:
		return nil, 0, api.NewError(api.CodeConflict, "An order that is %s cannot be cancelled.", o.Status)
	case left(o):
		return nil, 0, api.NewError(api.CodeConflict, "A part of this order has been sent. Refund what comes back instead.")
	}
	m.takeBackAll(&o, "cancellation")
	if n := refundable(o); n > 0 {
		m.addRefund(&o, refundRec{ID: c.Refund, Amount: n})
	}
	m.setStatus(&o, api.OrderCancelled)
	m.orders.Put(o.ID, o)
	m.emit("order_cancelled", o, 0)
	return m.staffAnswer(o), 200, nil
}

func (m *Machine) addRefund(o *orderRec, r refundRec) {
	o.Payment.Refunds = append(append([]refundRec(nil), o.Payment.Refunds...), r)
	m.open.Put(o.ID, openRec{Kind: openRefund, UntilMS: m.now, SinceMS: m.now})
}

func (m *Machine) applyBeginRefund(c beginRefundCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if !ok {
		return nil, 0, noOrder()
	}
	rest := refundable(o)
	amount := c.Amount
	if c.All {
		amount = rest
	}
	units, value, refusal := o.unitsOf(c.Lines)
	if refusal != nil && rest > 0 {
		return nil, 0, refusal
	}
	if amount == 0 {
		amount = value
	}
	if rest == 0 {
		return nil, 0, api.NewError(api.CodeConflict, "Nothing of this order is left to refund.")
	}
	if amount < 1 || amount > rest {
		return nil, 0, api.Invalid("amount", "Between 1 and %d can be refunded.", rest)
	}
	switch {
	case len(c.Lines) > 0:
		m.takeBack(&o, units, "refund")
	case c.Restock && amount < rest:
		return nil, 0, api.Invalid("lines", "Say what comes back with a part of the money: lines with a SKU and a quantity.")
	case c.Restock:
		m.takeBackAll(&o, "refund")
	}
	m.addRefund(&o, refundRec{ID: c.Refund, Amount: amount, Restock: c.Restock})
	m.orders.Put(o.ID, o)
	return m.staffAnswer(o), 200, nil
}

// applyFinishRefund records that the provider has given money back.
func (m *Machine) applyFinishRefund(c finishRefundCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if !ok {
		return nil, 0, noOrder()
	}
	refunds := append([]refundRec(nil), o.Payment.Refunds...)
	var amount, done int64
	waiting := false
	for i := range refunds {
		if refunds[i].ID == c.Refund && !refunds[i].Done {
			refunds[i].Done = true
			amount = refunds[i].Amount
		}
		if refunds[i].Done {
			done += refunds[i].Amount
		} else {
			waiting = true
		}
	}
	if amount == 0 {
		return m.staffAnswer(o), 200, nil
	}
	o.Payment.Refunds = refunds
	if !waiting {
		m.open.Delete(o.ID)
	}
	if done == o.Total {
		o.Payment.State = payRefunded
	}
	if o.Status != api.OrderCancelled {
		status := api.OrderPartiallyRefunded
		if done == o.Total {
			status = api.OrderRefunded
		}
		m.setStatus(&o, status)
	}
	m.orders.Put(o.ID, o)
	m.emit("order_refunded", o, amount)
	if c.Key != "" { // the request that asked for it answers with its outcome, also when it is repeated
		r := m.remember(keying{c.Scope, c.Key, c.BodyHash}, m.staffAnswer(o), 200, nil)
		return r.value, r.status, r.err
	}
	return m.staffAnswer(o), 200, nil
}

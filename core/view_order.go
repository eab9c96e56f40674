package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"meridian/api"
)

func rfc(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// orderNumber is what people call an order. Counting goes on from the backup after a restore, so that later
// timelines are part of it: the number of an order that was lost stands in somebody's mailbox.
func orderNumber(o orderRec) string {
	if t := timelineOf(o.ID); t > 1 {
		return fmt.Sprintf("M-%d-%d", t, o.Number)
	}
	return fmt.Sprintf("M-%d", o.Number)
}

// countOf reads what orderNumber makes.
func countOf(number string) (n uint64, ok bool) {
	rest, ok := strings.CutPrefix(number, "M-")
	n, err := strconv.ParseUint(rest[strings.LastIndexByte(rest, '-')+1:], 10, 64)
	return n, ok && err == nil && n > 0
}

// order renders an order for its buyer.
func (m *Machine) order(o orderRec, withKey bool) api.Order {
	money := func(n int64) api.Money { return api.Money{Amount: n, Currency: o.Currency} }
	v := api.Order{
		ID: o.ID, Number: orderNumber(o), Status: o.Status, Lines: []api.OrderLine{}, PlacedAt: rfc(o.PlacedMS), Events: []api.OrderEvent{},
		Totals: totals{o.Subtotal, o.Discount, o.Shipping, o.Tax, o.Total}.view(o.Currency),
	}
	for _, l := range o.Lines {
		v.Lines = append(v.Lines, api.OrderLine{SKU: l.SKU, Handle: l.Handle, Title: l.Title, Quantity: l.Quantity,
			UnitPrice: money(l.Unit), LineTotal: money(l.Unit * l.Quantity), Image: m.assetImage(l.Asset, l.Title)})
	}
	for _, e := range o.Events {
		v.Events = append(v.Events, api.OrderEvent{At: rfc(e.AtMS), Status: e.Status})
	}
	if withKey {
		v.Key = o.Key
	}
	return v
}

func (m *Machine) payment(o orderRec) api.OrderPayment {
	state := o.Payment.State
	if state == payVoiding {
		state = payInFlight
	}
	p := api.OrderPayment{Provider: o.Payment.Provider, State: state, Charge: o.Payment.Charge, Refunded: api.Money{Currency: o.Currency}}
	if p.State == "" {
		p.State = payNone
	}
	for _, r := range o.Payment.Refunds {
		if r.Done {
			p.Refunded.Amount += r.Amount
		}
	}
	return p
}

package edge

import (
	"context"
	"slices"

	"meridian/api"
	"meridian/web"
)

func (s *Shop) orderPage(ctx context.Context, r *Request) (*Answer, error) {
	q, err := orderQuery(r)
	if err != nil {
		return nil, err
	}
	t := s.private(r)
	order, err := ask(ctx, t, api.OrdersGet, q)
	if err != nil {
		return nil, err
	}
	v := orderView(&order)
	v.Fresh = r.Jar.Orders[order.ID] != "" && r.Jar.Flash != ""
	var bought []string
	for i := range order.Lines {
		bought = append(bought, order.Lines[i].Handle)
	}
	also, err := s.adviseVisit(ctx, r, bought)
	if err == nil {
		v.Also = also.cards()
	}
	a := t.answer()
	v.Layout = s.privateLayout(ctx, r, a, "Order "+order.Number)
	also.on(&v.Layout)
	if v.Fresh {
		v.Flash = "" // the page itself says thank you
	}
	return page(a, 200, v)
}

func orderView(o *api.Order) web.Order {
	v := web.Order{Number: o.Number, Status: o.Status, StatusLabel: statusLabel(o.Status), PlacedAt: moment(o.PlacedAt), Steps: steps(o),
		Subtotal: money(o.Totals.Subtotal), Shipping: shippingPrice(o.Totals.Shipping), Tax: money(o.Totals.Tax), Total: money(o.Totals.Total)}
	for i := range o.Lines {
		v.Lines = append(v.Lines, orderLineView(&o.Lines[i]))
	}
	return v
}

// steps is the order's history, and what is still to come on the straight way.
func steps(o *api.Order) []web.Step {
	var list []web.Step
	seen := map[string]bool{}
	for _, e := range o.Events {
		bad := slices.Contains([]string{api.OrderCancelled, api.OrderRefunded, api.OrderPartiallyRefunded}, e.Status)
		list = append(list, web.Step{Label: statusLabel(e.Status), At: moment(e.At), Done: true, Bad: bad})
		seen[e.Status] = true
	}
	if o.Status == api.OrderPendingPayment || o.Status == api.OrderPaid || o.Status == api.OrderPartiallyFulfilled {
		for _, ahead := range []string{api.OrderPaid, api.OrderFulfilled} {
			if !seen[ahead] {
				list = append(list, web.Step{Label: statusLabel(ahead)})
			}
		}
	}
	return list
}

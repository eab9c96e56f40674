package edge

import (
	"bytes"
	"context"
	"encoding/json"

	"meridian/api"
)

// The bodies of what staff do with an order. All may be left out.
type (
	cancelBody struct {
		Reason string `json:"reason,omitempty"`
	}
	fulfilBody struct {
		Tracking string             `json:"tracking,omitempty"`
		Lines    []api.LineQuantity `json:"lines,omitempty"`
	}
	refundBody struct {
		Amount  *int64             `json:"amount,omitempty"`
		Restock bool               `json:"restock,omitempty"`
		Lines   []api.LineQuantity `json:"lines,omitempty"`
		Reason  string             `json:"reason,omitempty"`
	}
	// refundMoneyBody is a refundBody whose amount says its currency, which must be the order's.
	refundMoneyBody struct {
		Amount  *api.Money         `json:"amount,omitempty"`
		Restock bool               `json:"restock,omitempty"`
		Lines   []api.LineQuantity `json:"lines,omitempty"`
		Reason  string             `json:"reason,omitempty"`
	}
)

// orderStatuses are what a list of orders may be narrowed to.
var orderStatuses = []string{"", api.OrderPendingPayment, api.OrderPaid, api.OrderPartiallyFulfilled, api.OrderFulfilled,
	api.OrderCancelled, api.OrderPartiallyRefunded, api.OrderRefunded}

func (s *Shop) staffOrderOperations() []operation {
	const orders = "/admin/api/v1/orders"
	return []operation{
		{Route: Route{Method: "GET", Pattern: orders, Class: Staff, Query: []string{"after", "limit", "status"}, Handler: s.staffOrders},
			ID: "staffListOrders", Summary: "Orders, newest first", Result: api.List[api.StaffOrder]{}},
		{Route: Route{Method: "GET", Pattern: orders + "/{id}", Class: Staff, Handler: s.staffOrder},
			ID: "staffGetOrder", Summary: "One order with its buyer and payment", Result: api.StaffOrder{}},
		{Route: Route{Method: "POST", Pattern: orders + "/{id}/cancel", Class: Staff, MaxBody: staffBodyMax, NeedKey: true, Timeout: payTimeout, Handler: s.cancelOrder},
			ID: "cancelOrder", Summary: "Cancel an order, void or refund its payment and put its stock back", Body: cancelBody{}, Result: api.StaffOrder{}, Refusals: []api.Code{api.CodeConflict}},
		{Route: Route{Method: "POST", Pattern: orders + "/{id}/fulfil", Class: Staff, MaxBody: staffBodyMax, Handler: s.fulfilOrder},
			ID: "fulfilOrder", Summary: "Mark lines as sent; without lines all that remain", Body: fulfilBody{}, Result: api.StaffOrder{}, Refusals: []api.Code{api.CodeConflict}},
		{Route: Route{Method: "POST", Pattern: orders + "/{id}/refund", Class: Staff, MaxBody: staffBodyMax, NeedKey: true, Timeout: payTimeout, Handler: s.refundOrder},
			ID: "refundOrder", Summary: "Refund an amount, in minor units or as money, what lines cost, or all that remains; with restock the lines, or all of the order, go back to the shelf", Body: refundBody{}, Result: api.StaffOrder{}, Refusals: []api.Code{api.CodeConflict}},
	}
}

func (s *Shop) staffOrders(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := api.OrdersQuery{Page: p.page(), Status: p.choice("status", orderStatuses)}
	if err := p.err(); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OrdersList, q)
}

func (s *Shop) staffOrder(ctx context.Context, r *Request) (*Answer, error) {
	id, err := idParam(r)
	if err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OrdersStaff, api.OrderQuery{ID: id})
}

func (s *Shop) cancelOrder(ctx context.Context, r *Request) (*Answer, error) {
	var body cancelBody
	id, err := orderBody(r, &body)
	if err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OrdersCancel, api.OrderAction{ID: id, Reason: body.Reason})
}

func (s *Shop) fulfilOrder(ctx context.Context, r *Request) (*Answer, error) {
	var body fulfilBody
	id, err := orderBody(r, &body)
	if err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OrdersFulfil, api.OrderAction{ID: id, Tracking: body.Tracking, Lines: body.Lines})
}

func (s *Shop) refundOrder(ctx context.Context, r *Request) (*Answer, error) {
	var body refundBody
	id, err := s.refundBody(ctx, r, &body)
	if err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OrdersRefund, api.RefundRequest{ID: id, Amount: body.Amount, Restock: body.Restock, Lines: body.Lines, Reason: body.Reason})
}

// orderBody reads the order's id and the body, which may be left out.
func orderBody(r *Request, body any) (string, error) {
	id, err := idParam(r)
	if err != nil {
		return "", err
	}
	return id, decodeOptional(r.Body, body)
}

// refundBody reads the order's id and the body of a refund. An amount that says its currency is held
// against the order first.
func (s *Shop) refundBody(ctx context.Context, r *Request, body *refundBody) (string, error) {
	var form struct {
		Amount json.RawMessage `json:"amount"`
	}
	if json.Unmarshal(r.Body, &form) != nil || !bytes.HasPrefix(form.Amount, []byte{'{'}) {
		return orderBody(r, body)
	}
	var money refundMoneyBody
	id, err := orderBody(r, &money)
	if err != nil {
		return "", err
	}
	o, err := ask(ctx, s.staff(r), api.OrdersStaff, api.OrderQuery{ID: id})
	if err != nil {
		return "", err
	}
	if want := o.Totals.Total.Currency; money.Amount.Currency != want {
		return "", api.Invalid("amount.currency", "must be %s, the currency of the order", want)
	}
	*body = refundBody{Amount: &money.Amount.Amount, Restock: money.Restock, Lines: money.Lines, Reason: money.Reason}
	return id, nil
}

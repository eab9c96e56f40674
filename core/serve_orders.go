package core

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"

	"meridian/api"
)

func (s *Service) ordersGet(c *call, q api.OrderQuery) (api.Order, error) {
	o, ok := s.m.orders.Get(q.ID)
	byKey := q.Key != "" && subtle.ConstantTimeCompare([]byte(q.Key), []byte(o.Key)) == 1
	owner := c.customer != "" && o.Customer == c.customer
	if !ok || !(byKey || owner || c.staff.Email != "") {
		return api.Order{}, api.NewError(api.CodeNotFound, "There is no such order for you. Open the link in your confirmation mail, or sign in with the account it was placed with.")
	}
	return s.m.order(o, byKey || owner), nil
}

// staffOrder renders an order for staff, with what is sealed in it.
func (s *Service) staffOrder(o orderRec) api.StaffOrder {
	v := api.StaffOrder{Order: s.m.order(o, true), ShippingMethod: o.Method, Payment: s.m.payment(o)}
	if contact, ok := s.contact(o); ok {
		v.Email, v.ShippingAddress = contact.Email, contact.Address
	}
	return v
}

// contact opens the sealed contact of an order; false when the person was erased.
func (s *Service) contact(o orderRec) (contactData, bool) {
	var d contactData
	return d, s.unseal(o.Person, purposeContact, o.Contact, &d)
}

func (s *Service) unseal(person, purpose string, sealed []byte, into any) bool {
	p, ok := s.m.persons.Get(person)
	if !ok || len(sealed) == 0 {
		return false
	}
	plain, err := s.cfg.Keyring.Open(p.Wrapped, purpose, sealed)
	if err == nil {
		err = json.Unmarshal(plain, into)
	}
	if err != nil {
		s.slog.Error("open sealed data", "person", person, "purpose", purpose, "error", err)
	}
	return err == nil
}

var orderStatuses = map[string]bool{"": true, api.OrderPendingPayment: true, api.OrderPaid: true, api.OrderPartiallyFulfilled: true, api.OrderFulfilled: true,
	api.OrderCancelled: true, api.OrderPartiallyRefunded: true, api.OrderRefunded: true}

func (s *Service) ordersList(c *call, q api.OrdersQuery) (api.List[api.StaffOrder], error) {
	out := api.List[api.StaffOrder]{Items: []api.StaffOrder{}}
	if err := need(c, roleMerchandiser); err != nil {
		return out, err
	}
	if !orderStatuses[q.Status] {
		return out, api.Invalid("status", "There is no status %q.", truncate(q.Status, 40))
	}
	limit, refusal := limitOf(q.Page)
	if refusal != nil {
		return out, refusal
	}
	from := ""
	if q.After != "" {
		n, ok := countOf(q.After)
		if !ok {
			return out, badCursor()
		}
		from = fmt.Sprintf("%016d", n-1)
	}
	s.m.orderSeq.Descend(from, func(_, id string) bool {
		o, ok := s.m.orders.Get(id)
		if !ok || (q.Status != "" && o.Status != q.Status) {
			return true
		}
		if len(out.Items) == limit {
			next := out.Items[limit-1].Number
			out.Next = &next
			return false
		}
		out.Items = append(out.Items, s.staffOrder(o))
		return true
	})
	return out, nil
}

func (s *Service) ordersStaff(c *call, q api.OrderQuery) (api.StaffOrder, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return api.StaffOrder{}, err
	}
	o, ok := s.m.orders.Get(q.ID)
	if !ok {
		return api.StaffOrder{}, noOrder()
	}
	return s.staffOrder(o), nil
}

// orderReply completes the answer of a command about an order, the first or a stored one, with what is
// sealed in the order.
func (s *Service) orderReply(r reply, err error) (reply, error) {
	if err != nil || r.status >= 400 {
		return r, err
	}
	v, err := as[api.StaffOrder](r)
	if err != nil {
		return r, err
	}
	s.m.db.View(func() {
		o, _ := s.m.orders.Get(v.ID)
		if contact, ok := s.contact(o); ok {
			v.Email, v.ShippingAddress = contact.Email, contact.Address
		}
	})
	r.value, r.raw = v, nil
	return r, nil
}

// giveMoneyBack does what a command has decided about an order's money, and answers with what came of it.
func (s *Service) giveMoneyBack(ctx context.Context, id string, k keying, r reply, err error) (reply, error) {
	if err != nil || r.replay {
		return s.orderReply(r, err)
	}
	s.refundOpen(ctx, id, k)
	if first, err, known := s.stored(k); known && k.Key != "" {
		first.replay, first.index = false, s.m.Index()
		return s.orderReply(first, err)
	}
	r.index = s.m.View(func() {
		o, _ := s.m.orders.Get(id)
		r.value, r.raw = s.m.staffAnswer(o), nil
	})
	return s.orderReply(r, nil)
}

func (s *Service) ordersFulfil(ctx context.Context, c *call, req api.OrderAction) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	cmd := fulfilCmd{Order: req.ID, Tracking: req.Tracking}
	for _, l := range req.Lines {
		cmd.Lines = append(cmd.Lines, cartLineRec(l))
	}
	var f fields
	f.text("tracking", req.Tracking, 200, false)
	if len(req.Lines) > api.MaxCartLines {
		f.add("lines", "At most %d lines.", api.MaxCartLines)
	}
	k := s.key(c, c.scope(), req)
	if len(f) > 0 {
		return s.storeRefusal(ctx, k, api.InvalidFields(f))
	}
	return s.orderReply(s.propose(ctx, cmdFulfil, k, cmd))
}

func (s *Service) ordersCancel(ctx context.Context, c *call, req api.OrderAction) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	if err := s.reconciling(); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	r, err := s.propose(ctx, cmdCancel, k, cancelCmd{Order: req.ID, Refund: "r-" + newID(8), Reason: truncate(req.Reason, 200)})
	return s.giveMoneyBack(ctx, req.ID, k, r, err)
}

func (s *Service) ordersRefund(ctx context.Context, c *call, req api.RefundRequest) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	cmd := beginRefundCmd{Order: req.ID, Refund: "r-" + newID(8), All: req.Amount == nil && len(req.Lines) == 0, Restock: req.Restock}
	if req.Amount != nil {
		cmd.Amount = *req.Amount
	}
	for _, l := range req.Lines {
		cmd.Lines = append(cmd.Lines, cartLineRec(l))
	}
	var refusal *api.Error
	switch {
	case req.Amount != nil && *req.Amount < 1:
		refusal = api.Invalid("amount", "Give an amount above 0, or none to refund all that remains.")
	case len(req.Lines) > api.MaxCartLines:
		refusal = api.Invalid("lines", "At most %d lines.", api.MaxCartLines)
	case len(req.Lines) > 0 && !req.Restock:
		refusal = api.Invalid("lines", "Lines say what goes back to the shelf: set restock to true, or leave them out.")
	}
	if refusal != nil {
		return s.storeRefusal(ctx, k, refusal)
	}
	if err := s.reconciling(); err != nil {
		return reply{}, err
	}
	r, err := s.propose(ctx, cmdBeginRefund, k, cmd)
	return s.giveMoneyBack(ctx, req.ID, k, r, err)
}

// refundOpen gives back what an order still owes. What fails now is repeated by the worker. k is the key of
// the request that waits for it, if one does.
func (s *Service) refundOpen(ctx context.Context, id string, k keying) {
	var o orderRec
	s.m.db.View(func() { o, _ = s.m.orders.Get(id) })
	key := payKey(o.ID, o.Payment.Attempt)
	state, err := o.Payment.State, error(nil)
	if state == payAuthorized {
		if state, err = s.capture(ctx, o, key); err != nil {
			s.slog.Warn("capture before a refund; it will be repeated", "order", id, "error", err)
			return
		}
	}
	for _, r := range o.Payment.Refunds {
		if r.Done {
			continue
		}
		if state != payVoided { // of money that was never taken, nothing has to go back
			_, err = s.cfg.Payments.Refund(ctx, key, refundKey(o.ID, r.ID), r.Amount)
		}
		if err != nil {
			s.slog.Warn("refund; it will be repeated", "order", id, "refund", r.ID, "error", err)
			return
		}
		if _, err := s.propose(ctx, cmdFinishRefund, keying{}, finishRefundCmd{Order: id, Refund: r.ID, Scope: k.Scope, Key: k.Key, BodyHash: k.BodyHash}); err != nil {
			s.slog.Warn("record a refund; it will be repeated", "order", id, "refund", r.ID, "error", err)
			return
		}
	}
}

// capture takes the authorized money of an order, writes that down, and answers with the state its
// payment has then.
func (s *Service) capture(ctx context.Context, o orderRec, key string) (string, error) {
	to, err := s.askCapture(ctx, o, key)
	if err != nil {
		return "", err
	}
	_, err = s.propose(ctx, cmdPaymentState, keying{}, paymentStateCmd{Order: o.ID, From: payAuthorized, To: to})
	return to, err
}

// askCapture asks the provider for the authorized money of an order. An authorization that the provider
// let lapse is voided, and asking again would not help.
func (s *Service) askCapture(ctx context.Context, o orderRec, key string) (string, error) {
	p, err := s.cfg.Payments.Capture(ctx, key)
	if err != nil {
		return "", err
	}
	switch p.State {
	case PaymentCaptured, PaymentRefunded:
		return payCaptured, nil
	case PaymentVoided, PaymentDeclined:
		s.slog.Error("the payment of a paid order could not be taken: its authorization is gone", "order", o.ID, "state", string(p.State))
		return payVoided, nil
	}
	return "", fmt.Errorf("the provider answered %q to the capture of %s", p.State, o.ID)
}

package workload

import (
	"context"
	"fmt"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/internal/history"
)

// buy makes a cart with some of a SKU and checks it out.
func (l *Load) buy(ctx context.Context, v visitor, sku string, quantity int64, token, key string) {
	cart, ok := l.cart(ctx, v, sku, quantity, key)
	if !ok {
		return
	}
	d := &deed{
		name: fmt.Sprintf("checkout of %d %s, cart %s, key %s", quantity, sku, cart, key),
		op:   history.Op{Client: v.n, Object: sku, Action: history.Sell, Arg: quantity, Key: key},
	}
	d.do = func(ctx context.Context) (any, error) {
		o, _, err := coreclient.Do(ctx, v.edge, api.CheckoutCart, api.CheckoutRequest{Cart: cart, Checkout: api.Checkout{
			Email:           "buyer@example.com",
			ShippingAddress: api.Address{Name: "A Buyer", Line1: "1 Queue Street", City: "Hamburg", PostalCode: "20457", Country: "DE"},
			ShippingMethod:  "standard", Payment: api.PaymentMethod{Provider: "sandbox", Token: token}}}, api.Call{Key: key})
		return o, err
	}
	d.record = func(op history.Op, answer any) {
		l.cfg.Recorder.Add(op)
		o, ok := answer.(api.Order)
		if !ok || op.Outcome != history.Done {
			return
		}
		if o.Status != api.OrderPaid || len(o.Lines) != 1 || o.Lines[0].SKU != sku || o.Lines[0].Quantity != quantity {
			l.problem("%s was answered with %s of %+v", d.name, o.Status, o.Lines)
		}
		place := op
		place.Object, place.Action, place.Arg = o.ID, history.Place, 0
		l.cfg.Recorder.Add(place)
		l.mu.Lock()
		l.orders = append(l.orders, placed{o.ID, o.Key})
		l.mu.Unlock()
	}
	l.act(ctx, d)
}

// cart makes a cart with one line. Carts are not checked by themselves: what is ordered is.
func (l *Load) cart(ctx context.Context, v visitor, sku string, quantity int64, key string) (string, bool) {
	var id string
	made := l.insist(ctx, func(ctx context.Context) error {
		c, _, err := coreclient.Do(ctx, v.edge, api.CartsCreate, api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}, api.Call{Key: key + "-cart"})
		id = c.ID
		return err
	}) && l.insist(ctx, func(ctx context.Context) error {
		c, _, err := coreclient.Do(ctx, v.edge, api.CartsPutLine, api.PutLine{Cart: id, SKU: sku, Quantity: quantity}, api.Call{Key: key + "-line"})
		if err == nil && (len(c.Lines) != 1 || c.Lines[0].SKU != sku || c.Lines[0].Quantity != quantity) {
			l.problem("cart %s with %d of %s shows %+v", c.ID, quantity, sku, c.Lines)
		}
		return err
	})
	return id, made
}

// insist repeats f until it is answered or ctx ends. Anything but a success is a problem.
func (l *Load) insist(ctx context.Context, f func(context.Context) error) bool {
	for {
		err := f(context.WithoutCancel(ctx))
		if ending(err) == answered {
			if err != nil {
				l.problem("a cart was refused: %v", err)
			}
			return err == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// some is one of the orders that were acknowledged; the oldest are left alone after a while, so that
// several clients meet at the same one.
func (l *Load) some(pick uint64) (placed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.orders[max(0, len(l.orders)-12):]
	if len(recent) == 0 {
		return placed{}, false
	}
	return recent[pick%uint64(len(recent))], true
}

// look reads an acknowledged order.
func (l *Load) look(ctx context.Context, v visitor, pick uint64) {
	o, ok := l.some(pick)
	if !ok {
		return
	}
	op := history.Op{Client: v.n, Object: o.id, Action: history.Look, Call: l.cfg.Recorder.Now()}
	got, _, err := coreclient.Do(ctx, v.edge, api.OrdersGet, api.OrderQuery{ID: o.id, Key: o.key}, api.Call{})
	switch {
	case err == nil:
		op.Status = got.Status
	case api.CodeOf(err) == api.CodeNotFound: // Status stays empty: the shop does not know it
	default:
		l.count(func(s *Stats) { s.Refused++ })
		return
	}
	op.Return, op.Outcome = l.cfg.Recorder.Now(), history.Done
	l.cfg.Recorder.Add(op)
	l.count(func(s *Stats) { s.Done++ })
}

// fulfil sends an acknowledged order; of several who try, one does.
func (l *Load) fulfil(ctx context.Context, v visitor, pick uint64, key string) {
	o, ok := l.some(pick)
	if !ok {
		return
	}
	d := &deed{
		name: fmt.Sprintf("fulfil %s, key %s", o.id, key), refusals: true, fleeting: true,
		op:     history.Op{Client: v.n, Object: o.id, Action: history.Fulfil, Key: key},
		record: func(op history.Op, _ any) { l.cfg.Recorder.Add(op) },
	}
	d.do = func(ctx context.Context) (any, error) {
		got, _, err := coreclient.Do(ctx, v.edge, api.OrdersFulfil, api.OrderAction{ID: o.id}, l.staff(key))
		return got.ID, err
	}
	l.act(ctx, d)
}

// Orders are the ids of the orders that were acknowledged.
func (l *Load) Orders() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, len(l.orders))
	for i, o := range l.orders {
		ids[i] = o.id
	}
	return ids
}

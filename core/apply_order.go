package core

import (
	"fmt"
	"slices"

	"meridian/api"
)

// reservation is what a reserve gives the checkout: an order with stock held and a payment attempt to make.
type reservation struct {
	Order    string
	Attempt  int
	Amount   int64
	Currency string
	PayKey   string
	// Again says that this attempt was open before: its payment may already have been asked for.
	Again bool
}

// payKey is the provider's idempotency key of an attempt. It is derived from replicated state only,
// so it is committed before the provider hears of it.
func payKey(order string, attempt int) string {
	return fmt.Sprintf("%d/%s/%d/authorize", timelineOf(order), order, attempt)
}

func refundKey(order, refund string) string {
	return fmt.Sprintf("%d/%s/%s/refund", timelineOf(order), order, refund)
}

// applyReserveKeyed handles the key of a checkout: it stays undecided while the payment is under way.
func (m *Machine) applyReserveKeyed(e envelope) result {
	k := keying{e.Scope, e.Key, e.BodyHash}
	var c reserveCmd
	if err := decMode.Unmarshal(e.Body, &c); err != nil {
		return result{err: api.Internal(fmt.Errorf("command body: %w", err))}
	}
	rec, known := m.keys.Get(keyOf(k.Scope, k.Key))
	if known && !m.skipDedupe {
		if r, decided := answerOf(rec, k.BodyHash); decided {
			return r
		}
		return m.continueOrder(k, rec.Order)
	}
	refusal := nameable(c.names()...)
	var res reservation
	if refusal == nil {
		res, refusal = m.reserve(c, k)
	}
	if refusal != nil {
		return m.remember(k, nil, 0, refusal)
	}
	m.putKey(k, keyRec{BodyHash: k.BodyHash, Order: res.Order})
	return result{value: res, status: 200}
}

// continueOrder takes a checkout up again that had no answer: an attempt still open is repeated, a
// released one starts the next attempt if the cart is still what it was and there still is stock.
func (m *Machine) continueOrder(k keying, id string) result {
	o, ok := m.orders.Get(id)
	if !ok {
		return result{err: api.Internal(fmt.Errorf("order %s of key %q is missing", id, k.Key))}
	}
	if o.Reserved {
		return result{value: m.reservationOf(o, true), status: 200}
	}
	refuse := func(e *api.Error) result {
		m.closeUnpaid(o)
		return m.remember(k, nil, 0, e)
	}
	if o.Status != api.OrderPendingPayment {
		return refuse(api.NewError(api.CodeConflict, "This order was cancelled because it was not paid in time. Check out again."))
	}
	cart, ok := m.carts.Get(o.Cart)
	if !ok || !sameLines(o, m.price(cart)) {
		return refuse(cartChanged())
	}
	if cart.Order != "" && cart.Order != o.ID {
		return refuse(checkoutInProgress())
	}
	lines, refusal := m.allocateLines(m.price(cart))
	if refusal != nil {
		return refuse(refusal)
	}
	for i := range o.Lines {
		lines[i].Asset = o.Lines[i].Asset
	}
	o.Lines = lines
	o.Payment.Attempt++
	was, _ := m.open.Get(o.ID)
	m.startPayment(o, cart, was.Room, buyer{was.Client, was.Token})
	o, _ = m.orders.Get(id)
	return result{value: m.reservationOf(o, false), status: 200}
}

// sameLines compares what an order was made of with a cart, line by line: its total was computed from
// them, and a version is only a hash that somebody may have two carts for.
func sameLines(o orderRec, priced []pricedLine) bool {
	return slices.EqualFunc(o.Lines, priced, func(l orderLineRec, p pricedLine) bool {
		return l.SKU == p.SKU && l.Quantity == p.Quantity && l.Unit == p.unit
	})
}

func cartChanged() *api.Error {
	return api.NewError(api.CodeCartChanged, "Something in the cart changed, or its price did. Look at the cart again and confirm.")
}

func emptyCart() *api.Error {
	return api.Invalid("cart", "The cart is empty. Put something into it first.")
}

func checkoutInProgress() *api.Error {
	return api.NewError(api.CodeCheckoutInProgress, "A payment for this cart is under way. Wait for its outcome.")
}

func (m *Machine) reservationOf(o orderRec, again bool) reservation {
	return reservation{Order: o.ID, Attempt: o.Payment.Attempt, Amount: o.Total, Currency: o.Currency,
		PayKey: payKey(o.ID, o.Payment.Attempt), Again: again}
}

// reserve holds the stock of every line of a cart, or of none, and makes the order.
func (m *Machine) reserve(c reserveCmd, k keying) (reservation, *api.Error) {
	cart, ok := m.carts.Get(c.Cart)
	if !ok && !c.Given {
		return reservation{}, noCart()
	}
	if len(cart.Lines) == 0 {
		return reservation{}, emptyCart()
	}
	if cart.Order != "" {
		return reservation{}, checkoutInProgress()
	}
	priced := m.price(cart)
	version := versionOf(cart.Currency, priced)
	who := buyer{c.Client, c.Token}
	room, refusal := m.guard(priced, c.Tickets, who)
	if refusal != nil {
		return reservation{}, refusal
	}
	lines, refusal := m.allocateLines(priced)
	if refusal != nil {
		return reservation{}, refusal
	}
	if c.Version != nil && *c.Version != version {
		return reservation{}, cartChanged()
	}
	var subtotal int64
	for _, l := range lines {
		subtotal += l.Unit * l.Quantity
	}
	t := totalsOf(subtotal, cart.Currency, c.Country, c.Method, true)
	meta := m.metaNow()
	meta.OrderNumber++
	m.meta.Put(metaKey, meta)
	if len(c.Wrapped) > 0 {
		m.persons.Put(c.Person, personRec{Wrapped: c.Wrapped})
	}
	o := orderRec{
		ID: c.Order, Number: meta.OrderNumber, Status: api.OrderPendingPayment, Lines: lines, Currency: cart.Currency, Country: c.Country,
		Subtotal: t.subtotal, Discount: t.discount, Shipping: t.shipping, Tax: t.tax, Total: t.total,
		PlacedMS: m.now, Events: []orderEventRec{{m.now, api.OrderPendingPayment}}, Key: c.Secret, Cart: c.Cart, Version: version,
		Scope: k.Scope, IdemKey: k.Key, Customer: c.Customer, Person: c.Person, Contact: c.Contact, Method: c.Method,
		Payment: paymentRec{Provider: c.Provider, Attempt: 1}, Visitor: c.Visitor, Session: c.Session,
	}
	m.orderSeq.Put(fmt.Sprintf("%016d", o.Number), o.ID)
	if o.Customer != "" {
		m.orderOwner.Put(fmt.Sprintf("%s\x00%016d", o.Customer, o.Number), o.ID)
	}
	m.startPayment(o, cart, room, who)
	o, _ = m.orders.Get(o.ID)
	return m.reservationOf(o, false), nil
}

// allocateLines finds stock for every line. The lines are summed by SKU (price), so that no unit is counted twice.
func (m *Machine) allocateLines(priced []pricedLine) ([]orderLineRec, *api.Error) {
	var short []api.StockLine
	lines := make([]orderLineRec, 0, len(priced))
	for _, l := range priced {
		if !l.ok {
			short = append(short, api.StockLine{SKU: l.SKU, Requested: l.Quantity})
			continue
		}
		alloc, enough := m.allocate(l.SKU, l.Quantity)
		if !enough {
			short = append(short, api.StockLine{SKU: l.SKU, Requested: l.Quantity, Available: m.shown(l.SKU)})
			continue
		}
		asset := ""
		if len(l.product.Images) > 0 {
			asset = l.product.Images[0].Asset
		}
		lines = append(lines, orderLineRec{SKU: l.SKU, Handle: l.product.Handle, Title: lineTitle(l), Asset: asset,
			Quantity: l.Quantity, Unit: l.unit, Allocation: alloc})
	}
	if len(short) > 0 {
		e := api.NewError(api.CodeOutOfStock, "There is not enough left of something in the cart. Lower the quantity or remove it.")
		e.Lines = short
		return nil, e
	}
	return lines, nil
}

// startPayment holds the stock, locks the cart and opens the payment attempt; room is the waiting room that counts it.
func (m *Machine) startPayment(o orderRec, cart cartRec, room string, who buyer) {
	o.Reserved = true
	o.Payment.State = payInFlight
	m.hold(o)
	m.orders.Put(o.ID, o)
	rec := openRec{Kind: openPayment, UntilMS: m.now + reservationMS, SinceMS: m.now}
	if room != "" {
		rec.Room, rec.Client, rec.Token = room, who.client, who.token
	}
	m.open.Put(o.ID, rec)
	cart.Order = o.ID
	m.carts.Put(o.Cart, cart)
}

func (m *Machine) unlockCart(o orderRec, empty bool) {
	cart, ok := m.carts.Get(o.Cart)
	if !ok || cart.Order != o.ID {
		return
	}
	cart.Order = ""
	if empty {
		cart.Lines = without(cart.Lines, o.Lines)
	}
	cart.UpdatedMS = m.now
	if _, proven := cartParts(o.Cart); proven && len(cart.Lines) == 0 && m.rules >= rulesOrdered {
		m.carts.Delete(o.Cart) // an empty cart is in no table: its identifier says all of it
		return
	}
	m.carts.Put(o.Cart, cart)
}

// without is what is left of a cart when an order was taken out of it: things put into it while the
// payment was under way stay.
func without(lines []cartLineRec, bought []orderLineRec) []cartLineRec {
	var rest []cartLineRec
	for _, l := range lines {
		for _, b := range bought {
			if b.SKU == l.SKU {
				l.Quantity -= b.Quantity
			}
		}
		if l.Quantity > 0 {
			rest = append(rest, l)
		}
	}
	return rest
}

func (m *Machine) setStatus(o *orderRec, status string) {
	o.Status = status
	o.Events = append(append([]orderEventRec(nil), o.Events...), orderEventRec{m.now, status})
	m.eraseContact(o)
}

// applyCommit makes a reserved order paid: what was held is sold. A second commit of the same attempt
// answers as the first did.
func (m *Machine) applyCommit(c commitCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if !ok {
		return nil, 0, api.NewError(api.CodeNotFound, "There is no such order.")
	}
	if o.Payment.Attempt == c.Attempt && !o.Reserved && o.Payment.Charge != "" && o.Payment.Charge == c.Charge {
		return m.order(o, true), 201, nil
	}
	if !o.Reserved || o.Payment.Attempt != c.Attempt || (o.Payment.State == payVoiding && !m.unfencedVoids) {
		return nil, 0, api.NewError(api.CodeConflict, "The reservation of this order has ended.")
	}
	m.sell(o)
	o.Reserved = false
	o.Payment.State, o.Payment.Charge = payAuthorized, c.Charge
	m.setStatus(&o, api.OrderPaid)
	m.orders.Put(o.ID, o)
	m.open.Delete(o.ID)
	m.unlockCart(o, true)
	m.closeSiblings(o)
	m.emit("order_placed", o, 0)
	r := m.remember(keying{o.Scope, o.IdemKey, m.bodyHash(o)}, m.order(o, true), 201, nil)
	return r.value, r.status, r.err
}

// closeSiblings ends the orders that were tried before for the same cart and are waiting for nobody.
func (m *Machine) closeSiblings(paid orderRec) {
	var ids []string
	m.open.Ascend("", func(id string, r openRec) bool {
		if r.Kind != openReleased { // most are payments in flight: their orders need not be read
			return true
		}
		if o, ok := m.orders.Get(id); ok && o.Cart == paid.Cart {
			ids = append(ids, id)
		}
		return true
	})
	for _, id := range ids {
		o, _ := m.orders.Get(id)
		m.closeUnpaid(o)
	}
}

// bodyHash is what the order's key was used with.
func (m *Machine) bodyHash(o orderRec) string {
	rec, _ := m.keys.Get(keyOf(o.Scope, o.IdemKey))
	return rec.BodyHash
}

// applyRelease gives up a payment attempt. Declined: the order is over and the refusal is the answer
// for ever. Otherwise the order waits for a repeat with the same key.
func (m *Machine) applyRelease(c releaseCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if !ok {
		return nil, 0, api.NewError(api.CodeNotFound, "There is no such order.")
	}
	if !o.Reserved || o.Payment.Attempt != c.Attempt {
		return api.None{}, 200, nil
	}
	m.release(o)
	o.Reserved = false
	m.unlockCart(o, false)
	if !c.Declined {
		o.Payment.State = payVoided
		m.orders.Put(o.ID, o)
		rec, _ := m.open.Get(o.ID)
		rec.Kind, rec.UntilMS, rec.SinceMS = openReleased, m.now+releasedOrderMS, m.now
		m.open.Put(o.ID, rec)
		return api.None{}, 200, nil
	}
	o.Payment.State = payDeclined
	m.setStatus(&o, api.OrderCancelled)
	m.orders.Put(o.ID, o)
	m.open.Delete(o.ID)
	e := api.NewError(api.CodePaymentDeclined, "The payment was declined. Nothing was charged; try another card.")
	e.DeclineCode = c.DeclineCode
	r := m.remember(keying{o.Scope, o.IdemKey, m.bodyHash(o)}, nil, 0, e)
	return nil, 0, r.err
}

// closeUnpaid cancels an order whose last attempt was released.
func (m *Machine) closeUnpaid(o orderRec) {
	if o.Status != api.OrderPendingPayment || o.Reserved {
		return
	}
	m.setStatus(&o, api.OrderCancelled)
	m.orders.Put(o.ID, o)
	m.open.Delete(o.ID)
}

func (m *Machine) applyPaymentState(c paymentStateCmd) (any, int, *api.Error) {
	o, ok := m.orders.Get(c.Order)
	if ok && o.Payment.State == c.From && (c.Attempt == 0 || c.Attempt == o.Payment.Attempt) {
		o.Payment.State = c.To
		m.orders.Put(o.ID, o)
	}
	return api.None{}, 200, nil
}

func (m *Machine) applyPaymentStates(c paymentStatesCmd) (any, int, *api.Error) {
	for _, id := range c.Orders {
		if _, _, err := m.applyPaymentState(paymentStateCmd{Order: id, From: c.From, To: c.To}); err != nil {
			return nil, 0, err
		}
	}
	return api.None{}, 200, nil
}

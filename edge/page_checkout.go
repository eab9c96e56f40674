package edge

import (
	"context"
	"crypto/rand"
	"net/url"
	"strconv"
	"strings"

	"meridian/api"
	"meridian/web"
)

// checkoutForm is what was typed on the checkout page. Nothing of it is lost when it is refused.
type checkoutForm struct {
	email, name, line1, line2, city, postal, state, country string
	method, token, key, version                             string
	// pricedFor is the country whose total the page has shown.
	pricedFor string
}

// readCheckout reads the form. Values are kept as typed but for blanks at the ends.
func readCheckout(r *Request) checkoutForm {
	get := func(name string) string { return cut(strings.TrimSpace(first(r.Form, name)), 300) }
	return checkoutForm{email: get("email"), name: get("name"), line1: get("line1"), line2: get("line2"), city: get("city"), postal: get("postal_code"),
		state: get("region"), country: get("country"), method: get("shipping_method"), token: get("payment_token"), key: get("key"), version: get("version"), pricedFor: get("priced_for")}
}

func (f checkoutForm) body(provider string) api.Checkout {
	c := api.Checkout{Email: f.email, ShippingMethod: f.method, Payment: api.PaymentMethod{Provider: provider, Token: f.token},
		ShippingAddress: api.Address{Name: f.name, Line1: f.line1, Line2: f.line2, City: f.city, PostalCode: f.postal, Region: f.state, Country: f.country}}
	if v, err := strconv.ParseInt(f.version, 10, 64); err == nil {
		c.Version = &v
	}
	return c
}

// newKey is an idempotency key for one attempt to buy.
func newAttempt() string { return "web-" + rand.Text() }

func (s *Shop) checkoutPage(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	cart, err := s.cart(ctx, t)
	if err != nil {
		return nil, err
	}
	if cart == nil || len(cart.Lines) == 0 {
		a := t.answer()
		a.jar(r).Flash = "info:Your cart is empty. Put something in before you check out."
		return redirect(a, "/cart")
	}
	f := checkoutForm{country: cart.Country, key: newAttempt(), version: number(cart.Version)}
	if c := first(r.Query, "country"); len(c) == 2 {
		f.country = c
	}
	s.prefill(ctx, t, &f)
	var items []api.EventItem
	for i := range cart.Lines {
		items = append(items, eventItem(&cart.Lines[i], cart.Lines[i].Quantity))
	}
	a, err := s.showCheckout(ctx, t, cart, f, 200, nil)
	if err == nil {
		s.note(ctx, a, r, "begin_checkout", items...)
	}
	return a, err
}

// prefill puts a signed-in customer's name and address in; who it is matters to nothing here.
func (s *Shop) prefill(ctx context.Context, t *trip, f *checkoutForm) {
	if t.call.Credential == "" {
		return
	}
	if me, err := ask(ctx, t, api.CustomersMe, api.None{}); err == nil {
		f.email, f.name = me.Email, me.Name
	}
}

// buy takes the checkout form. The hidden key makes a second press of the button, or a repeat after
// an unknown outcome, the same purchase; after a refusal the page carries a new key.
func (s *Shop) buy(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	f := readCheckout(r)
	if !validOpaque(f.key) {
		f.key = newAttempt()
	}
	if !validOpaque(r.Jar.Cart) {
		return s.boughtBefore(t)
	}
	if f.pricedFor != "" && f.pricedFor != f.country {
		return s.priceAgain(ctx, t, f)
	}
	if room := s.cfg.Rooms.Shop(); !s.turn(r, room) {
		return s.join(ctx, t, room)
	}
	order, pay, err := s.purchase(ctx, t, f)
	if api.CodeOf(err) == api.CodeKeyReused {
		// After a payment that could not be made, the shopper changed the card or the address: that is
		// another purchase. The core pays for a cart once at a time and empties it when it is paid.
		f.key = newAttempt()
		order, pay, err = s.purchase(ctx, t, f)
	}
	if err == nil {
		a := pay.answer()
		placed(a.jar(r), r.Jar.Cart, &order)
		a.jar(r).Flash = "good:Thank you. Your order is placed."
		return redirect(a, "/orders/"+order.ID+"?key="+url.QueryEscape(order.Key))
	}
	e := api.AsError(err)
	if e.Code == api.CodeInternal {
		return nil, e
	}
	if e.Code == api.CodeWaitingRoom {
		if room := s.cfg.Rooms.Find(ctx, e.Room, nil, pay.answer().Index); room != nil {
			return s.join(ctx, t, room)
		}
	}
	cart, err := s.cart(ctx, t)
	if err != nil {
		return nil, err
	}
	if cart == nil {
		return s.boughtBefore(t)
	}
	if e.Code != api.CodeOutcomeUnknown && !e.Transient() {
		f.key = newAttempt()
	}
	if e.Code == api.CodeCartChanged {
		f.version = number(cart.Version)
	}
	return s.showCheckout(ctx, t, cart, f, e.Status, e)
}

// purchase is one attempt under the form's key.
func (s *Shop) purchase(ctx context.Context, t *trip, f checkoutForm) (api.Order, *trip, error) {
	pay := t.copy()
	pay.call.Key = f.key
	session, visitor := s.identity(t.r)
	order, err := ask(ctx, pay, api.CheckoutCart, api.CheckoutRequest{Cart: t.r.Jar.Cart, Checkout: f.body(s.cfg.Provider), Visitor: visitor, Session: session,
		Tickets: s.tickets(t.r), Client: s.cfg.Rooms.Client(t.r.Client)})
	return order, pay, err
}

// priceAgain shows what it costs to the country that was chosen on the page: nobody pays a total that
// they have not seen.
func (s *Shop) priceAgain(ctx context.Context, t *trip, f checkoutForm) (*Answer, error) {
	cart, err := s.cart(ctx, t)
	if err != nil {
		return nil, err
	}
	if cart == nil {
		return s.boughtBefore(t)
	}
	return s.showCheckout(ctx, t, cart, f, 409, api.NewError(api.CodeConflict, "Delivery is now to another country, so look at the new total and order again if you agree. You have not been charged."))
}

// boughtBefore answers a checkout without a cart: most likely the button was pressed twice.
func (s *Shop) boughtBefore(t *trip) (*Answer, error) {
	a := t.answer()
	a.jar(t.r).Flash = "info:This cart is empty or was bought already. Your orders are in the confirmation mail and in your account."
	return redirect(a, "/cart")
}

// copy is a trip with an account of its own.
func (t *trip) copy() *trip { return &trip{shop: t.shop, r: t.r, call: t.call, ended: t.ended} }

func (s *Shop) showCheckout(ctx context.Context, t *trip, cart *api.Cart, f checkoutForm, status int, refusal *api.Error) (*Answer, error) {
	r := t.r
	methods, err := ask(ctx, s.public(r), api.ShippingList, api.Locale{Currency: cart.Currency, Country: f.country})
	if err != nil && api.AsError(err).Status >= 500 {
		return nil, err
	}
	a := t.answer()
	v := web.Checkout{Email: web.Field{Value: f.email}, Name: web.Field{Value: f.name}, Line1: web.Field{Value: f.line1}, Line2: web.Field{Value: f.line2},
		City: web.Field{Value: f.city}, PostalCode: web.Field{Value: f.postal}, State: web.Field{Value: f.state},
		Countries: countryChoices(f.country), Methods: methodChoices(methods.Items, f.method, cart), Cards: s.testCards(f.token), Key: f.key, Version: f.version, PricedFor: f.country}
	for i := range cart.Lines {
		v.Lines = append(v.Lines, lineView(&cart.Lines[i]))
	}
	v.Subtotal, v.Shipping, v.Tax, v.Total = money(cart.Totals.Subtotal), shippingPrice(cart.Totals.Shipping), money(cart.Totals.Tax), money(cart.Totals.Total)
	if m := chosenMethod(methods.Items, f.method); m != nil && (f.country != cart.Country || f.method != "") {
		total := cart.Totals.Subtotal
		cost := shippingCost(m, cart)
		total.Amount += cost.Amount - cart.Totals.Discount.Amount
		if total != cart.Totals.Total || f.country != cart.Country {
			// The core says how much of it is tax once the order is placed.
			v.Shipping, v.Tax, v.Total = shippingPrice(cost), "", money(total)
		}
	}
	if refusal != nil {
		markRefusal(&v, refusal)
	}
	v.Layout = s.privateLayout(ctx, r, a, "Checkout")
	return page(a, status, v)
}

func countryChoices(chosen string) []web.Choice {
	var list []web.Choice
	known := false
	for _, c := range countries {
		list = append(list, web.Choice{Value: c.code, Label: c.name, Selected: c.code == chosen})
		known = known || c.code == chosen
	}
	if !known && len(chosen) == 2 {
		list = append(list, web.Choice{Value: chosen, Label: chosen, Selected: true})
	}
	return list
}

func methodChoices(methods []api.ShippingMethod, chosen string, cart *api.Cart) []web.Choice {
	var list []web.Choice
	for i := range methods {
		m := &methods[i]
		list = append(list, web.Choice{Value: m.ID, Label: m.Title, Note: delivered(m.Delivery), Price: shippingPrice(shippingCost(m, cart)), Selected: m == chosenMethod(methods, chosen)})
	}
	return list
}

// chosenMethod is the method of an id, else the first.
func chosenMethod(methods []api.ShippingMethod, id string) *api.ShippingMethod {
	for i := range methods {
		if methods[i].ID == id {
			return &methods[i]
		}
	}
	if len(methods) == 0 {
		return nil
	}
	return &methods[0]
}

// shippingCost is what a method costs for a cart.
func shippingCost(m *api.ShippingMethod, cart *api.Cart) api.Money {
	cost := m.Price
	if m.FreeFrom != nil && cart.Totals.Subtotal.Amount-cart.Totals.Discount.Amount >= m.FreeFrom.Amount {
		cost.Amount = 0
	}
	return cost
}

// testCards are the sandbox's tokens; another provider brings a field of its own.
func (s *Shop) testCards(chosen string) []web.Choice {
	if !s.cfg.TestCards {
		return nil
	}
	list := []web.Choice{
		{Value: "tok_ok", Label: "Test card that pays"},
		{Value: "tok_declined", Label: "Test card that is declined"},
		{Value: "tok_slow", Label: "Test card that takes its time"},
		{Value: "tok_unknown", Label: "Test card that answers only when asked again"},
		{Value: "tok_error", Label: "Test card whose bank is out of reach"},
	}
	for i := range list {
		list[i].Selected = list[i].Value == chosen || chosen == "" && i == 0
	}
	return list
}

// markRefusal puts a refusal on the page: beside its fields or lines, and summed on top.
func markRefusal(v *web.Checkout, e *api.Error) {
	fields := map[string]struct {
		field       *web.Field
		id, caption string
	}{
		"email": {&v.Email, "email", "E-mail"}, "shipping_address.name": {&v.Name, "name", "Name"}, "shipping_address.line1": {&v.Line1, "line1", "Address"},
		"shipping_address.line2": {&v.Line2, "line2", "Address, second line"}, "shipping_address.city": {&v.City, "city", "City"},
		"shipping_address.postal_code": {&v.PostalCode, "postal_code", "Postal code"}, "shipping_address.region": {&v.State, "region", "State or region"},
	}
	anchors := map[string]string{"shipping_address.country": "country", "shipping_method": "shipping_method", "payment.token": "payment_token", "payment.provider": "payment_token"}
	for _, f := range e.Errors {
		link := web.Link{Label: f.Message, Href: "#" + anchors[f.Field]}
		if known, ok := fields[f.Field]; ok {
			known.field.Error = f.Message
			link.Href, link.Label = "#"+known.id, known.caption+": "+f.Message
		}
		v.Errors = append(v.Errors, link)
	}
	for _, short := range e.Lines {
		for i := range v.Lines {
			if v.Lines[i].SKU == short.SKU {
				v.Lines[i].Problem = onlyLeft(short.Available)
				v.Errors = append(v.Errors, web.Link{Label: v.Lines[i].Title + ": " + onlyLeft(short.Available), Href: "/cart"})
			}
		}
	}
	v.Refusal = refusalSentence(e)
}

// refusalSentence says why a purchase did not happen, and what to do next.
func refusalSentence(e *api.Error) string {
	switch e.Code {
	case api.CodeInvalid:
		return "Some fields need correcting. You have not been charged."
	case api.CodePaymentDeclined:
		return "The payment was declined. You have not been charged and your cart is kept. Try another card."
	case api.CodeOutOfStock:
		return "Not everything is in stock in this quantity any more. You have not been charged."
	case api.CodeCartChanged:
		return "Prices or lines of your cart have changed. Look at the new total and order again if you agree. You have not been charged."
	case api.CodeOutcomeUnknown:
		return "We do not know yet whether this went through. Press the button again: you will not be charged twice."
	case api.CodePaymentUnavailable:
		return "Payments are not available right now. You have not been charged. Try again in a minute."
	}
	return e.Detail
}

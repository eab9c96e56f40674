package edge

import (
	"context"
	"strconv"
	"strings"

	"meridian/api"
	"meridian/web"
)

// formBodyMax bounds the forms of pages; formTypes is what browsers send them as.
const formBodyMax = 16 << 10

var formTypes = []string{"application/x-www-form-urlencoded"}

func (s *Shop) pageRoutes() []Route {
	form := func(pattern string, l LimitClass, h Handler) Route {
		return Route{Method: "POST", Pattern: pattern, Class: Private, MaxBody: formBodyMax, Types: formTypes, Limit: l, Handler: h}
	}
	buy := form("/checkout", CountCheckout, s.buy)
	buy.Timeout = payTimeout
	return []Route{
		{Method: "GET", Pattern: "/", Handler: s.home},
		{Method: "GET", Pattern: "/collections/{handle}", Query: []string{"after", "facet.*", "sort"}, Handler: s.collectionPage},
		{Method: "GET", Pattern: "/products/{handle}", Query: []string{"sku"}, Handler: s.productPage},
		{Method: "GET", Pattern: "/search", Query: []string{"after", "facet.*", "q", "sort"}, Limit: CountSearch, Handler: s.searchPage},
		{Method: "GET", Pattern: "/errors/{code}", Handler: s.codePage},
		{Method: "GET", Pattern: "/cart", Class: Private, Handler: s.cartPage},
		form("/cart", CountCartWrite, s.changeCart),
		{Method: "GET", Pattern: "/checkout", Class: Private, Query: []string{"country"}, Handler: s.checkoutPage},
		buy,
		{Method: "GET", Pattern: "/orders/{id}", Class: Private, Query: []string{"key"}, Handler: s.orderPage},
		{Method: "GET", Pattern: "/account", Class: Private, Handler: s.accountPage},
		{Method: "GET", Pattern: "/sign-in", Class: Private, Query: []string{"next"}, Handler: s.signInPage},
		form("/sign-in", CountSignIn, s.signInForm),
		{Method: "GET", Pattern: "/register", Class: Private, Query: []string{"next"}, Handler: s.signInPage},
		form("/register", CountSignIn, s.signInForm),
		form("/sign-out", CountBrowse, s.signOutForm),
		{Method: "GET", Pattern: privacyPath, Class: Private, Handler: s.privacyPage},
		form(privacyPath, CountBrowse, s.choose),
		form(erasePath, CountSignIn, s.eraseForm),
		{Method: "GET", Pattern: "/wait/{room}", Class: Private, Query: []string{"for"}, Handler: s.waitPage},
		form("/wait/{room}", CountCartWrite, s.joinForm),
	}
}

// cart reads the client's cart. A cart that the core does not know any more is as good as none.
func (s *Shop) cart(ctx context.Context, t *trip) (*api.Cart, error) {
	id := t.r.Jar.Cart
	if !validOpaque(id) {
		return nil, nil
	}
	cart, err := ask(ctx, t, api.CartsGet, api.CartQuery{ID: id})
	if api.CodeOf(err) == api.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &cart, nil
}

func (s *Shop) cartPage(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	cart, err := s.cart(ctx, t)
	if err != nil {
		return nil, err
	}
	return s.showCart(ctx, t, cart, 200, "")
}

// showCart renders the cart page; refusal is said on top.
func (s *Shop) showCart(ctx context.Context, t *trip, cart *api.Cart, status int, refusal string) (*Answer, error) {
	r := t.r
	a := t.answer()
	if cart == nil {
		cart = &api.Cart{}
		a.jar(r).Cart = ""
	}
	a.jar(r).CartCount = countOf(cart)
	v := web.Cart{Empty: len(cart.Lines) == 0}
	for i := range cart.Lines {
		line := lineView(&cart.Lines[i])
		v.Problem = v.Problem || line.Problem != ""
		v.Lines = append(v.Lines, line)
	}
	if !v.Empty {
		v.Subtotal, v.Tax, v.Total = money(cart.Totals.Subtotal), money(cart.Totals.Tax), money(cart.Totals.Total)
		v.Shipping = shippingPrice(cart.Totals.Shipping)
		v.FreeFrom = s.missingForFree(ctx, r, cart)
	}
	var there []string
	for i := range cart.Lines {
		there = append(there, cart.Lines[i].Handle)
	}
	also, err := s.adviseVisit(ctx, r, there)
	if err == nil {
		v.Also = also.cards()
	}
	v.Layout = s.privateLayout(ctx, r, a, "Your cart")
	also.on(&v.Layout)
	if refusal != "" {
		v.Flash, v.FlashKind = refusal, "bad"
	}
	return page(a, status, v)
}

func shippingPrice(m api.Money) string {
	if m.Amount == 0 {
		return "Free"
	}
	return money(m)
}

// missingForFree says how much more there must be in the cart for free standard delivery, or "".
func (s *Shop) missingForFree(ctx context.Context, r *Request, cart *api.Cart) string {
	methods, err := ask(ctx, s.public(r), api.ShippingList, api.Locale{Currency: cart.Currency, Country: cart.Country})
	if err != nil || len(methods.Items) == 0 || methods.Items[0].FreeFrom == nil {
		return ""
	}
	missing := *methods.Items[0].FreeFrom
	missing.Amount -= cart.Totals.Subtotal.Amount - cart.Totals.Discount.Amount
	if missing.Amount <= 0 {
		return ""
	}
	return money(missing)
}

// changeCart takes the cart's forms: action add puts more of a SKU in, set makes it that many, remove
// takes it out. The first line makes the cart.
func (s *Shop) changeCart(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	cart, err := s.cart(ctx, t)
	if err != nil {
		return nil, err
	}
	before := cart
	change, err := readChange(r, cart)
	if err == nil && change.quantity > quantityOf(cart, change.sku) {
		if room := s.cfg.Rooms.For(change.sku); !s.turn(r, room) {
			return s.join(ctx, t, room)
		}
	}
	if err == nil && cart == nil && change.quantity > 0 {
		cart, err = s.newCart(ctx, t)
	}
	if err == nil && cart != nil {
		var changed api.Cart
		changed, err = ask(ctx, t, api.CartsPutLine, api.PutLine{Cart: cart.ID, SKU: change.sku, Quantity: change.quantity})
		if err == nil {
			before, cart = cart, &changed
		}
	}
	if err != nil {
		e := api.AsError(err)
		if e.Status >= 500 {
			return nil, e
		}
		a, err := s.showCart(ctx, t, cart, e.Status, sentence(e))
		if err == nil && cart != nil {
			a.jar(r).Cart = cart.ID
		}
		return a, err
	}
	a := t.answer()
	j := a.jar(r)
	if cart != nil {
		j.Cart, j.CartCount = cart.ID, countOf(cart)
		s.noteChange(ctx, a, r, before, cart, change.sku)
	}
	// Of a line that cannot be had in this number the cart's page says so; nothing went well then.
	j.Flash = ""
	if l := lineOf(cart, change.sku); l == nil || l.Quantity <= l.Available {
		j.Flash = "good:" + change.said
	}
	return redirect(a, "/cart")
}

func (s *Shop) newCart(ctx context.Context, t *trip) (*api.Cart, error) {
	cart, err := ask(ctx, t, api.CartsCreate, api.NewCart{Locale: t.r.Locale})
	if err != nil {
		return nil, err
	}
	return &cart, nil
}

// change is what a cart form asks for; said is the sentence for the next page.
type change struct {
	sku      string
	quantity int64
	said     string
}

func readChange(r *Request, cart *api.Cart) (change, error) {
	c := change{sku: first(r.Form, "sku"), quantity: 1}
	if !validSKU(c.sku) {
		return c, api.Invalid("sku", "Choose a product first.")
	}
	if v := strings.TrimSpace(first(r.Form, "quantity")); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return c, api.Invalid("quantity", "The quantity must be a whole number.")
		}
		c.quantity = n
	}
	switch first(r.Form, "action") {
	case "", "add":
		c.said = "Added to your cart."
		if c.quantity < 1 {
			return c, api.Invalid("quantity", "The quantity must be at least 1.")
		}
		if c.quantity <= api.MaxQuantity {
			c.quantity += quantityOf(cart, c.sku)
		}
	case "set", "update":
		c.said = "Your cart is up to date."
	case "remove":
		c.said, c.quantity = "Removed from your cart.", 0
	default:
		return c, api.Invalid("action", "The form is out of date. Load the page again.")
	}
	if c.quantity < 0 || c.quantity > api.MaxQuantity {
		return c, api.Invalid("quantity", "The quantity must be from 0 to %d.", api.MaxQuantity)
	}
	return c, nil
}

func quantityOf(cart *api.Cart, sku string) int64 {
	if l := lineOf(cart, sku); l != nil {
		return l.Quantity
	}
	return 0
}

func lineOf(cart *api.Cart, sku string) *api.CartLine {
	if cart == nil {
		return nil
	}
	for i := range cart.Lines {
		if cart.Lines[i].SKU == sku {
			return &cart.Lines[i]
		}
	}
	return nil
}

// noteChange tells the clickstream how a line changed.
func (s *Shop) noteChange(ctx context.Context, a *Answer, r *Request, before, after *api.Cart, sku string) {
	diff := quantityOf(after, sku) - quantityOf(before, sku)
	switch {
	case diff > 0:
		s.note(ctx, a, r, "add_to_cart", eventItem(lineOf(after, sku), diff))
	case diff < 0:
		s.note(ctx, a, r, "remove_from_cart", eventItem(lineOf(before, sku), -diff))
	}
}

// sentence is a refusal in words for the top of a page: its fields' messages where there are any.
func sentence(e *api.Error) string {
	if e.Code == api.CodeOutcomeUnknown { // the detail speaks to programs
		return "The shop did not answer in time, so it is not known yet whether this happened. Look, for example at your cart, and do it again if it did not."
	}
	if len(e.Errors) == 0 {
		return e.Detail
	}
	var list []string
	for _, f := range e.Errors {
		list = append(list, f.Message)
	}
	return strings.Join(list, " ")
}

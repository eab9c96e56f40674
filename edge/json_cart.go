package edge

import (
	"context"

	"meridian/api"
)

// newCartBody is the body of POST /carts; what is left out comes from the edge's region.
type newCartBody struct {
	Currency *string `json:"currency,omitempty"`
	Country  *string `json:"country,omitempty"`
}

// lineBody is the body of PUT /carts/{id}/lines/{sku}.
type lineBody struct {
	Quantity *int64 `json:"quantity"`
}

const (
	cartBodyMax     = 4 << 10
	checkoutBodyMax = 16 << 10
)

func (s *Shop) cartOperations() []operation {
	return []operation{
		{Route: Route{Method: "POST", Pattern: "/api/v1/carts", Class: Private, MaxBody: cartBodyMax, Limit: CountCartWrite, Handler: s.createCart},
			ID: "createCart", Summary: "Create a cart. Its id is what opens it, so keep it private", Body: newCartBody{}, Result: api.Cart{}, Status: 201},
		{Route: Route{Method: "GET", Pattern: "/api/v1/carts/{id}", Class: Private, Handler: s.getCart},
			ID: "getCart", Summary: "A cart at present prices", Result: api.Cart{}},
		{Route: Route{Method: "PUT", Pattern: "/api/v1/carts/{id}/lines/{sku}", Class: Private, MaxBody: cartBodyMax, Limit: CountCartWrite, Handler: s.putLine},
			ID: "putCartLine", Summary: "Set the quantity of a SKU, 0 to 999; 0 removes the line", Body: lineBody{}, Result: api.Cart{}, Refusals: []api.Code{api.CodeWaitingRoom}},
		{Route: Route{Method: "POST", Pattern: "/api/v1/carts/{id}/checkout", Class: Private, MaxBody: checkoutBodyMax, NeedKey: true, Timeout: payTimeout, Limit: CountCheckout, Handler: s.checkout},
			ID: "checkout", Summary: "Buy a cart. Repeat with the same Idempotency-Key until the outcome is known", Body: api.Checkout{}, Result: api.Order{}, Status: 201,
			Refusals: []api.Code{api.CodePaymentDeclined, api.CodeOutOfStock, api.CodeCartChanged, api.CodeCheckoutInProgress, api.CodePaymentUnavailable, api.CodeWaitingRoom}},
	}
}

func (s *Shop) createCart(ctx context.Context, r *Request) (*Answer, error) {
	var body newCartBody
	if err := decodeOptional(r.Body, &body); err != nil {
		return nil, err
	}
	locale := r.Locale
	if body.Currency != nil {
		locale.Currency = *body.Currency
	}
	if body.Country != nil {
		locale.Country = *body.Country
	}
	t := s.private(r).alone()
	cart, err := ask(ctx, t, api.CartsCreate, api.NewCart{Locale: locale})
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	a.Header = append(a.Header, [2]string{"Location", "/api/v1/carts/" + cart.ID})
	return reply(a, 201, cart)
}

func (s *Shop) getCart(ctx context.Context, r *Request) (*Answer, error) {
	id, err := idParam(r)
	if err != nil {
		return nil, err
	}
	t := s.private(r)
	cart, err := ask(ctx, t, api.CartsGet, api.CartQuery{ID: id})
	if err != nil {
		return nil, err
	}
	return reply(t.answer(), 200, cart)
}

func (s *Shop) putLine(ctx context.Context, r *Request) (*Answer, error) {
	id, err := idParam(r)
	if err != nil {
		return nil, err
	}
	sku, err := skuParam(r)
	if err != nil {
		return nil, err
	}
	var body lineBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if body.Quantity == nil {
		return nil, api.Invalid("quantity", "is missing")
	}
	if err := checkQuantity("quantity", *body.Quantity); err != nil {
		return nil, err
	}
	if *body.Quantity > 0 {
		if err := s.mustWait(r, s.cfg.Rooms.For(sku)); err != nil {
			return nil, err
		}
	}
	t := s.private(r)
	cart, err := ask(ctx, t, api.CartsPutLine, api.PutLine{Cart: id, SKU: sku, Quantity: *body.Quantity})
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	if id == r.Jar.Cart {
		a.jar(r).CartCount = countOf(&cart)
	}
	return reply(a, 200, cart)
}

func checkQuantity(field string, n int64) error {
	if n < 0 || n > api.MaxQuantity {
		return api.Invalid(field, "must be a whole number from 0 to %d", api.MaxQuantity)
	}
	return nil
}

// countOf is the number of units in a cart, bounded for the badge in the header.
func countOf(c *api.Cart) int {
	var n int64
	for i := range c.Lines {
		n += c.Lines[i].Quantity
	}
	return int(min(n, api.MaxCartLines*api.MaxQuantity))
}

package edge

import (
	"context"
	"maps"
	"time"

	"meridian/api"
)

// payTimeout bounds what waits for a payment provider.
const payTimeout = 30 * time.Second

// maxJarOrders bounds how many order keys a browser keeps.
const maxJarOrders = 5

func (s *Shop) orderOperations() []operation {
	return []operation{
		{Route: Route{Method: "GET", Pattern: "/api/v1/orders/{id}", Class: Private, Query: []string{"key"}, Handler: s.getOrder},
			ID: "getOrder", Summary: "An order, read from the leader; with its key, or signed in as its owner", Result: api.Order{}},
	}
}

func (s *Shop) checkout(ctx context.Context, r *Request) (*Answer, error) {
	id, err := idParam(r)
	if err != nil {
		return nil, err
	}
	var body api.Checkout
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if err := s.mustWait(r, s.cfg.Rooms.Shop()); err != nil {
		return nil, err
	}
	t := s.private(r)
	session, visitor := s.identity(r)
	order, err := ask(ctx, t, api.CheckoutCart, api.CheckoutRequest{Cart: id, Checkout: body, Visitor: visitor, Session: session,
		Tickets: s.tickets(r), Client: s.cfg.Rooms.Client(r.Client)})
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	placed(a.jar(r), id, &order)
	a.Header = append(a.Header, [2]string{"Location", "/api/v1/orders/" + order.ID})
	return reply(a, 201, order)
}

// placed notes a placed order in the client's jar: its cart is gone, its key opens the order's page.
func placed(j *Jar, cart string, order *api.Order) {
	if j.Cart == cart {
		j.Cart, j.CartCount = "", 0
	}
	if order.Key == "" {
		return
	}
	j.Orders = maps.Clone(j.Orders)
	if j.Orders == nil || len(j.Orders) >= maxJarOrders {
		j.Orders = map[string]string{}
	}
	j.Orders[order.ID] = order.Key
}

func (s *Shop) getOrder(ctx context.Context, r *Request) (*Answer, error) {
	q, err := orderQuery(r)
	if err != nil {
		return nil, err
	}
	t := s.private(r)
	order, err := ask(ctx, t, api.OrdersGet, q)
	if err != nil {
		return nil, err
	}
	return reply(t.answer(), 200, order)
}

// orderQuery reads the order's id and its key: from the address, else from the client's jar.
func orderQuery(r *Request) (api.OrderQuery, error) {
	id, err := idParam(r)
	if err != nil {
		return api.OrderQuery{}, err
	}
	p := params{query: r.Query}
	key := p.text("key", maxOpaqueID)
	if err := p.err(); err != nil {
		return api.OrderQuery{}, err
	}
	if key == "" {
		key = r.Jar.Orders[id]
	}
	return api.OrderQuery{ID: id, Key: key}, nil
}

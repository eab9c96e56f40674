package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"

	"meridian/api"
)

// seedOrders is how many orders a new demo holds.
const seedOrders = 24

var seedBuyers = []struct{ name, email, line, city, code string }{
	{"Ada Okafor", "ada@example.com", "12 Harbour Lane", "Hamburg", "20457"},
	{"Jun Park", "jun@example.com", "4 Willow Court", "Berlin", "10115"},
	{"Marta Silva", "marta@example.com", "77 Mill Road", "Munich", "80331"},
	{"Noah Fischer", "noah@example.com", "3 Linden Square", "Cologne", "50667"},
	{"Priya Raman", "priya@example.com", "58 Station Street", "Leipzig", "04109"},
	{"Elio Rossi", "elio@example.com", "9 Old Market", "Bremen", "28195"},
}

// orders places the orders that are missing, from every region, and moves them on, so that the
// staff's list shows each state.
func (s *seeding) orders(ctx context.Context) error {
	if s.done.Orders >= seedOrders {
		return nil
	}
	skus, err := s.inStock(ctx)
	if err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	for n := s.done.Orders; n < seedOrders; n++ {
		// The order is the same at each try, so that a seeding that was interrupted repeats it.
		rng := rand.New(rand.NewPCG(uint64(n), 20))
		if err := s.order(ctx, n, rng, skus); err != nil {
			return fmt.Errorf("order %d: %w", n+1, err)
		}
		s.done.Orders = n + 1
		if err := s.save(); err != nil {
			return err
		}
	}
	s.say("orders: %d placed through the checkout", seedOrders)
	return nil
}

// inStock lists SKUs that the seeding may buy: the demo's scarce goods stay for people.
func (s *seeding) inStock(ctx context.Context) ([]string, error) {
	shop := newVisitor(s.opts.ports.edgeURL(0), "", s.http)
	list, err := get[api.List[api.Product]](ctx, shop, "/api/v1/products?limit=100")
	if err != nil {
		return nil, err
	}
	var skus []string
	for _, p := range list.Items {
		for _, v := range p.Variants {
			if v.Available >= 20 && v.SKU != flashSKU {
				skus = append(skus, v.SKU)
				break
			}
		}
	}
	if len(skus) == 0 {
		return nil, fmt.Errorf("no product has 20 in stock")
	}
	return skus, nil
}

func (s *seeding) order(ctx context.Context, n int, rng *rand.Rand, skus []string) error {
	shop := newVisitor(s.opts.ports.edgeURL(n%s.opts.regions), "", s.http)
	key := fmt.Sprintf("seed-order-%d", n)
	var cart api.Cart
	if err := persist(ctx, func() error {
		return shop.do(ctx, http.MethodPost, "/api/v1/carts", "", jsonBody(struct{}{}), &cart)
	}); err != nil {
		return err
	}
	lines := 1 + rng.IntN(3)
	for range lines {
		sku, quantity := skus[rng.IntN(len(skus))], int64(1+rng.IntN(2))
		if err := persist(ctx, func() error {
			return shop.do(ctx, http.MethodPut, "/api/v1/carts/"+cart.ID+"/lines/"+sku, "", jsonBody(map[string]int64{"quantity": quantity}), &cart)
		}); err != nil {
			return err
		}
	}
	b := seedBuyers[n%len(seedBuyers)]
	var order api.Order
	if err := persist(ctx, func() error {
		return shop.do(ctx, http.MethodPost, "/api/v1/carts/"+cart.ID+"/checkout", key, jsonBody(api.Checkout{
			Email:           b.email,
			ShippingMethod:  "standard",
			ShippingAddress: api.Address{Name: b.name, Line1: b.line, City: b.city, PostalCode: b.code, Country: "DE"},
			Payment:         api.PaymentMethod{Provider: "sandbox", Token: "tok_ok"},
		}), &order)
	}); err != nil {
		return err
	}
	return s.moveOn(ctx, n, order, key)
}

// moveOn takes an order to the state its number asks for; most are sent, a few stay paid.
func (s *seeding) moveOn(ctx context.Context, n int, order api.Order, key string) error {
	act := func(what string, in any) error {
		return persist(ctx, func() error {
			return s.staff.do(ctx, http.MethodPost, "/admin/api/v1/orders/"+order.ID+"/"+what, key+"-"+what, jsonBody(in), nil)
		})
	}
	switch n % 8 {
	case 0, 1, 2:
		return act("fulfil", map[string]string{"tracking": fmt.Sprintf("DEMO%06d", n)})
	case 3:
		return act("cancel", map[string]string{"reason": "The buyer changed their mind."})
	case 4:
		return act("refund", map[string]any{"amount": order.Totals.Subtotal.Amount / 2, "reason": "Arrived late."})
	case 5:
		return act("refund", map[string]any{"reason": "Returned."})
	case 6:
		if order.Lines[0].Quantity > 1 || len(order.Lines) > 1 {
			return act("fulfil", map[string]any{"lines": []api.LineQuantity{{SKU: order.Lines[0].SKU, Quantity: 1}}})
		}
	}
	return nil
}

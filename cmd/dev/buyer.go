package main

import (
	"context"
	"errors"
	"fmt"

	"meridian/api"
)

// buyer wants one unit and goes on asking, with the same key, until it is decided.
type buyer struct {
	n    int
	run  string
	sku  string
	shop *visitor

	cart    api.Cart
	order   api.Order
	refused *api.Error
	tries   int
}

func (b *buyer) email() string { return fmt.Sprintf("buyer-%s-%d@example.com", b.run, b.n) }

func (b *buyer) fillCart(ctx context.Context) error {
	key := fmt.Sprintf("cart-%s-%d", b.run, b.n)
	err := persist(ctx, func() error {
		return b.shop.do(ctx, "POST", "/api/v1/carts", key, jsonBody(struct{}{}), &b.cart)
	})
	if err != nil {
		return fmt.Errorf("make a cart: %w", err)
	}
	err = persist(ctx, func() error {
		return b.shop.do(ctx, "PUT", "/api/v1/carts/"+b.cart.ID+"/lines/"+b.sku, key+"-line", jsonBody(map[string]int{"quantity": 1}), &b.cart)
	})
	if err != nil {
		return fmt.Errorf("fill the cart: %w", err)
	}
	return nil
}

// checkout ends in an order, in a refusal for want of stock, or in an error for anything else.
func (b *buyer) checkout(ctx context.Context) error {
	body := jsonBody(api.Checkout{
		Email:           b.email(),
		ShippingAddress: api.Address{Name: fmt.Sprintf("Buyer %d", b.n), Line1: "1 Queue Street", City: "Hamburg", PostalCode: "20457", Country: "DE"},
		ShippingMethod:  "standard",
		Payment:         api.PaymentMethod{Provider: "sandbox", Token: "tok_ok"},
	})
	err := persist(ctx, func() error {
		b.tries++
		return b.shop.do(ctx, "POST", "/api/v1/carts/"+b.cart.ID+"/checkout", fmt.Sprintf("buy-%s-%d", b.run, b.n), body, &b.order)
	})
	var e *api.Error
	if errors.As(err, &e) && e.Code == api.CodeOutOfStock {
		b.refused = e
		return nil
	}
	return err
}

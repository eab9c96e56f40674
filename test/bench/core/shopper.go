package main

import (
	"encoding/json"
	"fmt"
	"time"

	"meridian/api"
)

// shopper fills a cart beside the clock and checks it out on it, and counts the log entries that the
// checkout took.
type shopper struct {
	*caller
	seed uint64
	n    int

	checkout []byte
	before   api.Index
	bought   int
	entries  uint64 // of all that was bought
}

// prepare makes a cart and waits until the leader has nothing left to do for the order before.
func (s *shopper) prepare() error {
	s.n++
	var cart api.Cart
	err := s.ask(api.CartsCreate.Name, s.key("cart"), api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}, &cart)
	if err != nil {
		return err
	}
	if err := s.ask(api.CartsPutLine.Name, s.key("line"), api.PutLine{Cart: cart.ID, SKU: skuName(0), Quantity: 1}, &cart); err != nil {
		return err
	}
	s.checkout, err = json.Marshal(api.CheckoutRequest{Cart: cart.ID, Checkout: api.Checkout{
		Email:           "shopper@example.com",
		ShippingAddress: api.Address{Name: "A Shopper", Line1: "1 Quay", City: "Hamburg", PostalCode: "20457", Country: "DE"},
		ShippingMethod:  "standard", Payment: api.PaymentMethod{Provider: "sandbox", Token: "tok_ok"},
	}})
	if err != nil {
		return err
	}
	return s.settled()
}

// settled waits until the log has stood still for longer than anything that is under way would take.
func (s *shopper) settled() error {
	const still = 400 * time.Millisecond
	deadline := time.Now().Add(10 * time.Second)
	for since := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var status api.NodeStatus
		if err := s.ask(api.StatusCheck.Name, "", nil, &status); err != nil {
			return err
		}
		if status.Index != s.before {
			s.before, since = status.Index, time.Now()
		}
		if time.Since(since) > still {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the log never stands still; is somebody else using this cluster?")
		}
	}
}

func (s *shopper) ask(endpoint, key string, req, into any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	return s.wire.call(endpoint, key, body, into)
}

func (s *shopper) key(what string) string { return fmt.Sprintf("%s-%x-%d", what, s.seed, s.n) }

func (s *shopper) do([]command) error {
	var order api.Order
	if err := s.wire.call(api.CheckoutCart.Name, s.key("buy"), s.checkout, &order); err != nil {
		return err
	}
	if order.Status != api.OrderPaid {
		return fmt.Errorf("the order is %s", order.Status)
	}
	s.bought++
	s.entries += s.wire.index.Raft - s.before.Raft
	return nil
}

func (s *shopper) tally(r *result) {
	s.caller.tally(r)
	r.entries = float64(s.entries) / float64(max(s.bought, 1))
}

package core_test

import (
	"strings"
	"testing"

	"meridian/api"
)

// TestAnEmptyCartNeedsNoLog: a cart exists by its identifier until something is put into it, and only
// if that identifier was given here.
func TestAnEmptyCartNeedsNoLog(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 3)
	before := len(s.log.entries)
	c := get(s, api.CartsCreate, api.NewCart{Locale: api.Locale{Currency: "USD", Country: "JP"}}, api.Call{})
	if len(s.log.entries) != before {
		t.Fatalf("an empty cart made %d log entries", len(s.log.entries)-before)
	}
	if got := get(s, api.CartsGet, api.CartQuery{ID: c.ID}, api.Call{}); got.Currency != "USD" || got.Country != "JP" || len(got.Lines) != 0 || got.Version != c.Version {
		t.Fatalf("the new cart is read as %+v, was made as %+v", got, c)
	}
	if _, _, err := ask(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "empty"}); api.CodeOf(err) != api.CodeInvalid {
		t.Fatalf("an empty cart was bought: %v", err)
	}
	for _, id := range []string{strings.Replace(c.ID, "-usdjp-", "-eurjp-", 1), c.ID[:len(c.ID)-1] + "!", c.ID + "-", "c1-made-up", "c1-x-usdjp-" + strings.Repeat("0", 20)} {
		if _, _, err := ask(s, api.CartsGet, api.CartQuery{ID: id}, api.Call{}); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("%s is a cart: %v", id, err)
		}
		if _, _, err := ask(s, api.CartsPutLine, api.PutLine{Cart: id, SKU: "A", Quantity: 1}, api.Call{}); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("something was put into %s: %v", id, err)
		}
	}
	if got := get(s, api.CartsPutLine, api.PutLine{Cart: c.ID, SKU: "A", Quantity: 2}, api.Call{}); len(got.Lines) != 1 || got.Currency != "USD" || got.Country != "JP" {
		t.Fatalf("after something was put into it: %+v", got)
	}
	if o := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "full"}); o.Status != api.OrderPaid {
		t.Fatalf("%+v", o)
	}
}

// TestACartUnderAKeyIsOne: a client's own key gets the same cart again.
func TestACartUnderAKeyIsOne(t *testing.T) {
	s := newShop(t)
	in := api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}
	first := get(s, api.CartsCreate, in, api.Call{Key: "127.0.0.1 mine"})
	if again := get(s, api.CartsCreate, in, api.Call{Key: "127.0.0.1 mine"}); again.ID != first.ID {
		t.Fatalf("the key made two carts: %s and %s", first.ID, again.ID)
	}
	in.Currency = "USD"
	if _, _, err := ask(s, api.CartsCreate, in, api.Call{Key: "127.0.0.1 mine"}); api.CodeOf(err) != api.CodeKeyReused {
		t.Fatalf("the key with another body: %v", err)
	}
}

package core

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"

	"meridian/api"
)

// cartsCreate makes a cart. A cart that nothing was put into is not worth a log entry: its identifier
// says what it is sold in and proves that it was given here, on every core and whatever happened since.
// Only a key of the client's own, whose repeat must get the same cart, puts it into the log.
func (s *Service) cartsCreate(ctx context.Context, c *call, req api.NewCart) (reply, error) {
	k := s.key(c, c.scope(), req)
	if !knownCurrency(req.Currency) {
		return s.storeRefusal(ctx, k, api.Invalid("currency", "Prices exist in EUR and USD."))
	}
	if _, ok := countryOf(req.Country); !ok {
		return s.storeRefusal(ctx, k, api.Invalid("country", "We do not deliver to %q. Give a two-letter country code such as DE or US.", truncate(req.Country, 20)))
	}
	id := s.newCartID(req.Locale)
	if k.Key == "" || isEdgeKey(k.Key) {
		var v api.Cart
		at := s.m.View(func() { v = s.m.cart(id, cartRec{Currency: req.Currency, Country: req.Country}) })
		return reply{value: v, status: 201, index: at}, nil
	}
	return s.propose(ctx, cmdCreateCart, k, createCartCmd{ID: id, Currency: req.Currency, Country: req.Country})
}

func (s *Service) cartsPutLine(ctx context.Context, c *call, req api.PutLine) (reply, error) {
	if len(req.Cart) > maxID {
		return reply{}, noCart()
	}
	k := s.key(c, "cart:"+req.Cart, req)
	if req.Quantity < 0 || req.Quantity > api.MaxQuantity {
		return s.storeRefusal(ctx, k, api.Invalid("quantity", "Give a quantity between 0 and %d.", api.MaxQuantity))
	}
	if !skuPattern.MatchString(req.SKU) {
		return s.storeRefusal(ctx, k, api.Invalid("sku", skuRule))
	}
	cmd := putLineCmd{Cart: req.Cart, SKU: req.SKU, Quantity: req.Quantity}
	if fresh, ok := s.freshCart(req.Cart); ok {
		cmd.Currency, cmd.Country = fresh.Currency, fresh.Country
	}
	return s.propose(ctx, cmdPutLine, k, cmd)
}

// A cart's identifier is c TIMELINE - random - currency and country - proof.
const cartProofBytes = 20 // 80 bits in hexadecimal digits

func (s *Service) newCartID(l api.Locale) string {
	id := fmt.Sprintf("c%d-%s-%s%s", s.m.Index().Timeline, newRecordID(16), strings.ToLower(l.Currency), strings.ToLower(l.Country))
	return id + "-" + s.cartProof(id)
}

func (s *Service) cartProof(id string) string {
	return s.cfg.Keyring.LookupHash("cart", id)[:cartProofBytes]
}

// cartParts takes an identifier apart, if it has the form of those that carry a proof.
func cartParts(id string) ([]string, bool) {
	parts := strings.Split(id, "-")
	return parts, len(parts) == 4 && len(parts[2]) == 5 && len(parts[3]) == cartProofBytes
}

// freshCart is the cart that an identifier stands for while it has no row: nothing was put into it
// yet, all of it was bought, or nobody has touched it for long. Identifiers without a proof exist by their
// rows only.
func (s *Service) freshCart(id string) (cartRec, bool) {
	parts, ok := cartParts(id)
	if !ok {
		return cartRec{}, false
	}
	if subtle.ConstantTimeCompare([]byte(parts[3]), []byte(s.cartProof(strings.TrimSuffix(id, "-"+parts[3])))) != 1 {
		return cartRec{}, false
	}
	return cartRec{Currency: strings.ToUpper(parts[2][:3]), Country: strings.ToUpper(parts[2][3:])}, true
}

// stillFresh says that an identifier was given here and its cart has no row.
func (s *Service) stillFresh(id string) bool {
	has := false
	s.m.db.View(func() { _, has = s.m.carts.Get(id) })
	if has {
		return false
	}
	_, ok := s.freshCart(id)
	return ok
}

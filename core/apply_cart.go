package core

import (
	"hash/fnv"
	"slices"
	"strconv"

	"meridian/api"
)

func (m *Machine) applyCreateCart(c createCartCmd) (any, int, *api.Error) {
	if _, exists := m.carts.Get(c.ID); exists {
		return nil, 0, api.NewError(api.CodeConflict, "This cart exists already.")
	}
	rec := cartRec{Currency: c.Currency, Country: c.Country, UpdatedMS: m.now}
	m.carts.Put(c.ID, rec)
	return m.cart(c.ID, rec), 201, nil
}

func (m *Machine) applyPutLine(c putLineCmd) (any, int, *api.Error) {
	rec, ok := m.carts.Get(c.Cart)
	if !ok && c.Currency == "" {
		return nil, 0, noCart()
	}
	if !ok { // nothing was put into it yet
		rec = cartRec{Currency: c.Currency, Country: c.Country}
	}
	ref, ok := m.findSKU(c.SKU)
	if c.Quantity > 0 {
		if !ok {
			return nil, 0, api.NewError(api.CodeNotFound, "There is no SKU %s.", c.SKU)
		}
		p, _ := m.products.Get(ref.handle)
		if p.Draft {
			return nil, 0, api.NewError(api.CodeNotFound, "There is no SKU %s.", c.SKU)
		}
		if _, priced := p.Variants[ref.variant].Prices[rec.Currency]; !priced {
			return nil, 0, api.Invalid("sku", "%s is not sold in %s.", c.SKU, rec.Currency)
		}
	}
	lines := make([]cartLineRec, 0, len(rec.Lines)+1)
	found := false
	for _, l := range rec.Lines {
		if l.SKU == c.SKU {
			found = true
			l.Quantity = c.Quantity
		}
		if l.Quantity > 0 {
			lines = append(lines, l)
		}
	}
	if !found && c.Quantity > 0 {
		lines = append(lines, cartLineRec{c.SKU, c.Quantity})
	}
	if len(lines) > api.MaxCartLines {
		return nil, 0, api.Invalid("sku", "A cart holds at most %d different things.", api.MaxCartLines)
	}
	rec.Lines = lines
	rec.UpdatedMS = m.now
	m.carts.Put(c.Cart, rec)
	return m.cart(c.Cart, rec), 200, nil
}

func noCart() *api.Error {
	return api.NewError(api.CodeNotFound, "There is no such cart. Start a new one.")
}

// pricedLine is a cart line with what it costs now; ok is false when it cannot be bought any more.
type pricedLine struct {
	cartLineRec
	product productRec
	variant variantRec
	unit    int64
	ok      bool
}

// price prices a cart. Lines of one SKU are summed first: checked one by one against the same stock,
// two of them could pass where their sum must not.
func (m *Machine) price(rec cartRec) []pricedLine {
	out := make([]pricedLine, 0, len(rec.Lines))
	for _, l := range rec.Lines {
		if i := slices.IndexFunc(out, func(p pricedLine) bool { return p.SKU == l.SKU }); i >= 0 && !m.skipSum {
			out[i].Quantity += l.Quantity
			continue
		}
		pl := pricedLine{cartLineRec: l}
		if ref, ok := m.findSKU(l.SKU); ok {
			pl.product, _ = m.products.Get(ref.handle)
			pl.variant = pl.product.Variants[ref.variant]
			pl.unit, pl.ok = pl.variant.Prices[rec.Currency]
			pl.ok = pl.ok && !pl.product.Draft
		}
		out = append(out, pl)
	}
	return out
}

// versionOf identifies lines and prices: it changes exactly when one of them does. 53 bits, so that
// it survives every JSON reader.
func versionOf(currency string, lines []pricedLine) int64 {
	h := fnv.New64a()
	b := []byte(currency)
	for _, l := range lines {
		b = append(append(b, 0), l.SKU...)
		b = append(b, 0)
		b = strconv.AppendInt(b, l.Quantity, 10)
		b = append(b, 0)
		b = strconv.AppendInt(b, l.unit, 10)
	}
	h.Write(b)
	return int64(h.Sum64() >> 11)
}

// cart renders a cart at present prices.
func (m *Machine) cart(id string, rec cartRec) api.Cart {
	lines := m.price(rec)
	c := api.Cart{ID: id, Currency: rec.Currency, Country: rec.Country, Lines: []api.CartLine{}, Version: versionOf(rec.Currency, lines)}
	var subtotal int64
	for _, l := range lines {
		v := api.CartLine{
			SKU: l.SKU, Handle: l.product.Handle, Title: lineTitle(l), Quantity: l.Quantity,
			UnitPrice: api.Money{Amount: l.unit, Currency: rec.Currency}, LineTotal: api.Money{Amount: l.unit * l.Quantity, Currency: rec.Currency},
		}
		if l.ok {
			v.Available = m.shown(l.SKU)
			v.Image = m.firstImage(l.product)
			subtotal += l.unit * l.Quantity
		}
		c.Lines = append(c.Lines, v)
	}
	t := totalsOf(subtotal, rec.Currency, rec.Country, "standard", len(lines) > 0)
	c.Totals = t.view(rec.Currency)
	return c
}

func lineTitle(l pricedLine) string {
	if l.product.Handle == "" {
		return l.SKU
	}
	if l.variant.Title == "" || len(l.product.Variants) == 1 {
		return l.product.Title
	}
	return l.product.Title + ", " + l.variant.Title
}

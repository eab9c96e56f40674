package productcsv

import (
	"strconv"
	"strings"

	"meridian/api"
)

// variant takes the variant of a row, if the row has one.
func (s *section) variant() {
	if s.get(colSKU) == "" && s.get(colPrice) == "" && s.get(optionValues[0]) == "" {
		return // a row that only adds a picture
	}
	d := s.d
	if len(d.product.Variants) >= s.p.lim.Variants {
		if len(d.product.Variants) == s.p.lim.Variants && !d.bad {
			s.bad(colSKU, "The product %s has more than %d variants. Split it.", d.product.Handle, s.p.lim.Variants)
		}
		return
	}
	options := s.options()
	v := api.StaffVariant{
		SKU: s.sku(), Options: options, Title: s.text(colVarTitle, maxText),
		Prices: map[string]int64{}, CompareAtPrices: map[string]int64{}, OnHand: s.onHand(),
	}
	if v.Title == "" {
		v.Title = variantTitle(d.options, options)
	}
	if s.get(colPrice) == "" {
		s.bad(colPrice, "%s is missing. Every variant needs a price in %s, for example 12.90.", colPrice, baseCurrency)
	}
	s.price(v.Prices, colPrice, baseCurrency)
	s.price(v.CompareAtPrices, colCompare, baseCurrency)
	for _, cur := range s.head.currencies {
		s.price(v.Prices, pricePrefix+cur, cur)
		s.price(v.CompareAtPrices, comparePrefix+cur, cur)
	}
	d.product.Variants = append(d.product.Variants, v)
	d.product.SKULines = append(d.product.SKULines, s.line)
}

func (s *section) sku() string {
	sku := s.get(colSKU)
	switch {
	case sku == "":
		s.bad(colSKU, "%s is missing. Every variant needs a SKU of its own.", colSKU)
		return ""
	case !validSKU(sku):
		s.bad(colSKU, "%s: %s is not a SKU: use letters, digits, dots, hyphens and underscores, at most 64.", colSKU, quote(sku))
		return ""
	}
	if line, twice := s.p.skus[sku]; twice {
		s.bad(colSKU, "%s: %s is on line %d already. Every variant needs a SKU of its own.", colSKU, sku, line)
		return ""
	}
	s.p.skus[sku] = s.line
	return sku
}

func (s *section) price(into map[string]int64, col, currency string) {
	v := s.get(col)
	if v == "" {
		return
	}
	minor, err := parsePrice(v)
	if err != nil {
		s.bad(col, "%s: %s.", col, err)
		return
	}
	into[currency] = minor
}

func (s *section) onHand() int64 {
	v := s.get(colQty)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err == nil && n < 0:
		s.bad(colQty, "%s: %s is negative; stock is 0 or more.", colQty, quote(v))
	case err != nil:
		s.bad(colQty, "%s: %s is not a whole number, for example 12.", colQty, quote(v))
	case n > maxOnHand:
		s.bad(colQty, "%s: %s is more than %d.", colQty, v, maxOnHand)
	default:
		return n
	}
	return 0
}

// options takes the option values and checks that this combination is new.
func (s *section) options() map[string]string {
	d := s.d
	out := map[string]string{}
	for i, col := range optionValues {
		v := s.text(col, maxText)
		if i >= len(d.options) {
			if v != "" && (i > 0 || v != noOptionValue) {
				s.bad(col, "%s: %s is given, but the product's first row names no such option in %s.", col, quote(v), optionNames[i])
			}
			continue
		}
		if v == "" {
			s.bad(col, "%s is missing: the product has the option %s.", col, quote(d.options[i]))
			continue
		}
		out[d.options[i]] = v
		if name := s.get(optionNames[i]); name != "" && name != d.options[i] {
			s.bad(optionNames[i], "%s: %s differs from %s in the product's first row.", optionNames[i], quote(name), quote(d.options[i]))
		}
	}
	key := comboKey(d.options, out)
	if line, twice := d.combos[key]; twice {
		what := strings.TrimSpace(variantTitle(d.options, out))
		if len(d.options) == 0 {
			s.bad(colSKU, "The product %s has a second variant but no options to tell them apart. Name an option in %s.", d.product.Handle, optionNames[0])
		} else {
			s.bad(optionValues[0], "The variant %s is on line %d already.", quote(what), line)
		}
	} else {
		d.combos[key] = s.line
	}
	return out
}

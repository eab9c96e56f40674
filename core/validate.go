package core

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"meridian/api"
	"meridian/core/productcsv"
)

// The limits of what people may enter.
const (
	maxID        = 100 // of a cart, as it may come from a request
	maxTitle     = 255
	maxText      = 64 << 10
	maxPrice     = 100_000_000 // minor units: a million
	maxVariants  = 100
	maxOptions   = 3
	maxImages    = 50
	maxEmail     = 254
	maxPassword  = 256
	minPassword  = 8
	handleRule   = "A handle is 1 to 128 of a-z, 0-9 and dashes."
	skuRule      = "A SKU is 1 to 64 letters, digits, dots, dashes and underscores."
	longAnswer   = "At most %d characters."
	missingField = "Please fill this in."
)

var (
	handlePattern   = regexp.MustCompile(`^[a-z0-9-]{1,128}$`)
	skuPattern      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	locationPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	assetPattern    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	stemPattern     = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,200}$`)
)

// clean says that text is UTF-8 without control characters.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' })
}

func jsonOf(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, api.Internal(err)
	}
	return b, nil
}

// fields collects what is wrong with a form.
type fields []api.FieldError

func (f *fields) add(name, format string, args ...any) {
	*f = append(*f, api.FieldError{Field: name, Message: fmt.Sprintf(format, args...)})
}

// text checks a line of text: present if needed, at most max characters, nothing unprintable.
func (f *fields) text(name, v string, max int, needed bool) {
	switch {
	case strings.TrimSpace(v) == "" && needed:
		f.add(name, missingField)
	case utf8.RuneCountInString(v) > max:
		f.add(name, longAnswer, max)
	case !clean(v):
		f.add(name, "This holds characters that cannot be printed.")
	}
}

// email checks the shape of an address and returns it in the form that is looked up.
func (f *fields) email(name, v string) string {
	v = strings.TrimSpace(v)
	a, err := mail.ParseAddress(v)
	if v == "" {
		f.add(name, missingField)
		return ""
	}
	_, domain, _ := strings.Cut(v, "@")
	if err != nil || a.Address != v || len(v) > maxEmail || !strings.Contains(domain, ".") || !clean(v) {
		f.add(name, "Give an e-mail address such as name@example.com.")
		return ""
	}
	return strings.ToLower(v)
}

func (f *fields) password(name, v string) {
	if n := utf8.RuneCountInString(v); n < minPassword || len(v) > maxPassword {
		f.add(name, "A password has %d to %d characters.", minPassword, maxPassword)
	}
}

// checkCheckout says what is wrong with a checkout, all of it at once.
func checkCheckout(req api.Checkout) *api.Error {
	var f fields
	f.email("email", req.Email)
	a := req.ShippingAddress
	f.text("shipping_address.name", a.Name, 100, true)
	f.text("shipping_address.line1", a.Line1, 200, true)
	f.text("shipping_address.line2", a.Line2, 200, false)
	f.text("shipping_address.city", a.City, 100, true)
	f.text("shipping_address.postal_code", a.PostalCode, 20, true)
	f.text("shipping_address.region", a.Region, 100, false)
	if _, ok := countryOf(a.Country); !ok {
		f.add("shipping_address.country", "We do not deliver to %q. Give a two-letter country code such as GB, DE, FR, US, JP or IN.", truncate(a.Country, 20))
	} else if _, ok := methodFor(a.Country, req.ShippingMethod); !ok {
		f.add("shipping_method", "There is no way to deliver called %q to this country. Choose one of %s.", truncate(req.ShippingMethod, 40), methodNames(a.Country))
	}
	if req.Payment.Provider != "sandbox" {
		f.add("payment.provider", "There is no payment provider %q here. Use sandbox.", truncate(req.Payment.Provider, 40))
	}
	f.text("payment.token", req.Payment.Token, 200, true)
	if len(f) > 0 {
		return api.InvalidFields(f)
	}
	return nil
}

func methodNames(country string) string {
	var names []string
	for _, s := range methodsFor(country) {
		names = append(names, s.id)
	}
	return strings.Join(names, ", ")
}

func truncate(s string, n int) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	if len(r) > n {
		return string(r[:n]) + "…"
	}
	return string(r)
}

// toRecord checks a product and makes it a record, with the stock of its SKUs.
func toRecord(p api.StaffProduct) (productRec, map[string]int64, []api.FieldError) {
	var f fields
	if !handlePattern.MatchString(p.Handle) {
		f.add("handle", handleRule)
	}
	f.text("title", p.Title, maxTitle, true)
	f.text("vendor", p.Vendor, maxTitle, false)
	f.text("type", p.Type, maxTitle, false)
	if len(p.DescriptionHTML) > maxText || !clean(p.DescriptionHTML) {
		f.add("description_html", "At most %d bytes of text.", maxText)
	}
	if p.Status != "active" && p.Status != "draft" && p.Status != "" {
		f.add("status", "A product is active or draft.")
	}
	if len(p.Tags) > 250 || len(p.Collections) > 250 || len(p.Images) > maxImages || len(p.Clips) > maxImages {
		f.add("tags", "At most 250 tags, 250 collections and %d pictures.", maxImages)
	}
	rec := productRec{Handle: p.Handle, Title: strings.TrimSpace(p.Title), HTML: productcsv.CleanHTML(p.DescriptionHTML), Vendor: p.Vendor, Type: p.Type,
		Draft: p.Status == "draft"}
	for i, t := range p.Tags {
		f.text(fmt.Sprintf("tags.%d", i), t, maxTitle, true)
		rec.Tags = append(rec.Tags, t)
	}
	for i, c := range p.Collections {
		if !handlePattern.MatchString(c) {
			f.add(fmt.Sprintf("collections.%d", i), handleRule)
		}
		rec.Collections = append(rec.Collections, c)
	}
	for i, img := range p.Images {
		if !assetPattern.MatchString(img.Asset) {
			f.add(fmt.Sprintf("images.%d.asset", i), "Give the name of an uploaded file.")
		}
		f.text(fmt.Sprintf("images.%d.alt", i), img.Alt, 500, false)
		rec.Images = append(rec.Images, imageRec{img.Asset, img.Alt})
	}
	for i, c := range p.Clips {
		if !stemPattern.MatchString(c.URL) {
			f.add(fmt.Sprintf("clips.%d.url", i), "Give the name of an uploaded clip.")
		}
		rec.Clips = append(rec.Clips, c.URL)
	}
	stock := f.variants(&rec, p)
	return rec, stock, f
}

func (f *fields) variants(rec *productRec, p api.StaffProduct) map[string]int64 {
	if len(p.Options) > maxOptions {
		f.add("options", "At most %d options.", maxOptions)
	}
	for i, o := range p.Options {
		f.text(fmt.Sprintf("options.%d.name", i), o.Name, maxTitle, true)
		rec.Options = append(rec.Options, optionRec(o))
	}
	if len(p.Variants) == 0 || len(p.Variants) > maxVariants {
		f.add("variants", "A product has 1 to %d variants.", maxVariants)
	}
	stock := map[string]int64{}
	combos := map[string]bool{}
	for i, v := range p.Variants {
		at := func(name string) string { return fmt.Sprintf("variants.%d.%s", i, name) }
		r := variantRec{SKU: v.SKU, Title: v.Title, Prices: copyPrices(v.Prices), Compare: copyPrices(v.CompareAtPrices)}
		if !skuPattern.MatchString(v.SKU) {
			f.add(at("sku"), skuRule)
		}
		f.text(at("title"), v.Title, maxTitle, false)
		for _, o := range p.Options {
			choice, ok := v.Options[o.Name]
			if !ok || !contains(o.Values, choice) {
				f.add(at("options."+o.Name), "Choose one of %s.", truncate(strings.Join(o.Values, ", "), 200))
			}
			r.Choices = append(r.Choices, choice)
		}
		if len(v.Options) > len(p.Options) {
			f.add(at("options"), "There are options the product does not have.")
		}
		if combo := strings.Join(r.Choices, "\x00"); combos[combo] {
			f.add(at("options"), "Another variant has the same options.")
		} else {
			combos[combo] = true
		}
		f.prices(at("prices"), v.Prices, true)
		f.prices(at("compare_at_prices"), v.CompareAtPrices, false)
		if v.OnHand < 0 || v.OnHand > maxOnHand {
			f.add(at("on_hand"), "Give a count between 0 and %d.", maxOnHand)
		}
		stock[v.SKU] = v.OnHand
		rec.Variants = append(rec.Variants, r)
	}
	return stock
}

func (f *fields) prices(name string, ps map[string]int64, needed bool) {
	if needed && len(ps) == 0 {
		f.add(name, "Give at least one price, for example {\"EUR\": 1999}.")
	}
	names := make([]string, 0, len(ps))
	for c := range ps {
		names = append(names, c)
	}
	sort.Strings(names)
	for _, c := range names {
		switch {
		case !knownCurrency(c):
			f.add(name+"."+truncate(c, 8), "Prices are in %s.", strings.Join(currencies, " or "))
		case ps[c] < 0 || ps[c] > maxPrice:
			f.add(name+"."+c, "Give a price between 0 and %d in minor units.", maxPrice)
		}
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

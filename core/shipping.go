package core

import (
	"time"

	"meridian/api"
)

// country is a place the shop delivers to. Tax is in permille of the net price and part of the price;
// 0 where prices are shown without tax.
type country struct {
	code string
	tax  int64
	zone string // eu, us or row: rest of the world
}

var countries = []country{
	{"AT", 200, "eu"}, {"AU", 100, "row"}, {"BE", 210, "eu"}, {"CA", 0, "row"}, {"CH", 81, "eu"}, {"CZ", 210, "eu"},
	{"DE", 190, "eu"}, {"DK", 250, "eu"}, {"ES", 210, "eu"}, {"FI", 255, "eu"}, {"FR", 200, "eu"}, {"GB", 200, "eu"},
	{"IE", 230, "eu"}, {"IN", 180, "row"}, {"IT", 220, "eu"}, {"JP", 100, "row"}, {"LU", 170, "eu"}, {"NL", 210, "eu"},
	{"NO", 250, "eu"}, {"NZ", 150, "row"}, {"PL", 230, "eu"}, {"PT", 230, "eu"}, {"SE", 250, "eu"}, {"SG", 90, "row"}, {"US", 0, "us"},
}

func countryOf(code string) (country, bool) {
	for _, c := range countries {
		if c.code == code {
			return c, true
		}
	}
	return country{}, false
}

// shippingMethod is a way to deliver within a zone. Prices are in minor units, the same figure in every currency.
type shippingMethod struct {
	id, title string
	zone      string
	price     int64
	freeFrom  int64 // 0: never free
	days      [2]int
}

var shippingMethods = []shippingMethod{
	{"standard", "Standard delivery", "eu", 490, 5000, [2]int{2, 4}},
	{"express", "Express delivery", "eu", 1290, 0, [2]int{1, 1}},
	{"standard", "Standard delivery", "us", 590, 6000, [2]int{3, 5}},
	{"express", "Express delivery", "us", 1490, 0, [2]int{1, 2}},
	{"standard", "Standard delivery", "row", 990, 10000, [2]int{5, 9}},
	{"express", "Express delivery", "row", 2490, 0, [2]int{2, 4}},
}

func methodsFor(code string) []shippingMethod {
	c, ok := countryOf(code)
	if !ok {
		return nil
	}
	var out []shippingMethod
	for _, s := range shippingMethods {
		if s.zone == c.zone {
			out = append(out, s)
		}
	}
	return out
}

func methodFor(code, id string) (shippingMethod, bool) {
	for _, s := range methodsFor(code) {
		if s.id == id {
			return s, true
		}
	}
	return shippingMethod{}, false
}

// currencies are those prices exist in.
var currencies = []string{"EUR", "USD"}

func knownCurrency(c string) bool { return c == "EUR" || c == "USD" }

// totals are amounts in minor units of one currency. total = subtotal - discount + shipping; tax is the part of total that is tax.
type totals struct{ subtotal, discount, shipping, tax, total int64 }

// totalsOf adds up. Tax is included in prices: tax = total * rate / (1 + rate), rounded half up.
func totalsOf(subtotal int64, currency, countryCode, method string, anything bool) totals {
	t := totals{subtotal: subtotal}
	if s, ok := methodFor(countryCode, method); ok && anything {
		t.shipping = s.price
		if s.freeFrom > 0 && subtotal >= s.freeFrom {
			t.shipping = 0
		}
	}
	t.total = t.subtotal - t.discount + t.shipping
	if c, ok := countryOf(countryCode); ok && c.tax > 0 {
		t.tax = (t.total*c.tax + (1000+c.tax)/2) / (1000 + c.tax)
	}
	return t
}

func (t totals) view(currency string) api.Totals {
	m := func(n int64) api.Money { return api.Money{Amount: n, Currency: currency} }
	return api.Totals{Subtotal: m(t.subtotal), Discount: m(t.discount), Shipping: m(t.shipping), Tax: m(t.tax), Total: m(t.total)}
}

// delivery is the promised window for something ordered at now: working days only, orders after 14:00 UTC leave the next day.
func (s shippingMethod) delivery(now time.Time) api.Delivery {
	if now.UTC().Hour() >= 14 {
		now = now.AddDate(0, 0, 1)
	}
	return api.Delivery{From: addWorkingDays(now, s.days[0]), To: addWorkingDays(now, s.days[1])}
}

func addWorkingDays(t time.Time, n int) string {
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if wd := t.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return t.UTC().Format(time.DateOnly)
}

// methods answers which ways to deliver there are.
func methods(l api.Locale, now time.Time) (api.List[api.ShippingMethod], *api.Error) {
	out := api.List[api.ShippingMethod]{Items: []api.ShippingMethod{}}
	ms := methodsFor(l.Country)
	if ms == nil {
		return out, api.Invalid("country", "We do not deliver to %q. Give a two-letter country code such as GB, DE, FR, US, JP or IN.", l.Country)
	}
	cur := l.Currency
	if !knownCurrency(cur) {
		return out, api.Invalid("currency", "Prices exist in EUR and USD.")
	}
	for _, s := range ms {
		v := api.ShippingMethod{ID: s.id, Title: s.title, Price: api.Money{Amount: s.price, Currency: cur}, Delivery: s.delivery(now)}
		if s.freeFrom > 0 {
			v.FreeFrom = &api.Money{Amount: s.freeFrom, Currency: cur}
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

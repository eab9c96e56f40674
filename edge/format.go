package edge

import (
	"strconv"
	"strings"
	"time"

	"meridian/api"
)

// money formats an amount as unbroken text, such as €1,234.50: the sign before the figure, no space
// that a line could break at.
func money(m api.Money) string {
	sign, digits := "", 2
	prefix := m.Currency + "\u00a0"
	switch m.Currency {
	case "EUR":
		prefix = "€"
	case "USD":
		prefix = "$"
	case "GBP":
		prefix = "£"
	case "JPY":
		prefix, digits = "¥", 0
	case "INR":
		prefix = "₹"
	}
	u := uint64(m.Amount)
	if m.Amount < 0 {
		sign, u = "-", -u
	}
	s := strconv.FormatUint(u, 10)
	for len(s) <= digits {
		s = "0" + s
	}
	whole, fraction := s[:len(s)-digits], s[len(s)-digits:]
	if digits > 0 {
		fraction = "." + fraction
	}
	return sign + prefix + grouped(whole) + fraction
}

// grouped puts a comma before every third digit from the right.
func grouped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// decimal is an amount without currency, as schema.org wants it: 19.99.
func decimal(m api.Money) string {
	if m.Currency == "JPY" {
		return strconv.FormatInt(m.Amount, 10)
	}
	s := money(api.Money{Amount: m.Amount, Currency: "USD"})
	return strings.NewReplacer("$", "", ",", "").Replace(s)
}

// delivered is the promise of a window: "Delivered between Tue 24 and Thu 26 November". Dates that
// cannot be read promise nothing.
func delivered(d api.Delivery) string {
	from, err1 := time.Parse(time.DateOnly, d.From)
	to, err2 := time.Parse(time.DateOnly, d.To)
	switch {
	case err1 != nil || err2 != nil:
		return ""
	case from.Equal(to):
		return "Delivered on " + to.Format("Mon 2 January")
	case from.Month() == to.Month():
		return "Delivered between " + from.Format("Mon 2") + " and " + to.Format("Mon 2 January")
	}
	return "Delivered between " + from.Format("Mon 2 January") + " and " + to.Format("Mon 2 January")
}

// day is the date of a moment in words, or the text itself where it is no moment.
func day(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format("2 January 2006")
}

// moment is a date with the time of day.
func moment(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// countries are the names of where the demo ships to; others are shown by their code.
var countries = []struct{ code, name string }{
	{"AT", "Austria"}, {"AU", "Australia"}, {"BE", "Belgium"}, {"CA", "Canada"}, {"CH", "Switzerland"}, {"CZ", "Czechia"}, {"DE", "Germany"}, {"DK", "Denmark"},
	{"ES", "Spain"}, {"FI", "Finland"}, {"FR", "France"}, {"GB", "United Kingdom"}, {"IE", "Ireland"}, {"IN", "India"}, {"IT", "Italy"},
	{"JP", "Japan"}, {"LU", "Luxembourg"}, {"NL", "Netherlands"}, {"NO", "Norway"}, {"NZ", "New Zealand"}, {"PL", "Poland"}, {"PT", "Portugal"}, {"SE", "Sweden"}, {"SG", "Singapore"}, {"US", "United States"},
}

// statusLabel says an order's status to people.
func statusLabel(status string) string {
	switch status {
	case api.OrderPendingPayment:
		return "Waiting for payment"
	case api.OrderPaid:
		return "Paid"
	case api.OrderPartiallyFulfilled:
		return "Partly sent"
	case api.OrderFulfilled:
		return "Sent"
	case api.OrderCancelled:
		return "Cancelled"
	case api.OrderPartiallyRefunded:
		return "Partly refunded"
	case api.OrderRefunded:
		return "Refunded"
	}
	return status
}

package core

import (
	"fmt"
	"html"
	"net/url"
	"strings"

	"meridian/api"
)

var mailSubjects = map[string]string{
	"order_placed":    "Your order %s",
	"order_cancelled": "Your order %s was cancelled",
	"order_refunded":  "A refund for your order %s",
}

var mailOpenings = map[string]string{
	"order_placed":    "Thank you for your order. We are getting it ready.",
	"order_cancelled": "Your order was cancelled. What you paid is on its way back to you.",
	"order_refunded":  "We have sent money back to the card you paid with.",
}

// orderMail writes the mail for something that happened to an order; false when there is none to send.
func orderMail(e outboxRec, o api.Order, c contactData, shop string) (Mail, bool) {
	subject, ok := mailSubjects[e.Type]
	if !ok || c.Email == "" {
		return Mail{}, false
	}
	link := strings.TrimRight(shop, "/") + "/orders/" + url.PathEscape(o.ID) + "?key=" + url.QueryEscape(o.Key)
	var text, rows strings.Builder
	fmt.Fprintf(&text, "Hello %s,\n\n%s\n\nOrder %s\n\n", c.Address.Name, mailOpenings[e.Type], o.Number)
	for _, l := range o.Lines {
		fmt.Fprintf(&text, "  %d x %s  %s\n", l.Quantity, l.Title, plainMoney(l.LineTotal))
		fmt.Fprintf(&rows, "<tr><td>%d ×</td><td>%s</td><td align=\"right\">%s</td></tr>", l.Quantity, html.EscapeString(l.Title), plainMoney(l.LineTotal))
	}
	sums := [][2]string{{"Delivery", plainMoney(o.Totals.Shipping)}, {"Total", plainMoney(o.Totals.Total)}, {"of which tax", plainMoney(o.Totals.Tax)}}
	if e.Amount > 0 {
		sums = append(sums, [2]string{"Refunded now", plainMoney(api.Money{Amount: e.Amount, Currency: o.Totals.Total.Currency})})
	}
	for _, s := range sums {
		fmt.Fprintf(&text, "  %s: %s\n", s[0], s[1])
		fmt.Fprintf(&rows, "<tr><td></td><td>%s</td><td align=\"right\">%s</td></tr>", s[0], s[1])
	}
	fmt.Fprintf(&text, "\nFollow it here: %s\n\nMeridian\n", link)
	body := fmt.Sprintf("<p>Hello %s,</p><p>%s</p><h2>Order %s</h2><table cellpadding=\"6\">%s</table><p><a href=\"%s\">Follow your order</a></p><p>Meridian</p>",
		html.EscapeString(c.Address.Name), mailOpenings[e.Type], html.EscapeString(o.Number), rows.String(), html.EscapeString(link))
	return Mail{ID: fmt.Sprintf("%s.%d.%s", o.ID, e.Seq, e.Type), To: c.Email, Subject: fmt.Sprintf(subject, o.Number), Text: text.String(), HTML: body}, true
}

func plainMoney(m api.Money) string {
	return fmt.Sprintf("%s %d.%02d", m.Currency, m.Amount/100, m.Amount%100)
}

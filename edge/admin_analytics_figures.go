package edge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"meridian/web"
)

// sums are the overview's figures over time: those of sessions once a period, those of orders by currency.
type sums struct {
	periods                       []string
	sessions, orders              []float64
	visitors                      []float64
	revenue                       map[string][]float64
	allSessions, allOrders, carts float64
	allRevenue                    map[string]float64
	ordersIn                      map[string]float64
}

func sumUp(t *ReportTable) sums {
	s := sums{revenue: map[string][]float64{}, allRevenue: map[string]float64{}, ordersIn: map[string]float64{}}
	at := t.number
	for _, row := range t.Rows {
		period := t.text(row, "period")
		if len(s.periods) == 0 || s.periods[len(s.periods)-1] != period {
			s.periods = append(s.periods, period)
			s.sessions, s.visitors, s.orders = append(s.sessions, at(row, "sessions")), append(s.visitors, at(row, "visitors")), append(s.orders, 0)
			s.allSessions, s.carts = s.allSessions+at(row, "sessions"), s.carts+at(row, "carts")
		}
		i := len(s.periods) - 1
		s.orders[i] += at(row, "orders")
		s.allOrders += at(row, "orders")
		if currency := t.text(row, "currency"); currency != "" {
			for len(s.revenue[currency]) <= i {
				s.revenue[currency] = append(s.revenue[currency], 0)
			}
			s.revenue[currency][i] += at(row, "revenue")
			s.allRevenue[currency] += at(row, "revenue")
			s.ordersIn[currency] += at(row, "orders")
		}
	}
	for currency, list := range s.revenue {
		for len(list) < len(s.periods) {
			list = append(list, 0)
		}
		s.revenue[currency] = list
	}
	return s
}

// currencies are those in which something was sold, the one with most revenue first.
func (s sums) currencies() []string {
	var list []string
	for c := range s.allRevenue {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b string) int {
		if s.allRevenue[a] != s.allRevenue[b] {
			return int(math.Copysign(1, s.allRevenue[b]-s.allRevenue[a]))
		}
		return strings.Compare(a, b)
	})
	return list
}

// figures are the numbers at the top: of the period, and how they moved since the one before.
func figures(now, was *ReportTable) []web.Figure {
	n := sumUp(now)
	w := sums{}
	if was != nil {
		w = sumUp(was)
	}
	var list []web.Figure
	for _, c := range n.currencies() {
		suffix := ""
		if len(n.allRevenue) > 1 {
			suffix = ", " + c
		}
		list = append(list,
			figure("Revenue"+suffix, cellText(int64(n.allRevenue[c]), ReportColumn{Unit: "minor"}, c), n.allRevenue[c], w.allRevenue[c], n.revenue[c]),
			figure("Average order"+suffix, cellText(int64(ratio(n.allRevenue[c], n.ordersIn[c])), ReportColumn{Unit: "minor"}, c), ratio(n.allRevenue[c], n.ordersIn[c]), ratio(w.allRevenue[c], w.ordersIn[c]), nil))
	}
	if len(n.allRevenue) == 0 {
		list = append(list, figure("Revenue", "none", 0, sum(w.allRevenue), nil))
	}
	return append(list,
		figure("Orders", thousands(uint64(n.allOrders)), n.allOrders, w.allOrders, n.orders),
		figure("Sessions", thousands(uint64(n.allSessions)), n.allSessions, w.allSessions, n.sessions),
		figure("Conversion", strconv.FormatFloat(100*ratio(n.allOrders, n.allSessions), 'f', 2, 64)+" %", ratio(n.allOrders, n.allSessions), ratio(w.allOrders, w.allSessions), nil),
	)
}

func sum(m map[string]float64) (s float64) {
	for _, v := range m {
		s += v
	}
	return s
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// figure says how a number moved. From nothing there is no percentage.
func figure(label, value string, now, was float64, trend []float64) web.Figure {
	f := web.Figure{Label: label, Value: value, Trend: trend}
	switch {
	case was == 0 && now == 0:
	case was == 0:
		f.Change, f.Tone = "none in the period before", "good"
	default:
		change := 100 * (now - was) / was
		f.Change = fmt.Sprintf("%+.1f %% on the period before", change)
		switch {
		case change >= .05:
			f.Tone = "good"
		case change <= -.05:
			f.Tone = "bad"
		}
	}
	return f
}

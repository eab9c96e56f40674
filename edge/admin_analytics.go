package edge

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/web"
)

// panelInfo is how a report is shown on the page of analytics.
type panelInfo struct {
	report, about, empty string
	// drawn is the column whose share of the largest is drawn beside each row, or "".
	drawn string
	// narrows are the filters that a row narrows the page to, by column.
	narrows map[string]string
}

// panelInfos are the panels in their order; overview, which is the figures and the chart, comes first and by itself.
var panelInfos = []panelInfo{
	{report: "funnel", about: "Sessions that came so far, each step only after the one before. A session counts once a day. Orders are the core's, not the browser's.", empty: "Nobody was here in this period."},
	{report: "live", about: "Sessions that did something in the last five minutes and in the last half hour, whatever the period above.", empty: "Nobody is here right now.", drawn: "half_hour", narrows: map[string]string{"region": "region", "device": "device"}},
	{report: "audience", about: "Sessions, visitors who agreed to be recognised, and orders, by the region of the edge that served them and the kind of device. An order has the region and device of its session's cart.", empty: "Nobody was here in this period.", drawn: "sessions", narrows: map[string]string{"region": "region", "device": "device"}},
	{report: "top_products", about: "Viewers and carters are sessions, once a day; revenue is what was ordered of the product, before shipping. Conversion is orders of it per session that looked at it.", empty: "Nothing was looked at or ordered in this period.", drawn: "revenue"},
	{report: "slow_products", about: "Products whose orders stay furthest behind what as many viewers order of the average product.", empty: "No product is behind the average.", drawn: "missed_orders"},
	{report: "searches", about: "What was typed, in lower case. Clicked: the session looked at a product within half an hour. Without results is where a synonym or a product is missing.", empty: "Nobody searched in this period.", drawn: "searches"},
	{report: "recommendations", about: "Impressions and clicks by place, algorithm and version of the table. An ordered product belongs to the last recommendation of it that its session clicked in the 24 hours before.", empty: "No recommendation was shown in this period.", drawn: "impressions"},
	{report: "abandoned_carts", about: "Sessions that put something into the cart and did not order within a day. Value is what they had put in.", empty: "No cart was begun in this period.", drawn: "value"},
	{report: "retention", about: "Of the visitors first seen in a week of this period, how many percent came back one to four weeks later. Only visitors who agreed to be recognised.", empty: "No visitor agreed to be recognised in this period."},
	{report: "stock_out", about: "Products that sold, are still looked at, and have gone without an order for four times their usual gap: the shelf may be empty.", empty: "No product that sold has gone quiet."},
}

const (
	grainHour, grainDay = "hour", "day"
	// hourlyDays is up to how many days are shown by the hour where nothing is said.
	hourlyDays = 2
	// aDay is the length of a day in UTC.
	aDay = 24 * time.Hour
)

// analyticsQuery is what the page's address says.
type analyticsQuery struct {
	first, last           time.Time // days, both in the period
	grain, region, device string
	compare               bool
}

// readAnalytics reads the address. What cannot be is put right, since people edit addresses: a page of reports is no place for errors.
func readAnalytics(q map[string][]string, now time.Time) (a analyticsQuery) {
	today := now.UTC().Truncate(aDay)
	day := func(name string, otherwise time.Time) time.Time {
		if t, err := time.Parse(time.DateOnly, first(q, name)); err == nil && t.Year() >= 2000 && !t.After(today) {
			return t
		}
		return otherwise
	}
	a.last = day("last", today)
	a.first = day("first", a.last.Add(-defaultSpan+aDay))
	if a.first.After(a.last) {
		a.first, a.last = a.last, a.first
	}
	if earliest := a.last.Add(aDay - reportSpan); a.first.Before(earliest) {
		a.first = earliest
	}
	a.grain = first(q, "grain")
	if !slices.Contains(reportIntervals[1:], a.grain) || a.grain == grainHour && a.days() > 92 {
		a.grain = grainDay
		if a.days() <= hourlyDays {
			a.grain = grainHour
		}
	}
	if d := first(q, "device"); slices.Contains(reportDevices, d) {
		a.device = d
	}
	if r := first(q, "region"); len(r) <= maxRegion && strings.ToValidUTF8(r, "") == r {
		a.region = r
	}
	a.compare = first(q, "compare") == "1"
	return a
}

func (a analyticsQuery) days() int { return int(a.last.Sub(a.first)/aDay) + 1 }

func (a analyticsQuery) report() ReportQuery {
	return ReportQuery{From: a.first, To: a.last.Add(aDay), Interval: a.grain, Region: a.region, Device: a.device}
}

// with is the page's address with some parameters changed; an empty value leaves one out.
func (a analyticsQuery) with(change map[string]string) string {
	q := url.Values{"first": {a.first.Format(time.DateOnly)}, "last": {a.last.Format(time.DateOnly)}, "grain": {a.grain}, "region": {a.region}, "device": {a.device}}
	if a.compare {
		q.Set("compare", "1")
	}
	for k, v := range change {
		q.Set(k, v)
	}
	for k := range q {
		if q.Get(k) == "" {
			q.Del(k)
		}
	}
	return "/admin/analytics?" + q.Encode()
}

// csv is where a report's file is, for the same period and filters.
func (a analyticsQuery) csv(report string) string {
	q := url.Values{"from": {a.first.Format(time.DateOnly)}, "to": {a.last.Add(aDay).Format(time.DateOnly)}, "interval": {a.grain}, "format": {"csv"}}
	if a.region != "" {
		q.Set("region", a.region)
	}
	if a.device != "" {
		q.Set("device", a.device)
	}
	if a.compare {
		q.Set("compare", "1")
	}
	return "/admin/api/v1/analytics/" + report + "?" + q.Encode()
}

func (s *Shop) analyticsPage(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	who, elsewhere, err := s.atDesk(ctx, t, roleMerchandiser)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	q := readAnalytics(r.Query, s.cfg.Now())
	v := web.Analytics{Who: who.Email, Role: who.Role, Filters: filters(q, s.cfg.Now())}
	missing := 0
	read := func(name string, rq ReportQuery) *ReportTable {
		table, err := s.runReport(ctx, name, rq)
		if err != nil {
			missing++
			s.cfg.Log.Warn("report not read", "report", name, "err", err, "request_id", r.Call.RequestID)
			return nil
		}
		return &table
	}
	if s.cfg.Reports == nil {
		v.Note = "Reports are switched off here: this edge runs without ClickHouse."
	} else {
		rq := q.report()
		now := read("overview", rq)
		before := rq
		before.From, before.To = rq.From.Add(-rq.To.Sub(rq.From)), rq.From
		var was *ReportTable
		if now != nil {
			was = read("overview", before)
			v.Figures = figures(now, was)
			v.Panels = append(v.Panels, overviewPanel(q, now, was))
		}
		titles := map[string]string{} // of the reports that there are
		for _, info := range s.cfg.Reports.Reports() {
			titles[info.Name] = info.Title
		}
		for _, info := range panelInfos {
			if titles[info.report] == "" {
				continue
			}
			if table := read(info.report, rq); table != nil {
				v.Panels = append(v.Panels, info.panel(q, titles[info.report], table))
				if info.report == "audience" {
					v.Filters.Regions = regionChoices(table, q.region)
				}
			}
		}
		if missing > 0 {
			v.Note = "Some reports cannot be read right now. Nothing is lost; they will be back. Try again in a minute."
		}
	}
	v.Layout = deskLayout(r, "Analytics", who)
	return page(t.answer(), 200, v)
}

func filters(q analyticsQuery, now time.Time) web.Filters {
	today := now.UTC().Truncate(aDay)
	f := web.Filters{First: q.first.Format(time.DateOnly), Last: q.last.Format(time.DateOnly), Today: today.Format(time.DateOnly), Compare: q.compare,
		Grains:  choices(q.grain, "hour", "Hour", "day", "Day", "week", "Week", "month", "Month"),
		Devices: choices(q.device, "", "All", "desktop", "Desktop", "mobile", "Mobile", "tablet", "Tablet"),
		Regions: choices(q.region, "", "All")}
	if q.region != "" {
		f.Regions = choices(q.region, "", "All", q.region, q.region)
	}
	for _, p := range []struct {
		label string
		days  int
	}{{"Today", 1}, {"7 days", 7}, {"30 days", 30}, {"90 days", 90}} {
		from := today.AddDate(0, 0, 1-p.days)
		f.Presets = append(f.Presets, web.Link{Label: p.label, Href: q.with(map[string]string{"first": from.Format(time.DateOnly), "last": today.Format(time.DateOnly), "grain": ""}),
			Current: from.Equal(q.first) && today.Equal(q.last)})
	}
	if q.region != "" {
		f.Chosen = append(f.Chosen, web.Link{Label: "Region " + q.region, Href: q.with(map[string]string{"region": ""})})
	}
	if q.device != "" {
		f.Chosen = append(f.Chosen, web.Link{Label: titled(q.device), Href: q.with(map[string]string{"device": ""})})
	}
	return f
}

func choices(chosen string, pairs ...string) (list []web.Choice) {
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, web.Choice{Value: pairs[i], Label: pairs[i+1], Selected: pairs[i] == chosen})
	}
	return list
}

// regionChoices are the regions that the period knows, and the one that is chosen.
func regionChoices(audience *ReportTable, chosen string) []web.Choice {
	all := []string{chosen}
	for _, row := range audience.Rows {
		all = append(all, audience.text(row, "region"))
	}
	slices.Sort(all)
	pairs := []string{"", "All"}
	for _, r := range slices.Compact(all) {
		if r != "" {
			pairs = append(pairs, r, r)
		}
	}
	return choices(chosen, pairs...)
}

// column is the place of a column by its name, -1 where there is none.
func (t *ReportTable) column(name string) int {
	return slices.IndexFunc(t.Columns, func(c ReportColumn) bool { return c.Name == name })
}

// cell is what a row has in a column, nil where there is no such column.
func (t *ReportTable) cell(row []any, name string) any {
	if i := t.column(name); i >= 0 && i < len(row) {
		return row[i]
	}
	return nil
}

func (t *ReportTable) text(row []any, name string) string {
	s, _ := t.cell(row, name).(string)
	return s
}

// number is a figure of a row; what is none counts as nothing.
func (t *ReportTable) number(row []any, name string) float64 {
	switch v := t.cell(row, name).(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

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

// overviewPanel is revenue over time, in the currency that sold most, or sessions where nothing was sold.
func overviewPanel(q analyticsQuery, now, was *ReportTable) web.Panel {
	p := web.Panel{ID: "panel-overview", CSV: q.csv("overview"), Table: tableView("Over time", now, len(now.Rows)),
		About: "Sessions count once an hour in a report by the hour, and once a day in all others. Visitors agreed to be recognised and count once in each row. Revenue is what was ordered, with shipping; refunds stand beside it and are not taken off. Conversion is orders per session."}
	n, w := sumUp(now), sums{}
	if was != nil {
		w = sumUp(was)
	}
	c := web.Chart{Name: "Sessions", Now: n.sessions, Before: w.sessions}
	unit, currency := ReportColumn{}, ""
	if all := n.currencies(); len(all) > 0 {
		unit, currency = ReportColumn{Unit: "minor"}, all[0]
		c.Name, c.Now, c.Before = "Revenue, "+currency, n.revenue[currency], w.revenue[currency]
	}
	if !q.compare {
		c.Before = nil
	} else {
		c.Name += ", dashed the period before"
	}
	for i, period := range n.periods {
		c.Labels = append(c.Labels, periodWords(period, q.grain))
		c.Values = append(c.Values, cellText(int64(c.Now[i]), unit, currency))
	}
	p.Title, p.Chart = "Over time", &c
	return p
}

// periodWords names a bucket: hours by their time, all others by their first day.
func periodWords(period, grain string) string {
	t, err := time.Parse(time.RFC3339, period)
	if err != nil {
		return period
	}
	if grain == grainHour {
		return t.UTC().Format("2 Jan 15:04")
	}
	return t.UTC().Format("2 Jan 2006")
}

// panel shows a report's answer.
func (info panelInfo) panel(q analyticsQuery, title string, t *ReportTable) web.Panel {
	p := web.Panel{ID: "panel-" + strings.ReplaceAll(info.report, "_", "-"), About: info.about, CSV: q.csv(info.report), Table: tableView(title, t, analyticsRows)}
	p.Empty = info.empty
	for i := range p.Rows {
		if p.Rows[i][0] == "" {
			p.Rows[i][0] = "not known"
		}
	}
	rows := t.Rows[:min(len(t.Rows), analyticsRows)]
	if info.report == "funnel" {
		p.Stages = funnelStages(t)
		return p
	}
	if t.column(info.drawn) >= 0 {
		largest := 0.0
		for _, row := range rows {
			largest = max(largest, t.number(row, info.drawn))
		}
		for _, row := range rows {
			p.Shares = append(p.Shares, ratio(t.number(row, info.drawn), largest))
		}
	}
	for _, row := range rows {
		switch {
		case len(info.narrows) > 0:
			change := map[string]string{}
			for column, param := range info.narrows {
				if v := t.text(row, column); v != "" {
					change[param] = v
				}
			}
			p.Ways = append(p.Ways, q.with(change))
		case t.column("product") == 0:
			p.Ways = append(p.Ways, "/products/"+url.PathEscape(t.text(row, "product")))
		case info.report == "searches":
			p.Ways = append(p.Ways, "/search?"+url.Values{"q": {t.text(row, "query")}}.Encode())
		}
	}
	return p
}

// analyticsRows is how many rows of a report the page shows; its file has all.
const analyticsRows = 50

func funnelStages(t *ReportTable) (stages []web.Stage) {
	for i, row := range t.Rows {
		stage := web.Stage{Label: titled(t.text(row, "step")), Value: thousands(uint64(t.number(row, "sessions"))), Share: t.number(row, "of_first") / 100}
		if i > 0 {
			stage.Lost = fmt.Sprintf("%.1f %% of the step before", t.number(row, "of_previous"))
		}
		stages = append(stages, stage)
	}
	return stages
}

package edge

import (
	"context"
	"fmt"
	"net/url"
	"slices"
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
	{report: "lift", about: "Visits that got the table of recommendations against those held out, which got what is popular (--recommend-holdout). A visit counts from the first list that came into view and could have been either, for a day: whether it clicked a recommendation, ordered, and what it spent. Per session is a share in percent, or money. The lift is what the table adds; between low and high it lies with 95 % confidence. Judge by the row over all places, and fix beforehand how long you wait.", empty: "No list that is compared was seen in this period."},
	{report: "abandoned_carts", about: "Sessions that put something into the cart and did not order within a day. Value is what they had put in.", empty: "No cart was begun in this period.", drawn: "value"},
	{report: "retention", about: "Of the visitors first seen in a week of this period, how many percent came back one to four weeks later. Only visitors who agreed to be recognised.", empty: "No visitor agreed to be recognised in this period."},
	{report: shelfReport, about: "How many can still be sold, at all locations together, and how many days that lasts if they go on selling as in this period. Of the whole shop, whatever the region and device above.", empty: "Nothing was ordered in this period."},
	{report: "stock_out", about: "Products that sold, are still looked at, and have gone without an order for four times their usual gap: the shelf may be empty.", empty: "No product that sold has gone quiet."},
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
		table, err := s.runReport(ctx, t, name, rq)
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
		for _, info := range s.reports() {
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

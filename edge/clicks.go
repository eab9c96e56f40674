package edge

import (
	"context"

	"meridian/analytics"
	"meridian/api"
)

// Clicks takes clickstream events and knows what is popular. Record returns once the events are
// safe on disk; a batch that is not well formed is an *api.Error that names the fields. TrendingNow
// answers product handles, best first, from memory; it may be empty.
type Clicks interface {
	Record(ctx context.Context, batch api.EventBatch, from EventSource) error
	TrendingNow() []string
}

// EventSource is what an event came from: a robot, or a device, which is desktop, mobile, tablet or not known.
type EventSource struct {
	Bot    bool
	Device string
}

// Clickstream is package analytics as the shop sees it.
type Clickstream struct{ *analytics.Analytics }

var (
	_ Clicks  = Clickstream{}
	_ Reports = Clickstream{}
)

// Record implements Clicks.
func (c Clickstream) Record(ctx context.Context, batch api.EventBatch, from EventSource) error {
	return c.Analytics.Record(ctx, batch, analytics.Client{Bot: from.Bot, Device: from.Device})
}

// Reports implements Reports.
func (c Clickstream) Reports() []ReportInfo {
	var list []ReportInfo
	for _, r := range c.Analytics.Reports().List() {
		list = append(list, ReportInfo{Name: r.Name, Title: r.Title, Columns: columns(r.Columns)})
	}
	return list
}

// Report implements Reports.
func (c Clickstream) Report(ctx context.Context, name string, q ReportQuery) (ReportTable, error) {
	t, err := c.Analytics.Reports().Run(ctx, name, analytics.Params{From: q.From, To: q.To, Interval: q.Interval, Compare: q.Compare, Region: q.Region, Device: q.Device})
	if err != nil {
		return ReportTable{}, err
	}
	return ReportTable{Columns: columns(t.Columns), Rows: t.Rows}, nil
}

// Ask implements Reports.
func (c Clickstream) Ask(ctx context.Context, who, query string, rows int) (ReportTable, bool, error) {
	t, cut, err := c.Analytics.Reports().Ask(ctx, who, query, rows)
	return ReportTable{Columns: columns(t.Columns), Rows: t.Rows}, cut, err
}

// Asked implements Reports.
func (c Clickstream) Asked(ctx context.Context, who string) ([]AskedQuery, error) {
	all, err := c.Analytics.Reports().Asked(ctx, who)
	list := make([]AskedQuery, len(all))
	for i, q := range all {
		list[i] = AskedQuery(q)
	}
	return list, err
}

func columns(list []analytics.Column) []ReportColumn {
	out := make([]ReportColumn, 0, len(list))
	for _, c := range list {
		out = append(out, ReportColumn{Name: c.Name, Type: c.Type, Unit: c.Unit})
	}
	return out
}

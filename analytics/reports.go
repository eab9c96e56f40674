package analytics

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/api"
)

//go:embed reports/*.sql
var reportFiles embed.FS

// Bounds of a report.
const (
	reportRowsMax = 10_000
	reportSpanMax = 3 * 366 * 24 * time.Hour
	reportTimeout = 30 * time.Second
)

// Reports answers questions about [From, To) in SQL. Each report is one file of reports/.
type Reports struct{ a *Analytics }

// Reports gives the reports; they are unavailable until ClickHouse is.
func (a *Analytics) Reports() Reports { return Reports{a} }

// Params narrows a report. Interval is "", hour, day, week or month; "" is a day, or an hour for two
// days and less. Compare adds the period of the same length before, in a first column `range`. Region
// and Device are empty for all.
type Params struct {
	From, To       time.Time
	Interval       string
	Compare        bool
	Region, Device string
}

// Column describes a column. Type is time, text, integer or number. Unit is what a figure counts:
// "" for plain counts, percent, minor (minor units of the row's currency) or days.
type Column struct {
	Name string
	Type string
	Unit string
}

// Report describes a report.
type Report struct {
	Name    string
	Title   string
	Columns []Column
}

// Table is a report's answer. Cells are string, int64, float64 or nil; times are RFC 3339.
type Table struct {
	Columns []Column
	Rows    [][]any
}

// List describes all reports. The result is the caller's own.
func (Reports) List() []Report {
	at := func(name, typ, unit string) Column { return Column{name, typ, unit} }
	period, product, currency := at("period", "time", ""), at("product", "text", ""), at("currency", "text", "")
	count := func(name string) Column { return at(name, "integer", "") }
	money := func(name string) Column { return at(name, "integer", "minor") }
	percent := func(name string) Column { return at(name, "number", "percent") }
	return []Report{
		{"overview", "Sessions, orders and revenue over time", []Column{period, count("sessions"), count("visitors"), count("carts"),
			count("orders"), count("units"), currency, money("revenue"), money("refunds"), money("average_order"), percent("conversion")}},
		{"funnel", "How far sessions come", []Column{count("position"), at("step", "text", ""), count("sessions"), percent("of_first"), percent("of_previous")}},
		{"top_products", "Products by revenue and interest", []Column{product, count("viewers"), count("carters"), count("orders"), count("units"),
			currency, money("revenue"), percent("conversion")}},
		{"slow_products", "Products that many look at and few buy", []Column{product, count("viewers"), count("carters"), count("orders"), percent("conversion"),
			at("missed_orders", "number", "")}},
		{"audience", "Where shoppers come from, and with what", []Column{at("region", "text", ""), at("device", "text", ""), count("sessions"), count("visitors"), count("carts"),
			count("orders"), currency, money("revenue"), percent("conversion")}},
		{"live", "Who is in the shop now", []Column{at("region", "text", ""), at("device", "text", ""), count("now"), count("half_hour"), count("carts"), count("checkouts")}},
		{"searches", "What people search for, and what finds nothing", []Column{at("query", "text", ""), count("searches"), count("sessions"),
			count("without_results"), at("average_results", "number", ""), percent("clicked")}},
		{"recommendations", "Recommendations shown, clicked and bought", []Column{at("slot", "text", ""), at("algorithm", "text", ""), at("version", "text", ""),
			count("impressions"), count("clicks"), percent("click_rate"), count("orders"), count("units"), currency, money("revenue")}},
		{"lift", "What the table of recommendations is worth", []Column{at("slot", "text", ""), at("measure", "text", ""), currency,
			count("sessions"), money("total"), at("per_session", "number", "minor"), count("held_out_sessions"), money("held_out_total"), at("held_out_per_session", "number", "minor"),
			percent("lift"), percent("lift_low"), percent("lift_high"), at("verdict", "text", "")}},
		{"abandoned_carts", "Carts without an order within a day", []Column{period, count("carts"), count("abandoned"), percent("rate"), currency, money("value")}},
		{"retention", "Visitors who come back, by week of their first visit", []Column{at("week", "time", ""), count("visitors"),
			percent("week_1"), percent("week_2"), percent("week_3"), percent("week_4")}},
		{"stock_left", "Stock that runs out soon", []Column{product, at("sku", "text", ""), count("units"), at("units_per_day", "number", ""), at("last_sold", "time", "")}},
		{"stock_out", "Products that sold, are still looked at, and stopped selling", []Column{product, at("last_sold", "time", ""),
			at("units_per_day", "number", ""), count("viewers_since"), count("carters_since"), at("days_since", "number", "days"), at("missed_units", "number", "")}},
	}
}

// Run answers a report. Errors are *api.Error: not_found, invalid or unavailable.
func (r Reports) Run(ctx context.Context, name string, p Params) (Table, error) {
	var report *Report
	for _, candidate := range r.List() {
		if candidate.Name == name {
			report = &candidate
		}
	}
	if report == nil {
		return Table{}, api.NewError(api.CodeNotFound, "There is no report of this name.")
	}
	bucket, err := p.check()
	if err != nil {
		return Table{}, err
	}
	w, err := r.a.reader()
	if err != nil {
		return Table{}, err
	}
	query, err := reportQuery(name, bucket, p)
	if err != nil {
		return Table{}, api.Internal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	k, err := w.knownNow(ctx)
	if err != nil {
		return Table{}, unavailable(err)
	}
	table, now := Table{Columns: report.Columns}, r.a.now().UTC()
	table.Rows, err = w.table(ctx, &k, query, report.Columns, p, now)
	if err != nil || !p.Compare {
		return table, unavailable(err)
	}
	p.From, p.To = p.From.Add(-p.To.Sub(p.From)), p.From
	before, err := w.table(ctx, &k, query, report.Columns, p, now)
	table.Columns = append([]Column{{"range", "text", ""}}, report.Columns...)
	table.Rows = append(labelled("current", table.Rows), labelled("previous", before)...)
	return table, unavailable(err)
}

// labelled puts a first cell before each row.
func labelled(label string, rows [][]any) [][]any {
	for i, row := range rows {
		rows[i] = append([]any{label}, row...)
	}
	return rows
}

// whereFilter is the condition of a report that is narrowed to a region or a device.
const whereFilter = "({region:String} = '' OR region = {region:String}) AND ({device:String} = '' OR device = {device:String})"

// reportQuery is a report's SQL over rollups, for one size of buckets. Interest in products is read for all regions and devices together where
// none is asked for.
func reportQuery(name, bucket string, p Params) (string, error) {
	text, err := reportFiles.ReadFile("reports/" + name + ".sql")
	interest, there := "@interest_days", whereFilter
	if p.Region == "" && p.Device == "" {
		interest, there = "@product_interest_days", "true"
	}
	traffic, when := "@traffic_days", "toDateTime(day, 'UTC')"
	if bucket == byHour {
		traffic, when = "@traffic_hours", "hour"
	}
	return strings.NewReplacer("toBucket(", bucket+"(", "@traffic\n", traffic+"\n", "@when", when, "@interest\n", interest+"\n", "@interest AS", interest+" AS", "@there", there,
		"@where", whereFilter).Replace(string(text)), err
}

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return api.NewError(api.CodeUnavailable, "Reports are not available right now. Try again in a minute.").WithCause(err)
}

// check gives the SQL function that rounds a time down to its bucket.
func (p *Params) check() (string, error) {
	if !p.From.Before(p.To) {
		return "", api.Invalid("from", "must be before to")
	}
	if p.To.Sub(p.From) > reportSpanMax {
		return "", api.Invalid("from", "must be at most three years before to")
	}
	interval := p.Interval
	if interval == "" {
		interval = "day"
		if p.To.Sub(p.From) <= 48*time.Hour {
			interval = "hour"
		}
	}
	switch interval {
	case "hour":
		if p.To.Sub(p.From) > 92*24*time.Hour {
			return "", api.Invalid("interval", "hours are for at most three months; take day")
		}
		return byHour, nil
	case "day":
		return "toStartOfDay", nil
	case "week":
		return "toMonday", nil
	case "month":
		return "toStartOfMonth", nil
	}
	return "", api.Invalid("interval", "is one of hour, day, week, month")
}

// byHour is the SQL function of the smallest bucket.
const byHour = "toStartOfHour"

// table runs a report's SQL, which has the parameters from, to, region and device.
func (w *warehouse) table(ctx context.Context, k *known, query string, columns []Column, p Params, now time.Time) ([][]any, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": int(reportTimeout / time.Second)}))
	rows, err := w.conn.Query(ctx, k.expand(query, p.From, p.To, now), clickhouse.Named("from", milliseconds(p.From)), clickhouse.Named("to", milliseconds(p.To)),
		clickhouse.Named("region", p.Region), clickhouse.Named("device", p.Device))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	types := rows.ColumnTypes()
	out := [][]any{}
	for rows.Next() {
		if len(out) == reportRowsMax {
			return nil, errors.New("the report has too many rows")
		}
		if len(types) != len(columns) {
			return nil, fmt.Errorf("the report has %d columns instead of %d", len(types), len(columns))
		}
		cells := make([]any, len(types))
		for i := range types {
			cells[i] = reflect.New(types[i].ScanType()).Interface()
		}
		if err := rows.Scan(cells...); err != nil {
			return nil, err
		}
		row := make([]any, 0, len(cells)+1)
		for _, c := range cells {
			row = append(row, plain(c))
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// milliseconds is a time as ClickHouse reads a DateTime64(3) parameter in UTC.
func milliseconds(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// plain makes a scanned cell one of the types a Table promises.
func plain(cell any) any {
	v := reflect.ValueOf(cell)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if t, ok := v.Interface().(time.Time); ok {
		return t.UTC().Format(time.RFC3339)
	}
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		f := v.Float()
		if f != f || f > 1e300 || f < -1e300 {
			return nil
		}
		return f
	}
	return fmt.Sprint(v.Interface())
}

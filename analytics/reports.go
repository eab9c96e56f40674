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
// days and less. Compare adds the period of the same length before, in a first column `range`.
type Params struct {
	From, To time.Time
	Interval string
	Compare  bool
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
		{"searches", "What people search for, and what finds nothing", []Column{at("query", "text", ""), count("searches"), count("sessions"),
			count("without_results"), at("average_results", "number", ""), percent("clicked")}},
		{"recommendations", "Recommendations shown, clicked and bought", []Column{at("slot", "text", ""), at("algorithm", "text", ""), at("version", "text", ""),
			count("impressions"), count("clicks"), percent("click_rate"), count("orders"), count("units")}},
		{"abandoned_carts", "Carts without an order within a day", []Column{period, count("carts"), count("abandoned"), percent("rate"), currency, money("value")}},
		{"retention", "Visitors who come back, by week of their first visit", []Column{at("week", "time", ""), count("visitors"),
			percent("week_1"), percent("week_2"), percent("week_3"), percent("week_4")}},
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
	text, err := reportFiles.ReadFile("reports/" + name + ".sql")
	if err != nil {
		return Table{}, api.Internal(err)
	}
	sql := strings.ReplaceAll(string(text), "toBucket(", bucket+"(")
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	table := Table{Columns: report.Columns, Rows: [][]any{}}
	if !p.Compare {
		table.Rows, err = w.table(ctx, sql, report.Columns, p.From, p.To, nil)
		return table, unavailable(err)
	}
	table.Columns = append([]Column{{"range", "text", ""}}, report.Columns...)
	current, err := w.table(ctx, sql, report.Columns, p.From, p.To, []any{"current"})
	if err != nil {
		return Table{}, unavailable(err)
	}
	previous, err := w.table(ctx, sql, report.Columns, p.From.Add(-p.To.Sub(p.From)), p.From, []any{"previous"})
	table.Rows = append(current, previous...)
	return table, unavailable(err)
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
		return "toStartOfHour", nil
	case "day":
		return "toStartOfDay", nil
	case "week":
		return "toMonday", nil
	case "month":
		return "toStartOfMonth", nil
	}
	return "", api.Invalid("interval", "is one of hour, day, week, month")
}

// table runs a report's SQL, which has the parameters from and to.
func (w *warehouse) table(ctx context.Context, sql string, columns []Column, from, to time.Time, prefix []any) ([][]any, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": int(reportTimeout / time.Second)}))
	rows, err := w.conn.Query(ctx, sql, clickhouse.Named("from", milliseconds(from)), clickhouse.Named("to", milliseconds(to)))
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
		row := append(make([]any, 0, len(prefix)+len(cells)), prefix...)
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

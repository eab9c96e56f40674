package edge

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"time"

	"meridian/analytics"
	"meridian/api"
)

// Reports answers the merchandiser's reports. An unknown name is an *api.Error with code not_found;
// any other failure means that reports are unavailable right now.
type Reports interface {
	Reports() []ReportInfo
	Report(ctx context.Context, name string, q ReportQuery) (ReportTable, error)
	// Ask runs a query in SQL that can only read, for somebody, and gives up to rows of its answer; cut says that there are more. What is wrong
	// with the query is an *api.Error with the code invalid.
	Ask(ctx context.Context, who, query string, rows int) (table ReportTable, cut bool, err error)
	// Asked lists what somebody asked before, the last first.
	Asked(ctx context.Context, who string) ([]AskedQuery, error)
}

// AskedQuery is a query that was run. Error is empty if it had an answer.
type AskedQuery struct {
	At    time.Time
	Query string
	Rows  int
	Took  time.Duration
	Error string
}

// ReportQuery narrows a report to [From, To), in buckets of Interval ("", hour, day, week, month). Compare
// asks for the period before, too. Region and Device are empty for all.
type ReportQuery struct {
	From, To       time.Time
	Interval       string
	Compare        bool
	Region, Device string
}

// ReportInfo describes a report.
type ReportInfo struct {
	Name    string         `json:"name"`
	Title   string         `json:"title"`
	Columns []ReportColumn `json:"columns"`
}

// ReportColumn describes a column. Unit is "" or what the figures count, such as EUR or percent.
type ReportColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Unit string `json:"unit"`
}

// ReportTable is a report's answer.
type ReportTable struct {
	Columns []ReportColumn `json:"columns"`
	Rows    [][]any        `json:"rows"`
}

// reportSpan bounds how long a period may be; defaultSpan is taken where none is named.
const (
	reportSpan  = 3 * 366 * 24 * time.Hour
	defaultSpan = 7 * 24 * time.Hour
)

// maxRegion bounds the name of a region.
const maxRegion = 64

var reportDevices = append([]string{""}, analytics.Devices...)

var reportIntervals = []string{"", "hour", "day", "week", "month"}

func (s *Shop) reportOperations() []operation {
	return []operation{
		{Route: Route{Method: "GET", Pattern: "/admin/api/v1/analytics", Class: Staff, Handler: s.listReports},
			ID: "listReports", Summary: "The reports and their columns", Result: api.List[ReportInfo]{}},
		{Route: Route{Method: "GET", Pattern: "/admin/api/v1/analytics/{report}", Class: Staff, Query: []string{"compare", "device", "format", "from", "interval", "region", "to"}, Timeout: payTimeout, Handler: s.report},
			ID: "getReport", Summary: "A report; format=csv answers a file", Result: ReportTable{}, Refusals: []api.Code{api.CodeUnavailable}},
	}
}

// roles of staff, as the core names them.
const (
	roleMerchandiser = "merchandiser"
	roleOperator     = "operator"
)

// require asks the core who the credential belongs to and refuses other roles.
func (s *Shop) require(ctx context.Context, t *trip, role string) (api.StaffIdentity, error) {
	if t.call.Credential == "" {
		return api.StaffIdentity{}, api.NewError(api.CodeUnauthorized, "Sign in as staff, or send Authorization: Bearer with a staff token.")
	}
	who, err := ask(ctx, t, api.StaffWhoami, api.None{})
	if err != nil {
		return who, err
	}
	if role != "" && who.Role != role {
		return who, api.NewError(api.CodeForbidden, "This needs the role %s; you are signed in as %s.", role, who.Role)
	}
	return who, nil
}

// staffGuard refuses who is not staff at all, and before a body is read whose role is another, so that
// nobody learns what a body must look like, or sends one in vain, without the right to. Where there is
// no body, the core says the same with its answer.
func (s *Shop) staffGuard(body bool, roles []string) func(context.Context, *Request) error {
	if len(roles) == 0 {
		roles = []string{roleMerchandiser}
	}
	return func(ctx context.Context, r *Request) error {
		t := s.staff(r)
		if t.call.Credential != "" && !body {
			return nil
		}
		who, err := s.require(ctx, t, "")
		if err != nil {
			return err
		}
		if !slices.Contains(roles, who.Role) {
			return api.NewError(api.CodeForbidden, "Your role, %s, does not allow this.", who.Role)
		}
		return nil
	}
}

func (s *Shop) listReports(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	if _, err := s.require(ctx, t, roleMerchandiser); err != nil {
		return nil, err
	}
	list := api.List[ReportInfo]{Items: s.reports()}
	fillNil(&list)
	return reply(t.answer(), 200, list)
}

func (s *Shop) report(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := reportQuery(&p, s.cfg.Now())
	format := p.choice("format", []string{"", "json", "csv"})
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.staff(r)
	if _, err := s.require(ctx, t, roleMerchandiser); err != nil {
		return nil, err
	}
	table, err := s.runReport(ctx, t, r.Params["report"], q)
	if err != nil {
		return nil, err
	}
	a := t.answer()
	if format == "csv" {
		return replyCSV(a, r.Params["report"], &table)
	}
	return reply(a, 200, table)
}

func (s *Shop) runReport(ctx context.Context, t *trip, name string, q ReportQuery) (ReportTable, error) {
	if s.cfg.Reports == nil {
		return ReportTable{}, api.NewError(api.CodeUnavailable, "Reports are switched off here: this edge runs without ClickHouse.")
	}
	known := slices.ContainsFunc(s.reports(), func(i ReportInfo) bool { return i.Name == name })
	if !known {
		return ReportTable{}, notFound("There is no report of this name. GET /admin/api/v1/analytics lists them.")
	}
	table, err := s.cfg.Reports.Report(ctx, name, q)
	if err != nil {
		return table, unavailable("Reports cannot be read right now. Nothing is lost; try again in a minute.", err)
	}
	if name == shelfReport {
		if err := withShelf(ctx, t, &table); err != nil {
			return table, err
		}
	}
	fillNil(&table)
	return table, nil
}

// reportQuery reads from, to, interval, compare, region and device. Times are RFC 3339 or dates; to is exclusive.
func reportQuery(p *params, now time.Time) ReportQuery {
	q := ReportQuery{Interval: p.choice("interval", reportIntervals), Compare: p.flag("compare"), Device: p.choice("device", reportDevices), Region: p.text("region", maxRegion)}
	q.To = p.time("to", now.UTC())
	q.From = p.time("from", q.To.Add(-defaultSpan))
	if !q.From.Before(q.To) {
		p.fail("from", "must be before to")
	} else if q.To.Sub(q.From) > reportSpan {
		p.fail("from", "must be at most three years before to")
	}
	return q
}

func (p *params) time(name string, absent time.Time) time.Time {
	v := p.one(name)
	if v == "" {
		return absent
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil && t.Year() >= 2000 && t.Year() < 2100 {
			return t.UTC()
		}
	}
	p.fail(name, "must be a date such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z")
	return absent
}

func replyCSV(a *Answer, name string, table *ReportTable) (*Answer, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	row := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		row[i] = c.Name
	}
	w.Write(row) // errors are kept and given by Error below
	for _, cells := range table.Rows {
		row = row[:0]
		for _, cell := range cells {
			row = append(row, plainCell(cell))
		}
		w.Write(row)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, err
	}
	a.ContentType, a.Body = "text/csv; charset=utf-8", buf.Bytes()
	a.Header = append(a.Header, [2]string{"Content-Disposition", `attachment; filename="` + name + `.csv"`})
	return a, nil
}

// plainCell is a cell as text. A text that a spreadsheet would take for a formula gets an apostrophe:
// search words come from strangers.
func plainCell(cell any) string {
	s, ok := cell.(string)
	if !ok {
		if cell == nil {
			return ""
		}
		return fmt.Sprint(cell)
	}
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t' || s[0] == '\r') {
		return "'" + s
	}
	return s
}

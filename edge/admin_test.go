package edge

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// tables answers reports from memory.
type tables map[string]ReportTable

func (t tables) Reports() []ReportInfo {
	return []ReportInfo{{Name: "top_products", Title: "Top products"}, {Name: "broken", Title: "Broken"}}
}

func (t tables) Report(_ context.Context, name string, _ ReportQuery) (ReportTable, error) {
	table, ok := t[name]
	if !ok {
		return table, errors.New("the table system.secrets is gone")
	}
	return table, nil
}

func (t tables) Ask(_ context.Context, who, query string, rows int) (ReportTable, bool, error) {
	switch query {
	case "broken":
		return ReportTable{}, false, errors.New("the table system.secrets is gone")
	case "wrong":
		return ReportTable{}, false, api.Invalid("sql", "ClickHouse says: no such column.")
	}
	return t["top_products"], rows < 1000, nil
}

func (t tables) Asked(_ context.Context, who string) ([]AskedQuery, error) {
	return []AskedQuery{{At: time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC), Query: "SELECT <1>", Rows: 1, Took: time.Second}}, nil
}

func TestReports(t *testing.T) {
	reports := tables{"top_products": {Columns: []ReportColumn{{Name: "product", Type: "text"}, {Name: "currency", Type: "text"}, {Name: "revenue", Type: "integer", Unit: "minor"}, {Name: "conversion", Type: "number", Unit: "percent"}},
		Rows: [][]any{{"=mug", "EUR", int64(1999), 12.5}, {"cup", nil, nil, nil}}}}
	f := newShopFixture(t, func(c *ShopConfig) { c.Reports = reports })
	f.core.says("staff.whoami", api.StaffIdentity{Email: "m@example.com", Role: roleMerchandiser})
	f.core.says("orders.list", api.List[api.StaffOrder]{})
	f.core.says("locations.list", api.Locations{Items: []api.Location{{ID: "main", Active: true}}})
	f.core.says("rooms.list", api.List[api.Room]{})
	f.core.says("staff.sign_in", api.StaffIdentity{Role: roleMerchandiser, Token: "tok"})
	f.do("GET", "/admin/api/v1/analytics", "", "Authorization", staffToken).must(t, 200, `"name":"top_products"`, `"columns":[]`)
	f.do("GET", "/admin/api/v1/analytics/top_products?from=2026-01-01&to=2026-02-01", "", "Authorization", staffToken).must(t, 200, `"rows":[["=mug","EUR",1999,12.5],["cup",null,null,null]]`)
	a := f.do("GET", "/admin/api/v1/analytics/top_products?format=csv", "", "Authorization", staffToken).must(t, 200)
	if want := "product,currency,revenue,conversion\n'=mug,EUR,1999,12.5\ncup,,,\n"; a.body != want {
		t.Errorf("CSV %q, want %q", a.body, want)
	}
	f.do("GET", "/admin/api/v1/analytics/nothing", "", "Authorization", staffToken).must(t, 404)
	if a := f.do("GET", "/admin/api/v1/analytics/broken", "", "Authorization", staffToken).must(t, 503, `"code":"unavailable"`); strings.Contains(a.body, "secrets") {
		t.Error("something internal in an answer")
	}
	f.form("/admin/sign-in", "email", "m@example.com", "password", "p").must(t, 303)
	f.do("GET", "/admin/analytics", "").must(t, 200, "Top products", "€19.99", "12.50", `href="/products/cup"`, "Some reports cannot be read right now.")
	f.do("GET", "/admin/analytics/sql", "").must(t, 200, "SELECT &lt;1&gt;", "1 row in 1.00 s")
	f.form("/admin/analytics/sql", "sql", "SELECT 1").must(t, 200, "€19.99", "The first 2 rows", ">SELECT 1</textarea>")
	f.form("/admin/analytics/sql", "sql", "wrong").must(t, 422, "no such column", ">wrong</textarea>")
	if a := f.form("/admin/analytics/sql", "sql", "broken").must(t, 503, ">broken</textarea>", "try again"); strings.Contains(a.body, "secrets") {
		t.Error("something internal in an answer")
	}
	if a := f.form("/admin/analytics/sql", "sql", "SELECT 1", "format", "csv").must(t, 200, "'=mug,EUR,1999,12.5"); a.Header.Get("Content-Disposition") != `attachment; filename="query.csv"` {
		t.Errorf("%v", a.Header)
	}
	f.core.says("staff.whoami", api.StaffIdentity{Email: "o@example.com", Role: roleOperator})
	f.do("GET", "/admin/analytics/sql", "", "Accept", "text/html").must(t, 403)
	f.do("GET", "/admin/api/v1/analytics/top_products", "", "Authorization", staffToken).must(t, 403)
}

// TestAnalyticsAddress: what cannot be is put right.
func TestAnalyticsAddress(t *testing.T) {
	now := time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	for query, want := range map[string]string{
		"":                                   "2026-02-26 2026-03-05 day",
		"first=2026-03-04":                   "2026-03-04 2026-03-05 hour",
		"first=2026-03-04&grain=week":        "2026-03-04 2026-03-05 week",
		"first=2026-03-01&last=2026-02-01":   "2026-02-01 2026-03-02 day",
		"first=2027-03-01&last=tomorrow":     "2026-02-26 2026-03-05 day",
		"first=2001-01-01&grain=hour":        "2023-03-03 2026-03-05 day",
		"device=toaster&region=eu&compare=1": "2026-02-26 2026-03-05 day eu",
		"device=tablet":                      "2026-02-26 2026-03-05 day  tablet",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		a := readAnalytics(q, now)
		r := a.report()
		if got := strings.TrimRight(fmt.Sprint(r.From.Format(time.DateOnly), " ", r.To.Format(time.DateOnly), " ", r.Interval, " ", r.Region, " ", r.Device), " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// FuzzAnalytics: any address is a period that reports take, and the page's own links lead to the same.
func FuzzAnalytics(f *testing.F) {
	f.Add("first=2026-01-01&last=2026-02-01&grain=hour&region=eu&device=mobile&compare=1")
	f.Add("first=2026-02-30&last=&grain=day")
	now := time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		a := readAnalytics(q, now)
		if r := a.report(); !r.From.Before(r.To) || r.To.Sub(r.From) > reportSpan || r.To.After(now.Add(aDay)) || !slices.Contains(reportIntervals[1:], r.Interval) {
			t.Fatalf("%q is %+v", query, r)
		}
		link, err := url.Parse(a.with(nil))
		if err != nil {
			t.Fatal(err)
		}
		if again := readAnalytics(link.Query(), now); again != a {
			t.Fatalf("%q is %+v, and its own link %+v", query, a, again)
		}
	})
}

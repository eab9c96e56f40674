package edge

import (
	"context"
	"errors"
	"strings"
	"testing"

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
	f.do("GET", "/admin/", "").must(t, 200, "Top products", "€19.99", "12.50", "Some reports cannot be read right now.")
	f.core.says("staff.whoami", api.StaffIdentity{Email: "o@example.com", Role: roleOperator})
	f.do("GET", "/admin/api/v1/analytics/top_products", "", "Authorization", staffToken).must(t, 403)
}

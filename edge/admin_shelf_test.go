package edge

import (
	"encoding/json"
	"slices"
	"testing"

	"meridian/api"
)

// TestStockThatRunsOut joins how fast SKUs sell with the core's shelf.
func TestStockThatRunsOut(t *testing.T) {
	text := func(name string) ReportColumn { return ReportColumn{Name: name, Type: "text"} }
	reports := shelves{tables{shelfReport: {Columns: []ReportColumn{text("product"), text("sku"), {Name: "units_per_day", Type: "number"}},
		Rows: [][]any{{"mug", "MUG-S", 10.}, {"bowl", "BOWL", 4.}, {"lamp", "GONE", 2.}, {"cup", "CUP", 0.5}}}}}
	f := newShopFixture(t, func(c *ShopConfig) { c.Reports = reports })
	f.core.says("staff.whoami", api.StaffIdentity{Email: "m@example.com", Role: roleMerchandiser})
	f.core.says("stock.shelf", api.List[api.Shelf]{Items: []api.Shelf{{SKU: "MUG-S", Available: 55}, {SKU: "BOWL", Available: -3}, {SKU: "CUP", Available: 1000}}})
	var table ReportTable
	if a := f.do("GET", "/admin/api/v1/analytics/"+shelfReport, "", "Authorization", staffToken).must(t, 200); json.Unmarshal([]byte(a.body), &table) != nil {
		t.Fatal(a.body)
	}
	var order []string
	for _, row := range table.Rows {
		order = append(order, row[1].(string))
	}
	if !slices.Equal(order, []string{"BOWL", "MUG-S", "CUP", "GONE"}) {
		t.Errorf("first what runs out first: %v", order)
	}
	if mug := table.Rows[1]; mug[3] != 55. || mug[4] != 5.5 {
		t.Errorf("the mug's shelf: %v", mug)
	}
	if gone := table.Rows[3]; gone[3] != nil || gone[4] != nil {
		t.Errorf("a SKU that is gone has a shelf: %v", gone)
	}
	f.do("GET", "/admin/api/v1/analytics", "", "Authorization", staffToken).must(t, 200, `"name":"days_left"`)
	f.core.on("stock.shelf", func(wireCall) wireAnswer { return wireAnswer{V: api.NewError(api.CodeUnavailable, "No core answers.")} })
	f.do("GET", "/admin/api/v1/analytics/"+shelfReport, "", "Authorization", staffToken).must(t, 503)
}

// shelves are tables of which only the shelf's is listed.
type shelves struct{ tables }

func (shelves) Reports() []ReportInfo {
	return []ReportInfo{{Name: shelfReport, Title: "Stock", Columns: []ReportColumn{{Name: "sku", Type: "text"}}}}
}

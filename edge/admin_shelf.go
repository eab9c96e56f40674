package edge

import (
	"cmp"
	"context"
	"math"
	"slices"

	"meridian/api"
)

// shelfReport is the report that the clickstream begins, with how fast SKUs sell, and the shelf ends, with how many there are.
const shelfReport = "stock_left"

// shelfColumns are what the shelf adds. Both are null of a SKU that there is no more.
var shelfColumns = []ReportColumn{{Name: "available", Type: "integer"}, {Name: "days_left", Type: "number", Unit: "days"}}

// reports lists the reports with the columns that they have here.
func (s *Shop) reports() []ReportInfo {
	if s.cfg.Reports == nil {
		return nil
	}
	list := s.cfg.Reports.Reports()
	for i := range list {
		if list[i].Name == shelfReport {
			list[i].Columns = append(list[i].Columns, shelfColumns...)
		}
	}
	return list
}

// withShelf adds how many of each SKU can be sold, and for how many days that is enough, and puts first what runs out first.
func withShelf(ctx context.Context, t *trip, table *ReportTable) error {
	var q api.ShelfQuery
	for _, row := range table.Rows {
		if sku := table.text(row, "sku"); !slices.Contains(q.SKUs, sku) && len(q.SKUs) < api.MaxShelf {
			q.SKUs = append(q.SKUs, sku)
		}
	}
	list, err := ask(ctx, t, api.ShelfGet, q)
	if err != nil {
		return err
	}
	left := map[string]int64{}
	for _, item := range list.Items {
		left[item.SKU] = item.Available
	}
	for i, row := range table.Rows {
		cells := []any{nil, nil}
		if n, known := left[table.text(row, "sku")]; known {
			cells[0] = n
			if rate := table.number(row, "units_per_day"); rate > 0 {
				cells[1] = math.Round(10*float64(max(n, 0))/rate) / 10
			}
		}
		table.Rows[i] = append(slices.Clip(row), cells...)
	}
	table.Columns = append(slices.Clip(table.Columns), shelfColumns...)
	slices.SortStableFunc(table.Rows, func(a, b []any) int {
		return cmp.Or(cmp.Compare(table.text(a, "range"), table.text(b, "range")), cmp.Compare(table.days(a), table.days(b)))
	})
	return nil
}

// days is how long the shelf lasts, for ever where that is not known.
func (t *ReportTable) days(row []any) float64 {
	if v, ok := t.cell(row, "days_left").(float64); ok {
		return v
	}
	return math.Inf(1)
}

package web

import (
	"bytes"
	"strings"
	"testing"
)

func manyVariants(n int) Product {
	v := Product{CartForm: "/cart", Options: []Option{{Name: "Size"}}}
	for i := range n {
		v.Variants = append(v.Variants, Variant{SKU: "S-" + number(i), Title: number(i), Choices: []string{number(i)}, Price: "€1.00", Availability: "in_stock"})
	}
	return v
}

func TestPickerKindFollowsTheNumberOfVariants(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{{1, `type="hidden" name="sku" value="S-0"`}, {2, `type="radio"`}, {pickerMax, `type="radio"`}, {pickerMax + 1, `<select id="sku" name="sku"`}} {
		var b bytes.Buffer
		if err := manyVariants(c.n).Render(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), c.want) {
			t.Errorf("%d variants: page has no %s", c.n, c.want)
		}
		for i := range c.n {
			if !strings.Contains(b.String(), `value="S-`+number(i)+`"`) {
				t.Errorf("%d variants: S-%d cannot be chosen", c.n, i)
			}
		}
	}
}

func TestPickerGroupsByFirstOption(t *testing.T) {
	v := cannedTwoOptions()
	g := pickerGroups(v)
	if len(g) != 2 || g[0].Label != "Teal" || len(g[1].Choices) != 2 || g[1].Choices[1].Label != "Large" {
		t.Errorf("groups are %+v", g)
	}
	if got := pickerLegend(v); got != "Colour and size" {
		t.Errorf("legend is %q", got)
	}
}

func TestPageWithoutVariantsOrWithABadSelectionRenders(t *testing.T) {
	for _, v := range []Product{{CartForm: "/cart"}, {CartForm: "/cart", Selected: 7, Variants: manyVariants(2).Variants}, {CartForm: "/cart", Selected: -1, Variants: manyVariants(1).Variants}} {
		if err := v.Render(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	}
}

func TestSortIsKeptByTheFilterForm(t *testing.T) {
	if got := currentSort([]Link{{Href: "/c?sort=title"}, {Href: "/c?facet.x=1&sort=-price", Current: true}}); got != "-price" {
		t.Errorf("sort is %q", got)
	}
	if got := currentSort([]Link{{Href: "%zz", Current: true}}); got != "" {
		t.Errorf("sort of a bad address is %q", got)
	}
}

func TestFiguresStandFlushRight(t *testing.T) {
	table := Table{Rows: [][]string{{"core-eu", "90214", "–", "", "2026-11-19", "127.0.0.1:8110"}, {"core-us", "€3,182.40", "-4.5 %", "", "2026-11-20", "127.0.0.1"}}}
	for col, want := range []string{"", "num", "num", "", "", ""} {
		if got := columnClass(table, col); got != want {
			t.Errorf("column %d is %q, want %q", col, got, want)
		}
	}
}

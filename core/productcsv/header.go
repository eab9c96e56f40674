package productcsv

import (
	"fmt"
	"slices"
	"strings"

	"meridian/api"
)

// header maps the columns we know to their place in a row.
type header struct {
	at         map[string]int
	width      int
	currencies []string // beside the base currency, sorted
}

func knownColumns() map[string]string {
	m := map[string]string{}
	for _, c := range []string{colHandle, colTitle, colBody, colVendor, colType, colTags, colPublished, colSKU, colQty, colPrice, colCompare,
		colImage, colPosition, colAlt, colVarImage, colStatus, colVarTitle, colClip, colCollections} {
		m[strings.ToLower(c)] = c
	}
	for i := range optionNames {
		m[strings.ToLower(optionNames[i])] = optionNames[i]
		m[strings.ToLower(optionValues[i])] = optionValues[i]
	}
	return m
}

// parseHeader finds the columns; every problem is one of line 1.
func parseHeader(row []string) (header, []api.ImportError) {
	h := header{at: map[string]int{}, width: len(row)}
	var errs []api.ImportError
	bad := func(col, format string, args ...any) {
		errs = append(errs, api.ImportError{Line: 1, Column: col, Message: fmt.Sprintf(format, args...)})
	}
	if len(row) == 1 && strings.Count(row[0], ";") > 2 {
		bad("", "The columns are separated by semicolons. Save the file as CSV separated by commas.")
		return h, errs
	}
	if len(row) == 1 && strings.Count(row[0], "\t") > 2 {
		bad("", "The columns are separated by tabs. Save the file as CSV separated by commas.")
		return h, errs
	}
	known := knownColumns()
	for i, name := range row {
		col, ok := known[strings.ToLower(strings.TrimSpace(name))]
		if !ok {
			if col, ok = h.priceColumn(strings.TrimSpace(name), bad); !ok {
				continue
			}
		}
		if _, twice := h.at[col]; twice {
			bad(col, "The column %s is there twice. Keep one of them.", col)
			continue
		}
		h.at[col] = i
	}
	for _, col := range []string{colHandle, colTitle, colSKU, colPrice} {
		if _, ok := h.at[col]; !ok {
			bad(col, "The column %s is missing. The first line must name the columns, as in Shopify's product export.", col)
		}
	}
	slices.Sort(h.currencies)
	return h, errs
}

// priceColumn recognises "Price / USD" and "Compare At Price / USD".
func (h *header) priceColumn(name string, bad func(col, format string, args ...any)) (string, bool) {
	for _, prefix := range []string{pricePrefix, comparePrefix} {
		if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
			continue
		}
		cur := strings.ToUpper(strings.TrimSpace(name[len(prefix):]))
		switch {
		case !isCurrency(cur):
			return "", false // a market's name, not a currency
		case cur == baseCurrency:
			bad(name, "%s is given by the columns Variant Price and Variant Compare At Price already. Remove this column.", baseCurrency)
			return "", false
		case !twoDecimals(cur):
			bad(name, "Prices in %s are not supported, only currencies with two decimals.", cur)
			return "", false
		}
		if !slices.Contains(h.currencies, cur) {
			h.currencies = append(h.currencies, cur)
		}
		return prefix + cur, true
	}
	return "", false
}

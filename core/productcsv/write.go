package productcsv

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"meridian/api"
)

// Write writes the products as a file that Parse reads back as the same products. What the format
// cannot hold is left out: option values no variant has, a picture's address, a product's index.
// A comma inside a tag becomes a space, because commas separate tags.
func Write(w io.Writer, products []api.StaffProduct) error {
	out := writer{csv: csv.NewWriter(w), currencies: currencies(products)}
	out.header()
	for i := range products {
		if err := out.product(&products[i]); err != nil {
			return fmt.Errorf("write product %s: %w", products[i].Handle, err)
		}
	}
	out.csv.Flush()
	if err := out.csv.Error(); err != nil {
		return fmt.Errorf("write products: %w", err)
	}
	return nil
}

func currencies(products []api.StaffProduct) []string {
	out := []string{"USD"}
	for _, p := range products {
		for _, v := range p.Variants {
			for _, m := range []map[string]int64{v.Prices, v.CompareAtPrices} {
				for c := range m {
					if c != baseCurrency && isCurrency(c) && twoDecimals(c) && !slices.Contains(out, c) {
						out = append(out, c)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

type writer struct {
	csv        *csv.Writer
	currencies []string
	columns    []string
	row        map[string]string
}

func (w *writer) header() {
	w.columns = []string{colHandle, colTitle, colBody, colVendor, colType, colTags, colPublished}
	for i := range optionNames {
		w.columns = append(w.columns, optionNames[i], optionValues[i])
	}
	w.columns = append(w.columns, colSKU, colVarTitle, colQty, colPrice, colCompare)
	for _, c := range w.currencies {
		w.columns = append(w.columns, pricePrefix+c, comparePrefix+c)
	}
	w.columns = append(w.columns, colImage, colPosition, colAlt, colClip, colStatus, colCollections)
	_ = w.csv.Write(w.columns) // the csv.Writer keeps its first error for Flush
}

func (w *writer) product(p *api.StaffProduct) error {
	if len(p.Options) > len(optionNames) {
		return fmt.Errorf("%d options; the format holds %d", len(p.Options), len(optionNames))
	}
	rows := max(1, len(p.Variants), len(p.Images), len(p.Clips))
	for i := range rows {
		w.row = map[string]string{colHandle: p.Handle}
		if i == 0 {
			w.first(p)
		}
		if i < len(p.Variants) {
			w.variant(p, &p.Variants[i])
		}
		if i < len(p.Images) {
			w.row[colImage] = p.Images[i].Asset
			w.row[colPosition] = strconv.Itoa(i + 1)
			w.row[colAlt] = p.Images[i].Alt
		}
		if i < len(p.Clips) {
			w.row[colClip] = p.Clips[i].URL
		}
		record := make([]string, len(w.columns))
		for k, col := range w.columns {
			record[k] = w.row[col]
		}
		if err := w.csv.Write(record); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) first(p *api.StaffProduct) {
	tags := make([]string, len(p.Tags))
	for i, t := range p.Tags {
		tags[i] = strings.Join(strings.Fields(strings.ReplaceAll(t, ",", " ")), " ")
	}
	w.row[colTitle] = p.Title
	w.row[colBody] = p.DescriptionHTML
	w.row[colVendor] = p.Vendor
	w.row[colType] = p.Type
	w.row[colTags] = strings.Join(tags, ", ")
	w.row[colPublished] = strings.ToUpper(strconv.FormatBool(p.Status != "draft"))
	w.row[colStatus] = p.Status
	w.row[colCollections] = strings.Join(p.Collections, ";")
	for i, o := range p.Options {
		w.row[optionNames[i]] = o.Name
	}
	if len(p.Options) == 0 {
		w.row[optionNames[0]] = noOptionName
	}
}

func (w *writer) variant(p *api.StaffProduct, v *api.StaffVariant) {
	names := make([]string, len(p.Options))
	for i, o := range p.Options {
		names[i] = o.Name
		w.row[optionValues[i]] = v.Options[o.Name]
	}
	if len(p.Options) == 0 {
		w.row[optionValues[0]] = noOptionValue
	}
	if v.Title != variantTitle(names, v.Options) {
		w.row[colVarTitle] = v.Title
	}
	w.row[colSKU] = v.SKU
	w.row[colQty] = strconv.FormatInt(v.OnHand, 10)
	setPrice(w.row, colPrice, v.Prices, baseCurrency)
	setPrice(w.row, colCompare, v.CompareAtPrices, baseCurrency)
	for _, c := range w.currencies {
		setPrice(w.row, pricePrefix+c, v.Prices, c)
		setPrice(w.row, comparePrefix+c, v.CompareAtPrices, c)
	}
}

func setPrice(row map[string]string, col string, prices map[string]int64, currency string) {
	if minor, ok := prices[currency]; ok {
		row[col] = formatPrice(minor)
	}
}

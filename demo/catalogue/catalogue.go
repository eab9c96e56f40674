// Command catalogue writes the demo's products.csv and collections.json from the texts in this
// directory and the pictures that are there. The same texts and pictures give the same files.
// Read family and item first.
package main

import (
	"fmt"
	"hash/fnv"
	"strings"

	"meridian/api"
)

// family is what several products share: the form, the maker, the choices.
type family struct {
	kind        string // the product type
	vendor      string
	collections []string
	tags        []string
	choices     []choice
	facts       []string // dimensions and care, the same for all of them
	items       []item
}

// choice is an option with what each value adds to the price, in euro cents.
type choice struct {
	name   string
	values []value
}

type value struct {
	label, code string
	extra       int64
}

// item is one product. Text is its own description.
type item struct {
	handle, title, sku string
	price              int64 // euro cents, of the first variant
	tags               string
	alt                string // what the picture shows
	text               string
	was                int64   // euro cents, a former price; 0: none
	stock              []int64 // per variant; nil: plenty
	more               string  // further collections
}

func (f family) products(have map[string]bool) []api.StaffProduct {
	var out []api.StaffProduct
	for _, it := range f.items {
		p := api.StaffProduct{
			Handle: it.handle, Title: it.title, Vendor: f.vendor, Type: f.kind, Status: "active",
			DescriptionHTML: "<p>" + strings.ReplaceAll(it.text, "\n", "</p>\n<p>") + "</p>\n<ul>\n<li>" + strings.Join(f.facts, "</li>\n<li>") + "</li>\n</ul>",
			Tags:            append(append([]string{}, f.tags...), split(it.tags)...),
			Collections:     append(append([]string{}, f.collections...), split(it.more)...),
		}
		for _, pic := range []struct{ name, alt string }{{it.handle + "-1", it.alt}, {it.handle + "-2", it.alt + ", from another side"}} {
			if have[pic.name+".jpg"] {
				p.Images = append(p.Images, api.StaffImage{Asset: pic.name + ".jpg", Alt: pic.alt})
			}
		}
		if have[it.handle+".mp4"] {
			p.Clips = []api.Clip{{URL: it.handle + ".mp4", Type: "video/mp4"}}
		}
		for _, c := range f.choices {
			o := api.Option{Name: c.name}
			for _, v := range c.values {
				o.Values = append(o.Values, v.label)
			}
			p.Options = append(p.Options, o)
		}
		p.Variants = f.variants(it)
		out = append(out, p)
	}
	return out
}

func (f family) variants(it item) []api.StaffVariant {
	all := []api.StaffVariant{{SKU: it.sku, Options: map[string]string{}, Prices: map[string]int64{"EUR": it.price}}}
	for _, c := range f.choices {
		var next []api.StaffVariant
		for _, v := range all {
			for _, val := range c.values {
				o := map[string]string{c.name: val.label}
				for k, x := range v.Options {
					o[k] = x
				}
				title := val.label
				if v.Title != "" {
					title = v.Title + " / " + title
				}
				next = append(next, api.StaffVariant{SKU: v.SKU + "-" + val.code, Title: title, Options: o, Prices: map[string]int64{"EUR": v.Prices["EUR"] + val.extra}})
			}
		}
		all = next
	}
	for i := range all {
		v := &all[i]
		eur := v.Prices["EUR"]
		v.Prices["USD"] = dollars(eur)
		v.CompareAtPrices = map[string]int64{}
		if it.was > 0 {
			was := it.was + eur - it.price
			v.CompareAtPrices = map[string]int64{"EUR": was, "USD": dollars(was)}
		}
		v.OnHand = plenty(v.SKU)
		if it.stock != nil {
			v.OnHand = it.stock[i%len(it.stock)]
		}
	}
	return all
}

// dollars is the price in the United States, a round amount.
func dollars(eur int64) int64 { return (eur*112/100 + 99) / 100 * 100 }

// plenty is a stock between 14 and 89 that stays the same from run to run.
func plenty(sku string) int64 {
	h := fnv.New32a()
	fmt.Fprint(h, sku)
	return 14 + int64(h.Sum32()%76)
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ", ")
}

func families() []family {
	var out []family
	for _, f := range [][]family{ceramics(), kitchen(), lighting(), audio(), furniture(), bags(), desk()} {
		out = append(out, f...)
	}
	return out
}

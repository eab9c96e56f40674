package core

import (
	"strconv"
	"strings"

	"meridian/api"
)

// The views turn records into wire types. Their callers hold the tables' lock.

// fileURL is the address of a rendition of an asset.
func fileURL(a assetRec, width int, format string) string {
	return "/assets/" + a.Stem + "-" + strconv.Itoa(width) + "." + format
}

// image renders an asset: the largest JPEG up to 640 as the fallback, the widths of the best format as srcset.
func image(a assetRec, alt string) api.Image {
	best := "jpg"
	for _, f := range []string{"webp", "avif"} {
		for _, have := range a.Formats {
			if have == f {
				best = f
			}
		}
	}
	width := a.Width
	var set []string
	for _, w := range a.Widths {
		if w <= 640 {
			width = w
		}
		set = append(set, fileURL(a, w, best)+" "+strconv.Itoa(w)+"w")
	}
	height := a.Height
	if a.Width > 0 {
		height = a.Height * width / a.Width
	}
	return api.Image{URL: fileURL(a, width, "jpg"), Alt: alt, Width: width, Height: height, Srcset: strings.Join(set, ", ")}
}

func clipURL(a assetRec) string { return "/assets/" + a.Stem + ".mp4" }

func assetView(a assetRec) api.Asset {
	return api.Asset{Name: a.Name, Kind: a.Kind, Stem: a.Stem, Width: a.Width, Height: a.Height, Widths: a.Widths, Formats: a.Formats, Bytes: a.Bytes, Poster: a.Poster}
}

func (m *Machine) images(p productRec) []api.Image {
	out := []api.Image{}
	for _, i := range p.Images {
		if a, ok := m.assets.Get(i.Asset); ok {
			out = append(out, image(a, i.Alt))
		}
	}
	return out
}

func (m *Machine) firstImage(p productRec) *api.Image {
	if imgs := m.images(p); len(imgs) > 0 {
		return &imgs[0]
	}
	return nil
}

func (m *Machine) assetImage(name, alt string) *api.Image {
	a, ok := m.assets.Get(name)
	if !ok {
		return nil
	}
	i := image(a, alt)
	return &i
}

func (m *Machine) clips(p productRec) []api.Clip {
	out := []api.Clip{}
	for _, name := range p.Clips {
		a, ok := m.assets.Get(name)
		if !ok {
			continue
		}
		c := api.Clip{URL: clipURL(a), Type: "video/mp4", Width: a.Width, Height: a.Height}
		if poster := m.assetImage(a.Poster, ""); poster != nil {
			c.Poster = poster.URL
		}
		out = append(out, c)
	}
	return out
}

func options(p productRec) []api.Option {
	out := []api.Option{}
	for _, o := range p.Options {
		out = append(out, api.Option(o))
	}
	return out
}

func chosen(p productRec, v variantRec) map[string]string {
	out := map[string]string{}
	for i, o := range p.Options {
		if i < len(v.Choices) {
			out[o.Name] = v.Choices[i]
		}
	}
	return out
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// product renders a product in a currency; variants without a price in it are left out, and false is
// returned when none is left.
func (m *Machine) product(p productRec, currency string) (api.Product, bool) {
	v := api.Product{
		Handle: p.Handle, Title: p.Title, DescriptionHTML: p.HTML, Vendor: p.Vendor, Type: p.Type, Tags: orEmpty(p.Tags),
		Options: options(p), Images: m.images(p), Clips: m.clips(p), Variants: []api.Variant{}, Collections: orEmpty(p.Collections),
	}
	for _, r := range p.Variants {
		price, ok := r.Prices[currency]
		if !ok {
			continue
		}
		x := api.Variant{SKU: r.SKU, Title: r.Title, Options: chosen(p, r), Price: api.Money{Amount: price, Currency: currency}, Available: m.shown(r.SKU)}
		if was, ok := r.Compare[currency]; ok && was > price {
			x.CompareAtPrice = &api.Money{Amount: was, Currency: currency}
		}
		v.Variants = append(v.Variants, x)
	}
	return v, len(v.Variants) > 0
}

func copyPrices(p map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for k, v := range p {
		out[k] = v
	}
	return out
}

// staffProduct renders a product as merchandisers edit it.
func (m *Machine) staffProduct(p productRec) api.StaffProduct {
	v := api.StaffProduct{
		Handle: p.Handle, Title: p.Title, DescriptionHTML: p.HTML, Vendor: p.Vendor, Type: p.Type, Tags: orEmpty(p.Tags), Options: options(p),
		Images: []api.StaffImage{}, Clips: m.clips(p), Variants: []api.StaffVariant{}, Collections: orEmpty(p.Collections), Status: "active",
		Index: api.Index{Timeline: m.timeline(), Raft: p.Index},
	}
	if p.Draft {
		v.Status = "draft"
	}
	for _, i := range p.Images {
		s := api.StaffImage{Asset: i.Asset, Alt: i.Alt}
		if a, ok := m.assets.Get(i.Asset); ok {
			img := image(a, i.Alt)
			s.URL, s.Width, s.Height, s.Srcset = img.URL, img.Width, img.Height, img.Srcset
		}
		v.Images = append(v.Images, s)
	}
	for _, r := range p.Variants {
		onHand := int64(0)
		for _, l := range m.levels(r.SKU) {
			onHand += l.OnHand
		}
		v.Variants = append(v.Variants, api.StaffVariant{SKU: r.SKU, Title: r.Title, Options: chosen(p, r),
			Prices: copyPrices(r.Prices), CompareAtPrices: copyPrices(r.Compare), OnHand: onHand})
	}
	return v
}

func (m *Machine) collection(c collectionRec) api.Collection {
	v := api.Collection{Handle: c.Handle, Title: c.Title, Description: c.Description, Image: m.assetImage(c.Image, c.Title), Count: len(m.members[c.Handle])}
	if v.Image == nil {
		for _, h := range m.members[c.Handle] {
			if p, ok := m.products.Get(h); ok {
				if v.Image = m.firstImage(p); v.Image != nil {
					break
				}
			}
		}
	}
	return v
}

func (m *Machine) stockLevel(sku, location string, s stockRec) api.StockLevel {
	return api.StockLevel{SKU: sku, Location: location, OnHand: s.OnHand, Reserved: s.Reserved, Available: s.OnHand - s.Reserved,
		Index: api.Index{Timeline: m.timeline(), Raft: s.Index}}
}

// sortings are the orders a list may be in.
var sortings = map[string]bool{"": true, "featured": true, "newest": true, "price": true, "-price": true, "title": true}

// sorted renders handles as products in an order. Featured is the order of creation.
func (m *Machine) sorted(handles []string, currency, by string) []api.Product {
	out := make([]api.Product, 0, len(handles))
	for _, h := range m.ordered(handles, currency, by) {
		if rec, ok := m.products.Get(h); ok && !rec.Draft {
			if p, ok := m.product(rec, currency); ok {
				out = append(out, p)
			}
		}
	}
	return out
}

// pageOf cuts a page out of a list. The cursor is the handle of the last product of the page before.
func pageOf(ps []api.Product, p api.Page) (api.List[api.Product], *api.Error) {
	limit, refusal := limitOf(p)
	if refusal != nil {
		return api.List[api.Product]{}, refusal
	}
	start := 0
	if p.After != "" {
		start = -1
		for i := range ps {
			if ps[i].Handle == p.After {
				start = i + 1
				break
			}
		}
		if start < 0 {
			return api.List[api.Product]{}, badCursor()
		}
	}
	end := min(start+limit, len(ps))
	l := api.List[api.Product]{Items: append([]api.Product{}, ps[start:end]...)}
	if end < len(ps) && end > start {
		next := ps[end-1].Handle
		l.Next = &next
	}
	return l, nil
}

func badCursor() *api.Error {
	return api.Invalid("after", "This cursor is not from this list. Start from the beginning without it.")
}

func limitOf(p api.Page) (int, *api.Error) {
	switch {
	case p.Limit == 0:
		return 24, nil
	case p.Limit < 1 || p.Limit > 100:
		return 0, api.Invalid("limit", "Give a limit between 1 and 100.")
	}
	return p.Limit, nil
}

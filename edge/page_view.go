package edge

import (
	"strings"

	"meridian/api"
	"meridian/web"
)

func picture(i *api.Image) *web.Picture {
	if i == nil || i.URL == "" {
		return nil
	}
	return &web.Picture{Src: i.URL, AVIF: i.Srcset, Alt: i.Alt, Width: i.Width, Height: i.Height}
}

// card shows a product in a list.
func card(p *api.Product, reason string) web.Card {
	c := web.Card{Handle: p.Handle, Title: p.Title, Vendor: p.Vendor, Href: "/products/" + p.Handle, Reason: reason, SoldOut: true}
	var left int64
	for i := range p.Variants {
		left += max(p.Variants[i].Available, 0)
	}
	if left > 0 {
		c.SoldOut = false
		if left <= api.LowStock {
			c.Low = int(left)
		}
	}
	if v := cheapest(p); v != nil {
		c.Price, c.WasPrice = money(v.Price), was(v)
		for i := range p.Variants {
			c.From = c.From || p.Variants[i].Price.Amount != v.Price.Amount
		}
	}
	if len(p.Images) > 0 {
		c.Picture = picture(&p.Images[0])
	}
	if len(p.Images) > 1 {
		c.Second = picture(&p.Images[1])
	}
	return c
}

func cards(products []api.Product, reason string) []web.Card {
	var list []web.Card
	for i := range products {
		list = append(list, card(&products[i], reason))
	}
	return list
}

// was is the price before a reduction, or "".
func was(v *api.Variant) string {
	if v.CompareAtPrice == nil || v.CompareAtPrice.Amount <= v.Price.Amount {
		return ""
	}
	return money(*v.CompareAtPrice)
}

// availability says how much there is, in the words of web.Product.
func availability(n int64) (state string, low int) {
	switch {
	case n <= 0:
		return "sold_out", 0
	case n <= api.LowStock:
		return "low", int(n)
	}
	return "in_stock", 0
}

func productView(p *api.Product) web.Product {
	v := web.Product{Handle: p.Handle, Title: p.Title, Vendor: p.Vendor, Type: p.Type, DescriptionHTML: p.DescriptionHTML, CartForm: "/cart", MaxNumber: 10}
	for i := range p.Images {
		if pic := picture(&p.Images[i]); pic != nil {
			v.Pictures = append(v.Pictures, *pic)
		}
	}
	for _, c := range p.Clips {
		v.Clips = append(v.Clips, web.Clip{Src: c.URL, Type: c.Type, Poster: c.Poster, Width: c.Width, Height: c.Height})
	}
	for _, o := range p.Options {
		v.Options = append(v.Options, web.Option{Name: o.Name, Values: o.Values})
	}
	for i := range p.Variants {
		v.Variants = append(v.Variants, variantView(p, &p.Variants[i]))
	}
	v.Selected = selected(p)
	if len(p.Variants) > 0 {
		chosen := &p.Variants[v.Selected]
		v.Price, v.WasPrice = money(chosen.Price), was(chosen)
		v.Availability, v.Low = availability(chosen.Available)
	}
	return v
}

func variantView(p *api.Product, a *api.Variant) web.Variant {
	v := web.Variant{SKU: a.SKU, Title: a.Title, Price: money(a.Price), WasPrice: was(a)}
	v.Availability, v.Low = availability(a.Available)
	for _, o := range p.Options {
		v.Choices = append(v.Choices, a.Options[o.Name])
	}
	return v
}

// selected is the first variant that can be had, else the first.
func selected(p *api.Product) int {
	for i := range p.Variants {
		if p.Variants[i].Available > 0 {
			return i
		}
	}
	return 0
}

// lineView shows a cart line. Title of a line is "Product – Variant" or the product alone.
func lineView(l *api.CartLine) web.CartLine {
	v := web.CartLine{SKU: l.SKU, Title: l.Title, Href: "/products/" + l.Handle, UnitPrice: money(l.UnitPrice), LineTotal: money(l.LineTotal),
		Quantity: int(l.Quantity), Picture: picture(l.Image)}
	if l.Available < l.Quantity {
		v.Problem = onlyLeft(l.Available)
	}
	return v
}

func onlyLeft(n int64) string {
	if n <= 0 {
		return "Sold out. Remove it to go on."
	}
	return "Only " + number(n) + " left. Lower the quantity to go on."
}

func orderLineView(l *api.OrderLine) web.CartLine {
	return web.CartLine{SKU: l.SKU, Title: l.Title, Href: "/products/" + l.Handle, UnitPrice: money(l.UnitPrice), LineTotal: money(l.LineTotal),
		Quantity: int(l.Quantity), Picture: picture(l.Image)}
}

func orderRow(o *api.Order, href string) web.OrderRow {
	return web.OrderRow{Number: o.Number, Href: href, PlacedAt: day(o.PlacedAt), StatusLabel: statusLabel(o.Status), Total: money(o.Totals.Total)}
}

// What search engines are told of a description, in bytes: the first sentence or so, and more of it.
const shortDescription, longDescription = 160, 500

// crumbs leads from home to a page.
func crumbs(links ...web.Link) []web.Link {
	return append([]web.Link{{Label: "Home", Href: "/"}}, links...)
}

// titled is a handle as words, where there is nothing better: sun-hats becomes Sun hats.
func titled(handle string) string {
	s := strings.ReplaceAll(handle, "-", " ")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

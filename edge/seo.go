package edge

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"html"
	"strings"

	"meridian/api"
)

// maxSitemapProducts is what one site map may hold by the protocol, less room for other pages.
const maxSitemapProducts = 49_000

func (s *Shop) seoRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/sitemap.xml", Handler: s.sitemap, Timeout: payTimeout},
		{Method: "GET", Pattern: "/robots.txt", Handler: s.robots},
		{Method: "GET", Pattern: "/openapi.json", Handler: s.openAPI},
	}
}

func (s *Shop) robots(context.Context, *Request) (*Answer, error) {
	body := "User-agent: *\n" +
		"Disallow: /admin/\nDisallow: /api/\nDisallow: /cart\nDisallow: /checkout\nDisallow: /orders/\nDisallow: /account\nDisallow: /sign-in\nDisallow: /register\nDisallow: /search\n" +
		"Sitemap: " + s.cfg.BaseURL + "/sitemap.xml\n"
	return &Answer{ContentType: "text/plain; charset=utf-8", Body: []byte(body), Tags: []string{api.TagContent}}, nil
}

// sitemap lists the home page, every collection and every product.
func (s *Shop) sitemap(ctx context.Context, r *Request) (*Answer, error) {
	t := s.public(r)
	collections, err := ask(ctx, t, api.CollectionList, r.Locale)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(xml.Header + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + "\n")
	s.location(&b, "/")
	for i := range collections.Items {
		s.location(&b, "/collections/"+collections.Items[i].Handle)
	}
	q := api.ProductsQuery{Page: api.Page{Limit: maxLimit}, Locale: r.Locale, Brief: true}
	for n := 0; n < maxSitemapProducts; {
		list, err := ask(ctx, t, api.ProductsList, q)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			s.location(&b, "/products/"+list.Items[i].Handle)
		}
		n += len(list.Items)
		if list.Next == nil || len(list.Items) == 0 {
			break
		}
		q.After = *list.Next
	}
	b.WriteString("</urlset>\n")
	a := t.answer()
	a.ContentType, a.Body, a.Tags = "application/xml; charset=utf-8", []byte(b.String()), []string{api.TagCatalogue}
	return a, nil
}

// location writes one address. Handles hold nothing that XML would need escaped.
func (s *Shop) location(b *strings.Builder, path string) {
	b.WriteString("<url><loc>")
	_ = xml.EscapeText(b, []byte(s.cfg.BaseURL+path)) // a Builder's Write does not fail
	b.WriteString("</loc></url>\n")
}

// productJSONLD describes a product to search engines. json.Marshal escapes <, > and &, so that the
// document cannot end the script element it is put into.
func (s *Shop) productJSONLD(p *api.Product, description string) string {
	offers := []object{}
	for i := range p.Variants {
		v := &p.Variants[i]
		stock := "https://schema.org/InStock"
		if v.Available <= 0 {
			stock = "https://schema.org/OutOfStock"
		}
		offers = append(offers, object{"@type": "Offer", "sku": v.SKU, "price": decimal(v.Price), "priceCurrency": v.Price.Currency,
			"availability": stock, "url": s.cfg.BaseURL + "/products/" + p.Handle})
	}
	images := []string{}
	for i := range p.Images {
		images = append(images, s.absolute(p.Images[i].URL))
	}
	doc, err := json.Marshal(object{"@context": "https://schema.org", "@type": "Product", "name": p.Title, "url": s.cfg.BaseURL + "/products/" + p.Handle,
		"description": description, "image": images, "brand": object{"@type": "Brand", "name": p.Vendor}, "category": p.Type, "offers": offers})
	if err != nil {
		return "{}"
	}
	return string(doc)
}

// absolute makes an address on this site complete.
func (s *Shop) absolute(address string) string {
	if strings.HasPrefix(address, "/") {
		return s.cfg.BaseURL + address
	}
	return address
}

// plainText is cleaned HTML without its tags, in one line: all of it, or of a long text at least n bytes and then something that is to be cut off.
func plainText(markup string, n int) string {
	for part := 8 * n; part < len(markup); part *= 8 {
		if text := withoutTags(markup[:part]); len(text) > n+longestEntity {
			return text
		}
	}
	return withoutTags(markup)
}

// longestEntity is more than is left at the end of a text by a cut through an entity.
const longestEntity = 64

func withoutTags(markup string) string {
	var b strings.Builder
	for markup != "" {
		text, tag, tagged := strings.Cut(markup, "<")
		b.WriteString(text)
		if tagged {
			b.WriteByte(' ')
		}
		_, markup, _ = strings.Cut(tag, ">")
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

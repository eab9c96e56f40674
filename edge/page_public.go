package edge

import (
	"context"
	"slices"
	"strconv"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/web"
)

// How many cards the home page and a product page show in a row, and how many a list per page.
const (
	homeCards = 8
	withCards = 4
	listCards = 24
)

func (s *Shop) home(ctx context.Context, r *Request) (*Answer, error) {
	t := s.public(r)
	var collections []api.Collection
	var trending advice
	var newest api.List[api.Product]
	err := coreclient.Together(ctx,
		func(ctx context.Context) (err error) { collections, err = s.collections(ctx, t); return },
		func(ctx context.Context) (err error) {
			trending, err = s.advise(ctx, t, homeCards, occasion{})
			return
		},
		func(ctx context.Context) (err error) {
			newest, err = ask(ctx, t, api.ProductsList, api.ProductsQuery{Page: api.Page{Limit: homeCards}, Locale: r.Locale, Sort: "newest", Brief: true})
			return
		})
	if err != nil {
		return nil, err
	}
	v := web.Home{Layout: s.layout(r, "Meridian", collections), Trending: trending.cards(), New: cards(newest.Items, "")}
	trending.on(&v.Layout)
	v.Description = "Good things for the home, sent from near you."
	for i := range collections {
		v.Collections = append(v.Collections, tile(&collections[i]))
	}
	v.Hero = hero(collections, newest.Items)
	a := t.answer()
	a.Tags = slices.Concat(collectionTags(collections), []string{api.TagContent}, listTags(trending.products)[1:], listTags(newest.Items)[1:])
	a.TTL = trendingTTL
	return page(a, 200, v)
}

func tile(c *api.Collection) web.Tile {
	return web.Tile{Title: c.Title, Href: "/collections/" + c.Handle, Description: c.Description, Count: c.Count, Picture: picture(c.Image)}
}

// hero is the picture of the first collection that has one, else of the newest product.
func hero(collections []api.Collection, products []api.Product) *web.Picture {
	for i := range collections {
		if p := picture(collections[i].Image); p != nil {
			return p
		}
	}
	for i := range products {
		if len(products[i].Images) > 0 {
			return picture(&products[i].Images[0])
		}
	}
	return nil
}

func (s *Shop) productPage(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleParam(r)
	if err != nil {
		return nil, err
	}
	t := s.public(r)
	var product api.Product
	var collections []api.Collection
	var methods api.List[api.ShippingMethod]
	var with advice
	err = coreclient.Together(ctx,
		func(ctx context.Context) (err error) {
			product, err = ask(ctx, t, api.ProductsGet, api.ProductQuery{Locale: r.Locale, Handle: handle})
			return
		},
		func(ctx context.Context) (err error) { collections, err = s.collections(ctx, t); return },
		func(ctx context.Context) (err error) { methods, err = ask(ctx, t, api.ShippingList, r.Locale); return },
		func(ctx context.Context) (err error) {
			with, err = s.advise(ctx, t, withCards, occasion{visit: []string{handle}, page: handle})
			return
		})
	if err != nil {
		return nil, err
	}
	v := productView(&product)
	v.Layout = s.layout(r, product.Title, collections)
	description := plainText(product.DescriptionHTML, longDescription)
	v.Description = clip(description, shortDescription)
	v.Crumbs = crumbs(productCrumb(&product, collections)...)
	if len(product.Images) > 0 {
		v.OGImage = s.absolute(product.Images[0].URL)
	}
	if len(methods.Items) > 0 {
		v.Delivery = delivered(methods.Items[0].Delivery)
	}
	v.With = with.cards()
	with.on(&v.Layout)
	v.JSONLD = s.productJSONLD(&product, clip(description, longDescription))
	if wanted := first(r.Query, "sku"); wanted != "" {
		preselect(&v, &product, wanted)
	}
	a := t.answer()
	a.Tags = append([]string{api.TagProduct(handle), api.TagContent}, collectionTags(collections)[1:]...)
	a.Tags = append(a.Tags, listTags(with.products)[1:]...)
	a.TTL = s.untilTomorrow()
	return page(a, 200, v)
}

// productCrumb leads through the product's first collection.
func productCrumb(p *api.Product, collections []api.Collection) []web.Link {
	here := web.Link{Label: p.Title, Href: "/products/" + p.Handle, Current: true}
	for _, handle := range p.Collections {
		for i := range collections {
			if collections[i].Handle == handle {
				return []web.Link{{Label: collections[i].Title, Href: "/collections/" + handle}, here}
			}
		}
	}
	return []web.Link{here}
}

// preselect shows the variant with the SKU; an unknown one changes nothing.
func preselect(v *web.Product, p *api.Product, sku string) {
	for i := range p.Variants {
		if p.Variants[i].SKU == sku {
			v.Selected = i
			v.Price, v.WasPrice = money(p.Variants[i].Price), was(&p.Variants[i])
			v.Availability, v.Low = availability(p.Variants[i].Available)
		}
	}
}

func first(query map[string][]string, name string) string {
	if v := query[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

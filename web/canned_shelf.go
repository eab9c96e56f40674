package web

func cannedFacets(selected string) []Facet {
	colours := []FacetValue{{Value: "teal", Label: "Teal", Count: 12}, {Value: "rust", Label: "Rust", Count: 8}, {Value: "cobalt", Label: "Cobalt", Count: 3}}
	for i := range colours {
		colours[i].Selected = colours[i].Value == selected
	}
	return []Facet{
		{Name: "facet.colour", Label: "Colour", Values: colours},
		{Name: "facet.vendor", Label: "Maker", Values: []FacetValue{{Value: "Harbour Pottery", Label: "Harbour Pottery", Count: 14}, {Value: "Studio Arden", Label: "Studio Arden", Count: 9}}},
		{Name: "facet.price", Label: "Price", Values: []FacetValue{{Value: "0-25", Label: "Up to €25", Count: 6}, {Value: "25-50", Label: "€25 to €50", Count: 11}}},
	}
}

func cannedSorts(path string) []Link {
	return []Link{{Label: "Featured", Href: path, Current: true}, {Label: "Newest", Href: path + "?sort=newest"},
		{Label: "Price, low to high", Href: path + "?sort=price"}, {Label: "Price, high to low", Href: path + "?sort=-price"}}
}

func cannedListing() Listing {
	const path = "/collections/ceramics"
	l := cannedLayout("Ceramics", path)
	l.Crumbs = []Link{{Label: "Home", Href: "/"}, {Label: "Ceramics", Href: path, Current: true}}
	cards := append(cannedCards(), cannedCards()[:4]...)
	for i := 8; i < len(cards); i++ {
		cards[i].Handle += "-ii"
	}
	return Listing{Layout: l, Heading: "Ceramics", Intro: "Thrown, glazed and fired to be used: mugs that keep their warmth and bowls that go from the oven to the table.",
		Total: 32, Facets: cannedFacets(""), Sorts: cannedSorts(path), Cards: cards, NextHref: path + "?after=c2", Action: path}
}

func cannedFiltered() Listing {
	const path = "/collections/ceramics"
	v := cannedListing()
	v.NoIndex = true
	v.Facets = cannedFacets("teal")
	v.Chips = []Link{{Label: "Colour: Teal", Href: path}}
	v.Total, v.Cards, v.NextHref, v.FirstHref = 1, v.Cards[:1], "", path
	v.Sorts = []Link{{Label: "Featured", Href: path}, {Label: "Newest", Href: path + "?sort=newest", Current: true}}
	return v
}

func cannedEmptyListing() Listing {
	v := cannedFiltered()
	v.Total, v.Cards, v.FirstHref = 0, nil, ""
	v.Ways = []Link{{Label: "All ceramics", Href: v.Action}, {Label: "Lamps", Href: "/collections/lamps"}}
	return v
}

func cannedSearch() Listing {
	l := cannedLayout("Search: lapm", "/search")
	l.Query, l.NoIndex = "lapm", true
	return Listing{Layout: l, Heading: "Search: lapm", Search: true, CorrectedQuery: "lamp", Total: 2, Facets: cannedFacets("")[1:],
		Sorts: cannedSorts("/search"), Cards: cannedCards()[1:3], Action: "/search"}
}

func cannedEmptySearch() Listing {
	l := cannedLayout("Search: hammock", "/search")
	l.Query, l.NoIndex = "hammock", true
	return Listing{Layout: l, Heading: "Search: hammock", Search: true, Action: "/search", Instead: cannedRecommended(),
		Ways: []Link{{Label: "Ceramics", Href: "/collections/ceramics"}, {Label: "Lamps", Href: "/collections/lamps"}, {Label: "Home", Href: "/"}}}
}

func cannedProduct() Product {
	const path = "/products/tidal-mug"
	l := cannedLayout("Tidal mug", path)
	l.Crumbs = []Link{{Label: "Home", Href: "/"}, {Label: "Ceramics", Href: "/collections/ceramics"}, {Label: "Tidal mug", Href: path, Current: true}}
	l.OGImage = "https://shop.example/assets/canned-mug-teal-1.jpg"
	return Product{
		Layout: l, Handle: "tidal-mug", Title: "Tidal mug", Vendor: "Harbour Pottery", Type: "Mug",
		DescriptionHTML: "<p>A mug for two hands. The glaze runs a little further on each one, so no two have the same tide line.</p>" +
			"<ul><li>Stoneware, 320 ml</li><li>For the dishwasher and the microwave</li></ul>",
		Pictures: []Picture{*cannedPicture("mug-teal-1", "A teal mug from the front"), *cannedPicture("mug-teal-2", "The mug from the side"), *cannedPicture("mug-teal-3", "The glaze close by")},
		Clips:    []Clip{{Src: "/assets/canned-mug.mp4", Type: "video/mp4", Poster: "/assets/canned-mug-teal-3.jpg", Width: 640, Height: 640}},
		Options:  []Option{{Name: "Colour", Values: []string{"Teal", "Rust", "Cobalt", "Bone"}}},
		Variants: []Variant{
			{SKU: "MUG-TEAL", Title: "Teal", Price: "€24.00", Choices: []string{"Teal"}, Availability: "in_stock"},
			{SKU: "MUG-RUST", Title: "Rust", Price: "€26.00", Choices: []string{"Rust"}, Availability: "low", Low: 3},
			{SKU: "MUG-COBALT", Title: "Cobalt", Price: "€24.00", WasPrice: "€28.00", Choices: []string{"Cobalt"}, Availability: "in_stock"},
			{SKU: "MUG-BONE", Title: "Bone", Price: "€24.00", Choices: []string{"Bone"}, Availability: "sold_out"},
		},
		Price: "€24.00", Availability: "in_stock", Delivery: "Delivered between Tue 24 and Thu 26 November", With: cannedRecommended(),
		JSONLD:   `{"@context":"https://schema.org","@type":"Product","name":"Tidal mug","offers":{"@type":"Offer","price":"24.00","priceCurrency":"EUR"}}`,
		CartForm: "/cart", MaxNumber: 10,
	}
}

func cannedLowProduct() Product {
	v := cannedProduct()
	v.Options, v.Variants, v.Clips = nil, []Variant{{SKU: "MUG-1", Title: "Tidal mug", Price: "€19.00", WasPrice: "€24.00", Availability: "low", Low: 3}}, nil
	v.Price, v.WasPrice, v.Availability, v.Low, v.MaxNumber = "€19.00", "€24.00", "low", 3, 3
	return v
}

func cannedSoldOutProduct() Product {
	v := cannedProduct()
	for i := range v.Variants {
		v.Variants[i].Availability, v.Variants[i].Low = "sold_out", 0
	}
	v.Availability = "sold_out"
	return v
}

func cannedTwoOptions() Product {
	v := cannedProduct()
	v.Options = []Option{{Name: "Colour", Values: []string{"Teal", "Rust"}}, {Name: "Size", Values: []string{"Small", "Large"}}}
	v.Variants = nil
	for _, c := range v.Options[0].Values {
		for _, s := range v.Options[1].Values {
			v.Variants = append(v.Variants, Variant{SKU: "MUG-" + c + "-" + s, Title: c + " / " + s, Price: "€24.00", Choices: []string{c, s}, Availability: "in_stock"})
		}
	}
	v.Variants[1].Availability = "sold_out"
	v.Variants[2].Availability, v.Variants[2].Low = "low", 1
	return v
}

func cannedManyVariants() Product {
	v := cannedTwoOptions()
	v.Options[1].Values = []string{"36", "37", "38", "39", "40", "41", "42"}
	v.Variants = nil
	for _, c := range v.Options[0].Values {
		for _, s := range v.Options[1].Values {
			v.Variants = append(v.Variants, Variant{SKU: "CLOG-" + c + "-" + s, Title: c + " / " + s, Price: "€79.00", Choices: []string{c, s}, Availability: "in_stock"})
		}
	}
	return v
}

func cannedBareProduct() Product {
	return Product{Layout: cannedLayout("Day bag", "/products/day-bag"), Handle: "day-bag", Title: "Day bag", Price: "€89.00", Availability: "in_stock", CartForm: "/cart",
		Variants: []Variant{{SKU: "BAG-1", Title: "Day bag", Price: "€89.00", Availability: "in_stock"}}}
}

package web

import "strings"

// Canned is a view filled with made-up data, to look at and to test with.
type Canned struct {
	Name string
	View View
}

// CannedViews returns every page in every state that looks different. Pictures are addressed as
// /assets/canned-<name>.jpg; the storybook draws them.
func CannedViews() []Canned {
	return []Canned{
		{"home", cannedHome()},
		{"listing", cannedListing()},
		{"listing-filtered", cannedFiltered()},
		{"listing-empty", cannedEmptyListing()},
		{"search", cannedSearch()},
		{"search-empty", cannedEmptySearch()},
		{"product", cannedProduct()},
		{"product-low", cannedLowProduct()},
		{"product-sold-out", cannedSoldOutProduct()},
		{"product-two-options", cannedTwoOptions()},
		{"product-many-variants", cannedManyVariants()},
		{"product-bare", cannedBareProduct()},
		{"cart", cannedCart()},
		{"cart-problem", cannedProblemCart()},
		{"cart-empty", Cart{Layout: cannedPrivate("Your cart"), Empty: true, Also: cannedCards()[2:6]}},
		{"checkout", cannedCheckout()},
		{"checkout-errors", cannedCheckoutErrors()},
		{"checkout-declined", cannedDeclined()},
		{"order-fresh", cannedFreshOrder()},
		{"order-sent", cannedSentOrder()},
		{"order-cancelled", cannedCancelledOrder()},
		{"account", cannedAccount()},
		{"account-empty", Account{Layout: cannedPrivate("Your account"), Name: "Ines Okafor", Email: "ines@example.com"}},
		{"sign-in", SignIn{Layout: cannedPrivate("Sign in"), Next: "/account"}},
		{"sign-in-refused", cannedRefusedSignIn()},
		{"register", cannedRegister()},
		{"staff-sign-in", SignIn{Layout: cannedPrivate("Staff sign-in"), Staff: true, Next: "/admin/"}},
		{"privacy", Privacy{Layout: cannedPrivate("Privacy")}},
		{"privacy-agreed", Privacy{Layout: cannedPrivate("Privacy"), Choice: "yes", Remembered: true}},
		{"not-found", cannedNotFound()},
		{"unavailable", cannedUnavailable()},
		{"waiting", cannedWaiting()},
		{"waiting-join", Waiting{Room: "lamp", Heading: "Shoppers take turns here", Ahead: "1", Join: true, Back: "/product",
			Text: "More people want this than can buy at once. Take a place in the line: it is yours, also on another page or after a moment offline."}},
		{"waiting-sold-out", Waiting{Room: "lamp", Heading: "Sold out", Back: "/product", Ways: []Link{{Label: "Look around in the shop", Href: "/"}},
			Text: "Everything has been sold, and nobody is paying any more: nothing can come back. You have not been charged."}},
		{"desk", cannedDesk()},
		{"analytics", cannedAnalytics()},
		{"analytics-empty", Analytics{Layout: cannedPrivate("Analytics"), Who: "mara@example.com", Role: "merchandiser", Filters: cannedFilters(), Note: "Reports are switched off here: this edge runs without ClickHouse."}},
		{"sql", cannedSQL()},
		{"operations", cannedOperations()},
	}
}

func cannedPicture(name, alt string) *Picture {
	return &Picture{Src: "/assets/canned-" + name + ".jpg", Alt: alt, Width: 640, Height: 640}
}

func cannedLayout(title, path string) Layout {
	l := Layout{
		Title:        title,
		Description:  "Ceramics, lamps, sound, furniture and bags for the home and the desk.",
		Canonical:    "https://shop.example" + path,
		Lang:         "en",
		Region:       "eu",
		Currency:     "EUR",
		Consent:      consentAsk,
		RecAlgorithm: "canned",
		RecVersion:   "1",
	}
	for _, c := range cannedCollections() {
		l.Nav = append(l.Nav, Link{Label: c.Title, Href: c.Href, Current: c.Href == path})
	}
	return l
}

func cannedPrivate(title string) Layout {
	l := cannedLayout(title, "/"+strings.ToLower(strings.ReplaceAll(title, " ", "-")))
	l.NoIndex, l.CartCount = true, 3
	return l
}

func cannedCollections() []Tile {
	return []Tile{
		{Title: "Ceramics", Href: "/collections/ceramics", Count: 32, Description: "Thrown, glazed and fired to be used.", Picture: cannedPicture("mug-teal-1", "")},
		{Title: "Lamps", Href: "/collections/lamps", Count: 18, Picture: cannedPicture("lamp-ivory-1", "")},
		{Title: "Sound", Href: "/collections/sound", Count: 9, Picture: cannedPicture("headphones-bone-1", "")},
		{Title: "Vases", Href: "/collections/vases", Count: 14, Picture: cannedPicture("vase-cobalt-1", "")},
		{Title: "Furniture", Href: "/collections/furniture", Count: 12, Picture: cannedPicture("mug-rust-2", "")},
		{Title: "Bags", Href: "/collections/bags", Count: 7},
	}
}

func cannedCard(handle, title, vendor, price, picture string) Card {
	return Card{
		Handle: handle, Title: title, Vendor: vendor, Href: "/products/" + handle, Price: price,
		Picture: cannedPicture(picture+"-1", title), Second: cannedPicture(picture+"-2", title+", from the side"),
	}
}

func cannedCards() []Card {
	list := []Card{
		cannedCard("tidal-mug", "Tidal mug", "Harbour Pottery", "€24.00", "mug-teal"),
		cannedCard("halfmoon-lamp", "Halfmoon table lamp", "Lumen & Oak", "€129.00", "lamp-ivory"),
		cannedCard("fluted-vase", "Fluted vase", "Studio Arden", "€58.00", "vase-cobalt"),
		cannedCard("quiet-headphones", "Quiet over-ear headphones", "Nordhall", "€249.00", "headphones-bone"),
		cannedCard("ember-mug", "Ember mug", "Harbour Pottery", "€26.00", "mug-rust"),
		cannedCard("writing-table", "Writing table with one drawer and a very long name that has to wrap", "Werk 9", "€1,149.00", "lamp-ivory"),
		cannedCard("day-bag", "Day bag", "Werk 9", "€89.00", "vase-cobalt"),
		cannedCard("desk-speaker", "Desk speaker", "Nordhall", "€179.00", "headphones-bone"),
	}
	list[0].From = true
	list[1].WasPrice = "€159.00"
	list[2].Low = 2
	list[3].SoldOut = true
	list[6].Picture, list[6].Second = nil, nil
	return list
}

func cannedRecommended() []Card {
	list := cannedCards()[1:5]
	list[0].Reason = "Often bought with the Tidal mug"
	list[1].Reason = "From the same shelf"
	return list
}

func cannedHome() Home {
	return Home{Layout: cannedLayout("Meridian", "/"), Hero: cannedPicture("lamp-ivory-1", "A lit table lamp with a turned wooden foot"),
		Collections: cannedCollections(), Trending: cannedCards(), New: cannedCards()[:4]}
}

func cannedNotFound() Problem {
	return Problem{Layout: cannedPrivate("Not found"), Status: 404, Heading: "There is nothing at this address",
		Text: "The piece may have sold out for good, or the address was mistyped.", RequestID: "01JDKQ7W3Z9V6M",
		Ways: []Link{{Label: "Home", Href: "/"}, {Label: "Search", Href: "/search"}}, Suggestions: cannedCards()[:4]}
}

func cannedUnavailable() Problem {
	return Problem{Layout: cannedPrivate("Unavailable"), Status: 503, Heading: "We cannot reach the stock room",
		Text: "Nothing was changed. Try again in a few seconds.", RequestID: "01JDKQ7W3Z9V6N", Ways: []Link{{Label: "Your cart", Href: "/cart"}}}
}

func cannedWaiting() Waiting {
	return Waiting{Room: "lamp", Heading: "You are in line", Ahead: "12,345", Refresh: 300, Back: "/product",
		Text: "About 4 minutes at the present pace. This page looks again by itself and takes you on when it is your turn; your place is kept if you close it."}
}

func cannedDesk() Desk {
	l := cannedPrivate("Desk")
	l.Nav = nil
	return Desk{Layout: l, Who: "mara@example.com", Role: "merchandiser", Orders: cannedOrderRows(), Reports: []Table{
		{Title: "Overview", Columns: []string{"Day", "Visits", "Orders", "Revenue (EUR)"}, Rows: [][]string{
			{"2026-11-19", "1,204", "41", "3,182.40"}, {"2026-11-20", "1,377", "52", "4,410.00"}}},
		{Title: "Searches without a result", Columns: []string{"Query", "Times"}, Rows: [][]string{{"hammock", "14"}, {"green kettle", "9"}}},
		{Title: "Out of stock", Columns: []string{"SKU", "Since"}, Empty: "Everything is in stock."},
	}}
}

func cannedFilters() Filters {
	return Filters{First: "2026-11-14", Last: "2026-11-20", Today: "2026-11-20", Compare: true,
		Presets: []Link{{Label: "Today", Href: "/admin/analytics?days=1"}, {Label: "7 days", Href: "/admin/analytics?days=7", Current: true}},
		Grains:  []Choice{{Value: "hour", Label: "Hour"}, {Value: "day", Label: "Day", Selected: true}}, Regions: []Choice{{Label: "All"}, {Value: "eu", Label: "eu", Selected: true}},
		Devices: []Choice{{Label: "All", Selected: true}, {Value: "mobile", Label: "Mobile"}},
		Chosen:  []Link{{Label: "Region eu", Href: "/admin/analytics"}}}
}

func cannedAnalytics() Analytics {
	trend := []float64{12, 30, 22, 41, 38, 55, 49}
	l := cannedPrivate("Analytics")
	l.Nav = []Link{{Label: "Orders", Href: "/admin/"}, {Label: "Analytics", Href: "/admin/analytics", Current: true}}
	days := []string{"14 Nov 2026", "15 Nov 2026", "16 Nov 2026", "17 Nov 2026", "18 Nov 2026", "19 Nov 2026", "20 Nov 2026"}
	return Analytics{Layout: l, Who: "mara@example.com", Role: "merchandiser", Filters: cannedFilters(),
		Figures: []Figure{{"Revenue", "€3,182.40", "+12.4 % on the period before", "good", trend}, {"Orders", "41", "-3.1 % on the period before", "bad", trend}, {"Sessions", "1,204", "", "", trend}, {Label: "Conversion", Value: "3.41 %"}},
		Panels: []Panel{
			{ID: "panel-overview", About: "Revenue is what was ordered, with shipping.", CSV: "/admin/api/v1/analytics/overview?format=csv",
				Chart: &Chart{Name: "Revenue, EUR", Labels: days, Values: []string{"€12.00", "€30.00", "€22.00", "€41.00", "€38.00", "€55.00", "€49.00"}, Now: trend, Before: []float64{20, 20, 25, 30, 12, 40, 44}},
				Table: Table{Title: "Over time", Columns: []string{"Period", "Revenue"}, Rows: [][]string{{"14 Nov 2026", "€12.00"}, {"15 Nov 2026", "€30.00"}}}},
			{ID: "panel-funnel", About: "Sessions that came so far.", CSV: "/admin/api/v1/analytics/funnel?format=csv", Table: Table{Title: "How far sessions come", Columns: []string{"Step", "Sessions"}, Rows: [][]string{{"Visited", "1,204"}, {"Ordered", "41"}}},
				Stages: []Stage{{"Visited", "1,204", "", 1}, {"Viewed a product", "802", "66.6 % of the step before", .666}, {"Added to the cart", "120", "15.0 % of the step before", .1}, {"Ordered", "41", "34.2 % of the step before", .034}}},
			{ID: "panel-searches", About: "What was typed.", CSV: "/admin/api/v1/analytics/searches?format=csv", Ways: []string{"/search?q=hammock", "/search?q=green+kettle"}, Shares: []float64{1, .64},
				Table: Table{Title: "What people search for", Columns: []string{"Query", "Searches"}, Rows: [][]string{{"hammock", "14"}, {"green kettle", "9"}}}},
			{ID: "panel-stock", About: "Products that went quiet.", CSV: "/admin/api/v1/analytics/stock_out?format=csv", Table: Table{Title: "Products that stopped selling", Columns: []string{"Product"}, Empty: "No product that sold has gone quiet."}},
		}}
}

func cannedSQL() SQL {
	l := cannedPrivate("SQL")
	l.Nav = []Link{{Label: "Orders", Href: "/admin/"}, {Label: "Analytics", Href: "/admin/analytics"}, {Label: "SQL", Href: "/admin/analytics/sql", Current: true}}
	return SQL{Layout: l, Who: "mara@example.com", Role: "merchandiser", Query: Field{Value: "SELECT type, count() AS events FROM clickstream GROUP BY type", Error: "ClickHouse says: Unknown table clickstreams."},
		Answer: &Table{Title: "Answer", Columns: []string{"Type", "Events"}, Rows: [][]string{{"view_item", "1,204"}, {"add_to_cart", "120"}}}, Took: "2 rows in 0.04 s",
		Asked: []AskedQuery{{"SELECT count() FROM sales", "20 Nov 15:04 UTC, 1 row in 0.01 s"}, {"SELECT nothing FROM sales", "20 Nov 15:03 UTC, refused"}}}
}

func cannedOperations() Desk {
	return Desk{Layout: cannedPrivate("Operations"), Who: "oleg@example.com", Role: "operator", Note: "Term 4, commit index 90214, timeline 1.", Reports: []Table{
		{Title: "Cores", Columns: []string{"Id", "Region", "Role", "Address", "Applied index", "Behind (ms)", "Healthy"}, Rows: [][]string{
			{"core-eu (leads)", "eu", "voter", "127.0.0.1:8110", "90214", "0", "yes"},
			{"core-us", "us", "voter", "127.0.0.1:8111", "90214", "42", "yes"},
			{"core-ap", "ap", "voter", "127.0.0.1:8112", "90190", "1204", "no"}}},
		{Title: "Live edges", Columns: []string{"Id", "Region", "Has applied"}, Empty: "No edge holds a lease."},
	}}
}

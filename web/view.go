// Package web renders the shop: pages as typed templates over the view types in this file, the style
// sheet, the script and the icons, all embedded. It imports nothing of ours and knows no HTTP: the
// edge fills the views and decides what to send. Canned views of every page live in canned.go.
package web

// Layout is what every page shares. It must not hold anything personal when the page is cacheable.
type Layout struct {
	Title       string
	Description string
	// Canonical is the absolute address of the page.
	Canonical string
	Lang      string
	// Region and Currency are shown in the foot; NoIndex keeps robots out.
	Region   string
	Currency string
	NoIndex  bool
	// Nav are the collections in the header.
	Nav []Link
	// Crumbs lead here from home.
	Crumbs []Link
	// Consent is the shop's rule for browsers that were not asked yet whether they may be remembered: ask or assumed.
	// Empty: nobody is, such as on the pages of staff.
	Consent string
	// Query is what the search field shows.
	Query string
	// Flash is a sentence to announce on top (private pages only). FlashKind is info, good or bad.
	Flash     string
	FlashKind string
	// SignedIn and CartCount are set on private pages only; on cacheable pages a script paints the count.
	SignedIn  bool
	CartCount int
	// OGImage is the absolute address of a JPEG for link previews.
	OGImage string
	// RecAlgorithm and RecVersion say how the recommended cards of the page were chosen; the script
	// reports them with rec_impression and rec_click.
	RecAlgorithm, RecVersion string
	// RecHoldout is how many percent of the visits the script shows what is popular instead. RecArm and RecVisit say, on a page that was
	// rendered for one visit, in which arm it is and how its id ends.
	RecHoldout       int
	RecArm, RecVisit string
}

// Link is a labelled address.
type Link struct {
	Label, Href string
	Current     bool
}

// Picture is an image in several widths and formats.
type Picture struct {
	// Src is the JPEG fallback; AVIF and JPEG are srcset lists.
	Src, AVIF, JPEG string
	Alt             string
	Width, Height   int
}

// Clip is a short muted film.
type Clip struct {
	Src, Type, Poster string
	Width, Height     int
}

// Card is a product in a list. Price and WasPrice are formatted ("€19.99"), From says that variants differ.
type Card struct {
	Handle, Title, Vendor string
	Href                  string
	Price, WasPrice       string
	From                  bool
	SoldOut               bool
	// Low is the number left when it is worth saying (1..5), else 0.
	Low     int
	Picture *Picture
	Second  *Picture
	// Reason says why it is recommended; empty in plain lists.
	Reason string
}

// Home is the front page.
type Home struct {
	Layout
	Hero        *Picture
	Collections []Tile
	Trending    []Card
	New         []Card
}

// Tile is a collection with a picture.
type Tile struct {
	Title, Href, Description string
	Count                    int
	Picture                  *Picture
}

// Facet is a filter with choices; each choice is a link or a checkbox of a GET form.
type Facet struct {
	Name, Label string
	Values      []FacetValue
}

// FacetValue is one choice.
type FacetValue struct {
	Value, Label string
	Count        int
	Selected     bool
}

// Listing is a collection or a search result.
type Listing struct {
	Layout
	Heading, Intro string
	// Search says that this is a search page for Query; CorrectedQuery that the words were mended.
	Search         bool
	CorrectedQuery string
	Total          int
	Facets         []Facet
	// Chips are the applied filters: each link removes one.
	Chips []Link
	Sorts []Link
	Cards []Card
	// NextHref leads to the next page, empty at the end; FirstHref back to the start, empty on it.
	NextHref, FirstHref string
	// Ways are offered when nothing was found, and Instead are recommended.
	Ways    []Link
	Instead []Card
	// Action is the address of the filter form.
	Action string
}

// Product is a product page. Variant choices work as a GET/POST form without script.
type Product struct {
	Layout
	Handle, Title, Vendor, Type string
	// DescriptionHTML was cleaned by the core and may be output as it is.
	DescriptionHTML string
	Pictures        []Picture
	Clips           []Clip
	Options         []Option
	Variants        []Variant
	// Selected is the index into Variants of what is shown first.
	Selected     int
	Price        string
	WasPrice     string
	Availability string // in_stock, low, sold_out
	Low          int
	// Delivery is the promise, for example "Delivered between Tue 24 and Thu 26 November".
	Delivery  string
	With      []Card
	JSONLD    string // a complete JSON document, safe inside a script data block
	CartForm  string // address the add-to-cart form posts to
	MaxNumber int
}

// Option is a choice of a product with its values.
type Option struct {
	Name   string
	Values []string
}

// Variant is one combination, as the picker needs it.
type Variant struct {
	SKU, Title, Price, WasPrice string
	// Choices are the values in the order of Product.Options.
	Choices      []string
	Availability string
	Low          int
}

// Cart is the cart page.
type Cart struct {
	Layout
	Lines []CartLine
	// Totals are formatted. FreeFrom says how much is missing for free delivery, empty if nothing.
	Subtotal, Shipping, Tax, Total, FreeFrom string
	Empty                                    bool
	// Problem says that some line cannot be had in this quantity.
	Problem bool
	Also    []Card
}

// CartLine is a line of the cart; its quantity form posts to /cart.
type CartLine struct {
	SKU, Title, Variant, Href, UnitPrice, LineTotal string
	Quantity                                        int
	Picture                                         *Picture
	// Problem is shown beside the line, for example "Only 2 left".
	Problem string
}

// Field is a form field with what was typed and what is wrong with it.
type Field struct{ Value, Error string }

// Choice is a radio button or an entry of a select.
type Choice struct {
	Value, Label, Note, Price string
	Selected                  bool
}

// Checkout is the one-page checkout. Nothing typed is ever lost.
type Checkout struct {
	Layout
	Email, Name, Line1, Line2, City, PostalCode, State Field
	Countries                                          []Choice
	Methods                                            []Choice
	// Cards are the sandbox's tokens in the demo, the provider's own field otherwise.
	Cards []Choice
	// Key is the idempotency key of this attempt, Version the cart's version, PricedFor the country that
	// the totals are for: to another the order is not placed before its total was shown.
	Key, Version, PricedFor        string
	Lines                          []CartLine
	Subtotal, Shipping, Tax, Total string
	// Errors are summed on top, each linking to its field; Refusal is a sentence about the whole.
	Errors  []Link
	Refusal string
}

// Order is an order page with its history.
type Order struct {
	Layout
	Number, Status, StatusLabel, PlacedAt string
	Lines                                 []CartLine
	Subtotal, Shipping, Tax, Total        string
	Steps                                 []Step
	Fresh                                 bool // just placed: say thank you
	Also                                  []Card
}

// Step is a step of an order's history.
type Step struct {
	Label, At string
	Done      bool
	Bad       bool
}

// Account is the customer's page: their orders, or the way to sign in.
type Account struct {
	Layout
	Name, Email string
	Orders      []OrderRow
}

// OrderRow is an order in a list.
type OrderRow struct{ Number, Href, PlacedAt, StatusLabel, Total string }

// SignIn is the sign-in and registration page.
type SignIn struct {
	Layout
	Register              bool
	Email, Name, Password Field
	// Next is where to go afterwards.
	Next    string
	Refusal string
	// Staff says that this is the sign-in of the shop's staff.
	Staff bool
}

// Privacy is the page about what is recorded of a browser, with its choice.
type Privacy struct {
	Layout
	// Choice is what the browser said: yes, no, or nothing yet.
	Choice string
	// Unfollowed says that it asks every site not to follow it, Remembered what all of it comes to.
	Unfollowed, Remembered bool
}

// Problem is an error page in the shop's look, with ways on.
type Problem struct {
	Layout
	Status      int
	Heading     string
	Text        string
	RequestID   string
	Ways        []Link
	Suggestions []Card
}

// Waiting is the page on which shoppers wait for their turn. It is small and has nothing of the other pages in it: very many people load it again and again.
type Waiting struct {
	// Room is its id, for the form.
	Room string
	// Heading and Text say what is; Ahead, when not empty, how many are before the shopper.
	Heading, Text, Ahead string
	// Join offers to take a place; Refresh, in seconds, looks again.
	Join    bool
	Refresh int
	// Back is where the shopper came from.
	Back string
	Ways []Link
}

// Desk is the thin staff page: rooms, locations and recent orders for a merchandiser, the cluster for an operator.
type Desk struct {
	Layout
	Who, Role string
	Reports   []Table
	Orders    []OrderRow
	// Note says what is missing, for example that reports are not available.
	Note string
}

// Analytics are the reports of a period on one page.
type Analytics struct {
	Layout
	Who, Role string
	// Note says what is missing, for example that reports are not available.
	Note    string
	Filters Filters
	Figures []Figure
	Panels  []Panel
}

// Filters are the form above the reports.
type Filters struct {
	// First and Last are dates, both in the period; Today is the latest that can be asked for.
	First, Last, Today       string
	Compare                  bool
	Presets                  []Link
	Grains, Regions, Devices []Choice
	// Chosen are what narrows the reports; each leads to the page without it.
	Chosen []Link
}

// Figure is a number over the period. Change says in words how it moved since the period before, with its Tone: good, bad or none. Trend are its values over time.
type Figure struct {
	Label, Value, Change, Tone string
	Trend                      []float64
}

// Panel is a report. About says what is counted, CSV is where its file is.
type Panel struct {
	ID, About, CSV string
	Chart          *Chart
	// Stages are a funnel.
	Stages []Stage
	Table
	// Ways lead, row by row, to the page narrowed to that row; there may be none. Shares, from 0 to 1, are drawn beside the rows.
	Ways   []string
	Shares []float64
}

// Chart is a line over time, with that of the period before if there is one. Labels name its points.
type Chart struct {
	Name           string
	Labels, Values []string
	Now, Before    []float64
}

// Stage is a stage of a funnel: how many came so far, as a share of the first stage, and what was lost since the one before.
type Stage struct {
	Label, Value, Lost string
	Share              float64
}

// SQL is where merchandisers ask in SQL.
type SQL struct {
	Layout
	Who, Role string
	// Note says what is missing, for example that reports are not available.
	Note  string
	Query Field
	// Answer and Took are of the query, nil if none was run.
	Answer *Table
	Took   string
	Asked  []AskedQuery
}

// AskedQuery is a query that was run before; About says when, and what came of it.
type AskedQuery struct{ Query, About string }

// Table is a titled table.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string
	Empty   string
}

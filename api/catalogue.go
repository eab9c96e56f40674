package api

// Money is an amount in minor units (cents, pence) of an ISO 4217 currency.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Image is a picture of a product. URL is the JPEG fallback, Srcset the AVIF widths.
type Image struct {
	URL    string `json:"url"`
	Alt    string `json:"alt"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Srcset string `json:"srcset"`
}

// Clip is a short muted film of a product.
type Clip struct {
	URL    string `json:"url"`
	Type   string `json:"type"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Poster string `json:"poster"`
}

// Option is a choice a product offers, such as Size.
type Option struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Variant is what is sold: one combination of options with a SKU of its own.
type Variant struct {
	SKU            string            `json:"sku"`
	Title          string            `json:"title"`
	Options        map[string]string `json:"options"`
	Price          Money             `json:"price"`
	CompareAtPrice *Money            `json:"compare_at_price"`
	// Available is capped at 99.
	Available int64 `json:"available"`
}

// Product is a product as shoppers see it.
type Product struct {
	Handle          string    `json:"handle"`
	Title           string    `json:"title"`
	DescriptionHTML string    `json:"description_html"`
	Vendor          string    `json:"vendor"`
	Type            string    `json:"type"`
	Tags            []string  `json:"tags"`
	Options         []Option  `json:"options"`
	Images          []Image   `json:"images"`
	Clips           []Clip    `json:"clips"`
	Variants        []Variant `json:"variants"`
	Collections     []string  `json:"collections"`
}

// AvailableCap is the largest stock figure shoppers are shown.
const AvailableCap = 99

// LowStock is up to how many pieces a page says how many are left. While there are more it stays as it is, so that a sale does not take the
// pages out of the caches that show what is sold.
const LowStock = 5

// StaffVariant is a variant as staff see it. OnHand is informational in a PUT, except that it
// starts the stock of a SKU that does not exist yet.
type StaffVariant struct {
	SKU             string            `json:"sku"`
	Title           string            `json:"title"`
	Options         map[string]string `json:"options"`
	Prices          map[string]int64  `json:"prices"`
	CompareAtPrices map[string]int64  `json:"compare_at_prices"`
	OnHand          int64             `json:"on_hand"`
}

// StaffImage refers to an uploaded asset by name. What GET answers beside Asset and Alt is
// informational in a PUT.
type StaffImage struct {
	Asset  string `json:"asset"`
	URL    string `json:"url"`
	Alt    string `json:"alt"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Srcset string `json:"srcset"`
}

// StaffProduct is a product as merchandisers edit it. What GET answers may be sent back by PUT.
type StaffProduct struct {
	Handle          string         `json:"handle"`
	Title           string         `json:"title"`
	DescriptionHTML string         `json:"description_html"`
	Vendor          string         `json:"vendor"`
	Type            string         `json:"type"`
	Tags            []string       `json:"tags"`
	Options         []Option       `json:"options"`
	Images          []StaffImage   `json:"images"`
	Clips           []Clip         `json:"clips"`
	Variants        []StaffVariant `json:"variants"`
	Collections     []string       `json:"collections"`
	// Status is active or draft; drafts are not shown.
	Status string `json:"status"`
	// Index is the ETag of the product, for If-Match.
	Index Index `json:"index"`
}

// Collection is a named group of products. Its members are the products that list its handle.
type Collection struct {
	Handle      string `json:"handle"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Image       *Image `json:"image"`
	Count       int    `json:"count"`
}

// CollectionPage is a collection with a page of its products.
type CollectionPage struct {
	Collection
	Products List[Product] `json:"products"`
}

// Facet is a filter of a search result, with counts.
type Facet struct {
	Name   string       `json:"name"`
	Values []FacetValue `json:"values"`
}

// FacetValue is one choice of a facet.
type FacetValue struct {
	Value    string `json:"value"`
	Count    int    `json:"count"`
	Selected bool   `json:"selected"`
}

// SearchResult answers a search.
type SearchResult struct {
	Items          []Product `json:"items"`
	Total          int       `json:"total"`
	Facets         []Facet   `json:"facets"`
	Next           *string   `json:"next"`
	CorrectedQuery *string   `json:"corrected_query"`
}

// Suggestions answers a prefix.
type Suggestions struct {
	Queries  []string  `json:"queries"`
	Products []Product `json:"products"`
}

// Recommendation is a suggested product with the reason to show.
type Recommendation struct {
	Handle string `json:"handle"`
	Title  string `json:"title"`
	Price  Money  `json:"price"`
	Image  *Image `json:"image"`
	Reason string `json:"reason"`
}

// Recommendations answers GET /recommendations.
type Recommendations struct {
	Algorithm string           `json:"algorithm"`
	Version   string           `json:"version"`
	Slot      string           `json:"slot"`
	Items     []Recommendation `json:"items"`
}

// Asset is an uploaded picture or clip. Its files lie under /assets/{Stem}-{width}.{format}, for a
// clip under /assets/{Stem}.mp4; Stem holds the content hash, so they never change.
type Asset struct {
	Name    string   `json:"name"` // what catalogues refer to, e.g. mug-teal-front.jpg
	Kind    string   `json:"kind"` // image or clip
	Stem    string   `json:"stem"`
	Width   int      `json:"width"` // of the largest rendition, in pixels
	Height  int      `json:"height"`
	Widths  []int    `json:"widths"`  // ascending
	Formats []string `json:"formats"` // avif, webp, jpg; jpg is always there for an image
	Bytes   int64    `json:"bytes"`
	Poster  string   `json:"poster,omitempty"` // of a clip: the name of an image asset
}

// ImportReport answers a product import.
type ImportReport struct {
	Created   int           `json:"created"`
	Updated   int           `json:"updated"`
	Unchanged int           `json:"unchanged"`
	DryRun    bool          `json:"dry_run,omitempty"`
	Errors    []ImportError `json:"errors"`
	Warnings  []ImportError `json:"warnings"`
}

// ImportError points into the file; Line counts from 1 and includes the header.
type ImportError struct {
	Line    int    `json:"line"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

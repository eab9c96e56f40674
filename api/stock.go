package api

// Location is a place that stock lies at. Stock is reserved by ascending Priority, then by ID; what
// lies at a location that is not active is not sold.
type Location struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Priority int64  `json:"priority"`
	Active   bool   `json:"active"`
}

// Locations is the list of locations in the order in which stock is reserved. Index is its ETag.
type Locations struct {
	Items []Location `json:"items"`
	Next  *string    `json:"next"`
	Index Index      `json:"index"`
}

// PutLocations replaces the list. IfMatch, when not zero, must be its index.
type PutLocations struct {
	Items   []Location `json:"items"`
	IfMatch Index      `json:"if_match"`
}

// MaxLocations is the most locations there may be.
const MaxLocations = 100

// StockAt is the stock of a SKU at one of its locations.
type StockAt struct {
	Location  string `json:"location"`
	Name      string `json:"name"`
	Active    bool   `json:"active"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"` // 0 where the location is not active
	Index     Index  `json:"index"`
}

// MaxShelf is the most SKUs that a ShelfQuery asks for.
const MaxShelf = 500

// ShelfQuery asks how much can be sold of SKUs; unknown ones are left out.
type ShelfQuery struct {
	SKUs []string `json:"skus"`
}

// Shelf is how many pieces of a SKU can be sold, at all locations together. It may be less than none.
type Shelf struct {
	SKU       string `json:"sku"`
	Available int64  `json:"available"`
}

// StockView is the stock of a SKU at the location that was asked for, and at all of them in the order
// in which it is reserved.
type StockView struct {
	StockLevel
	Locations []StockAt `json:"locations"`
}

// The endpoints about stock beyond a single level.
var (
	// ShelfGet is what can be sold of SKUs now, as any core knows it, at least as new as the call's least index.
	ShelfGet      = Endpoint[ShelfQuery, List[Shelf]]{Name: "stock.shelf"}
	StockViewGet  = Endpoint[StockQuery, StockView]{Name: "stock.view", Kind: Exact}
	LocationsList = Endpoint[None, Locations]{Name: "locations.list", Kind: Exact}
	StockFeedPost = Endpoint[StockFeed, StockFeedResult]{Name: "stock.feed", Kind: Write, Slow: true}
	LocationsPut  = Endpoint[PutLocations, Locations]{Name: "locations.put", Kind: Write}
)

// MaxFeedItems is the most counts one feed message may hold.
const MaxFeedItems = 1000

// StockFeed is a message of a warehouse's software: absolute counts with a source and a sequence
// number. For each source, SKU and location the highest sequence wins, in whatever order they come.
type StockFeed struct {
	Source   string     `json:"source"`
	Sequence int64      `json:"sequence"`
	Items    []FeedItem `json:"items"`
}

// FeedItem is one count. Location "" is main; Sequence 0 is the message's.
type FeedItem struct {
	SKU      string `json:"sku"`
	Location string `json:"location,omitempty"`
	OnHand   int64  `json:"on_hand"`
	Sequence int64  `json:"sequence,omitempty"`
}

// The outcomes of a count.
const (
	FeedApplied = "applied" // on hand is what was counted
	FeedClamped = "clamped" // fewer were counted than orders hold: on hand is what they hold
	FeedStale   = "stale"   // a later count of this source is in effect: latest is its sequence
	FeedRefused = "refused" // code and detail say why; nothing was changed and nothing remembered
)

// FeedOutcome says what became of a count, in the order of the items.
type FeedOutcome struct {
	SKU      string `json:"sku"`
	Location string `json:"location"`
	Sequence int64  `json:"sequence"`
	Outcome  string `json:"outcome"`
	// Repeat: this count had come before, and this is what became of it then.
	Repeat    bool   `json:"repeat,omitempty"`
	Latest    int64  `json:"latest,omitempty"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
	Code      Code   `json:"code,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

// StockFeedResult answers a feed message.
type StockFeedResult struct {
	Source  string        `json:"source"`
	Applied int           `json:"applied"`
	Clamped int           `json:"clamped"`
	Stale   int           `json:"stale"`
	Refused int           `json:"refused"`
	Items   []FeedOutcome `json:"items"`
}

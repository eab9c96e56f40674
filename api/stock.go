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

// StockView is the stock of a SKU at the location that was asked for, and at all of them in the order
// in which it is reserved.
type StockView struct {
	StockLevel
	Locations []StockAt `json:"locations"`
}

// The endpoints about stock beyond a single level.
var (
	StockViewGet  = Endpoint[StockQuery, StockView]{Name: "stock.view", Kind: Exact}
	LocationsList = Endpoint[None, Locations]{Name: "locations.list", Kind: Exact}
	LocationsPut  = Endpoint[PutLocations, Locations]{Name: "locations.put", Kind: Write}
)

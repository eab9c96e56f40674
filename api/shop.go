package api

// CartLine is one SKU in a cart, at its present price.
type CartLine struct {
	SKU       string `json:"sku"`
	Handle    string `json:"handle"`
	Title     string `json:"title"`
	Quantity  int64  `json:"quantity"`
	UnitPrice Money  `json:"unit_price"`
	LineTotal Money  `json:"line_total"`
	Available int64  `json:"available"`
	Image     *Image `json:"image"`
}

// Totals of a cart or an order. Tax is the part of Total that is tax; prices include it.
type Totals struct {
	Subtotal Money `json:"subtotal"`
	Discount Money `json:"discount"`
	Shipping Money `json:"shipping"`
	Tax      Money `json:"tax"`
	Total    Money `json:"total"`
}

// Cart is a cart as its holder sees it. Version changes exactly when lines or prices do.
type Cart struct {
	ID       string     `json:"id"`
	Currency string     `json:"currency"`
	Country  string     `json:"country"`
	Lines    []CartLine `json:"lines"`
	Totals   Totals     `json:"totals"`
	Version  int64      `json:"version"`
}

// MaxQuantity is the most of one SKU a cart line may hold; MaxCartLines the most lines.
const (
	MaxQuantity  = 999
	MaxCartLines = 100
)

// Address is where an order goes.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	PostalCode string `json:"postal_code"`
	Region     string `json:"region,omitempty"`
	Country    string `json:"country"`
}

// PaymentMethod names the provider and the token it gave for the shopper's means of payment.
type PaymentMethod struct {
	Provider string `json:"provider"`
	Token    string `json:"token"`
}

// Checkout is the body of POST /carts/{id}/checkout.
type Checkout struct {
	Email           string        `json:"email"`
	ShippingAddress Address       `json:"shipping_address"`
	ShippingMethod  string        `json:"shipping_method"`
	Payment         PaymentMethod `json:"payment"`
	Version         *int64        `json:"version,omitempty"`
}

// OrderLine is what was bought, at the price of the moment of the order.
type OrderLine struct {
	SKU       string `json:"sku"`
	Handle    string `json:"handle"`
	Title     string `json:"title"`
	Quantity  int64  `json:"quantity"`
	UnitPrice Money  `json:"unit_price"`
	LineTotal Money  `json:"line_total"`
	Image     *Image `json:"image"`
}

// The statuses of an order.
const (
	OrderPendingPayment     = "pending_payment"
	OrderPaid               = "paid"
	OrderPartiallyFulfilled = "partially_fulfilled"
	OrderFulfilled          = "fulfilled"
	OrderCancelled          = "cancelled"
	OrderPartiallyRefunded  = "partially_refunded"
	OrderRefunded           = "refunded"
)

// OrderEvent is a step in an order's life.
type OrderEvent struct {
	At     string `json:"at"`
	Status string `json:"status"`
}

// Order is an order as its buyer sees it. Key opens it without signing in.
type Order struct {
	ID       string       `json:"id"`
	Number   string       `json:"number"`
	Status   string       `json:"status"`
	Lines    []OrderLine  `json:"lines"`
	Totals   Totals       `json:"totals"`
	PlacedAt string       `json:"placed_at"`
	Events   []OrderEvent `json:"events"`
	Key      string       `json:"key,omitempty"`
}

// StaffOrder is an order as staff see it, with the buyer and the payment.
type StaffOrder struct {
	Order
	Email           string       `json:"email"`
	ShippingAddress Address      `json:"shipping_address"`
	ShippingMethod  string       `json:"shipping_method"`
	Payment         OrderPayment `json:"payment"`
}

// OrderPayment is the state of an order's payment at the provider.
type OrderPayment struct {
	Provider string `json:"provider"`
	State    string `json:"state"` // none, in_flight, authorized, captured, voided, declined, refunded
	Charge   string `json:"charge,omitempty"`
	Refunded Money  `json:"refunded"`
}

// ShippingMethod is a way to deliver, with a promise in days (dates).
type ShippingMethod struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Price    Money    `json:"price"`
	FreeFrom *Money   `json:"free_from"`
	Delivery Delivery `json:"delivery"`
}

// Delivery is the promised window, both RFC 3339 dates inclusive.
type Delivery struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Customer is an account as its owner sees it.
type Customer struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// CustomerExport is everything the core holds about a customer.
type CustomerExport struct {
	Customer  Customer     `json:"customer"`
	CreatedAt string       `json:"created_at"`
	Orders    []StaffOrder `json:"orders"`
}

// Erasure answers the end of an account. Kept are the numbers of orders that are still to be sent: their
// address is erased when they have left the house or are cancelled, everything else was erased at once.
type Erasure struct {
	Kept []string `json:"kept"`
}

// Session is a signed-in customer; Token goes into the session cookie.
type Session struct {
	Customer Customer `json:"customer"`
	Token    string   `json:"-"`
}

// StockLevel is the stock of a SKU at a location.
type StockLevel struct {
	SKU       string `json:"sku"`
	Location  string `json:"location"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
	Index     Index  `json:"index"`
}

// DefaultLocation is where stock is when nobody says otherwise.
const DefaultLocation = "main"

// Member is a node of the core cluster.
type Member struct {
	ID           string `json:"id"`
	Region       string `json:"region"`
	Role         string `json:"role"` // voter or learner
	Address      string `json:"address"`
	AppliedIndex uint64 `json:"applied_index"`
	LagMS        int64  `json:"lag_ms"` // since it last answered the leader; -1: never
	Healthy      bool   `json:"healthy"`
	APIAddress   string `json:"api_address,omitempty"`
}

// Cluster is the state of the core cluster.
type Cluster struct {
	Leader      string   `json:"leader"`
	Term        uint64   `json:"term"`
	CommitIndex uint64   `json:"commit_index"`
	Voters      int      `json:"voters"`
	LiveVoters  int      `json:"live_voters"` // those that answer the leader
	Quorum      int      `json:"quorum"`      // how many voters have to agree
	Timeline    uint32   `json:"timeline"`
	Members     []Member `json:"members"`
	Edges       []Edge   `json:"edges"`
	// SeenBy is set when no leader answered: the core whose own view this is. Then LiveVoters are those that
	// answer this core, itself included, and only its own applied index is known.
	SeenBy string `json:"seen_by,omitempty"`
}

// Edge is a live edge: one that holds a lease.
type Edge struct {
	ID     string `json:"id"`
	Region string `json:"region"`
	Cursor Index  `json:"cursor"`
}

// PurgeResult says which edges have applied a purge.
type PurgeResult struct {
	Index Index       `json:"index"`
	Edges []PurgeEdge `json:"edges"`
}

// PurgeEdge is one edge's answer to a purge: applied after AppliedMS, or its lease ended first.
type PurgeEdge struct {
	ID        string `json:"id"`
	AppliedMS int64  `json:"applied_ms"`
	Expired   bool   `json:"expired"`
}

// AnonymousSession begins the sessions that edges give to events and orders of browsers that did not agree to be
// remembered. Such a session lasts a day at most, has no visitor, and nothing is learned from it.
const AnonymousSession = "anon-"

// Event is one clickstream event. Type is a GA4 e-commerce event name, rec_impression, rec_click, or
// rec_exposure: a list came into view that is compared, its Algorithm being the arm and its Version that of the rule.
// Without a session it is counted in the browser's visit or, if that did not agree to be remembered, in an anonymous one.
type Event struct {
	ID        string      `json:"id"` // UUID
	Type      string      `json:"type"`
	At        string      `json:"at"` // RFC 3339
	Session   string      `json:"session,omitempty"`
	Visitor   string      `json:"visitor,omitempty"`
	Items     []EventItem `json:"items,omitempty"`
	Query     string      `json:"query,omitempty"`
	Results   *int64      `json:"results,omitempty"`
	Slot      string      `json:"slot,omitempty"`
	Algorithm string      `json:"algorithm,omitempty"`
	Version   string      `json:"version,omitempty"`
}

// EventItem is a product (item_id is its handle) in an event.
type EventItem struct {
	ItemID   string `json:"item_id"`
	SKU      string `json:"sku,omitempty"`
	Quantity int64  `json:"quantity,omitempty"`
	Price    *Money `json:"price,omitempty"`
}

// EventBatch is the body of POST /events.
type EventBatch struct {
	Events []Event `json:"events"`
}

// EventTypes are the accepted event types.
var EventTypes = []string{
	"view_item_list", "select_item", "view_item", "add_to_wishlist", "add_to_cart", "remove_from_cart", "view_cart",
	"begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund", "view_promotion", "select_promotion",
	"view_search_results", "search", "rec_impression", "rec_click", "rec_exposure",
}

package core

// The records of the state, a table each. They are written formats: a number is never reused, a
// field never changes its meaning.

type optionRec struct {
	Name   string   `cbor:"1,keyasint"`
	Values []string `cbor:"2,keyasint"`
}

type imageRec struct {
	Asset string `cbor:"1,keyasint"`
	Alt   string `cbor:"2,keyasint"`
}

type variantRec struct {
	SKU     string           `cbor:"1,keyasint"`
	Title   string           `cbor:"2,keyasint"`
	Choices []string         `cbor:"3,keyasint"` // in the order of the product's options
	Prices  map[string]int64 `cbor:"4,keyasint"` // currency to minor units
	Compare map[string]int64 `cbor:"5,keyasint,omitempty"`
}

type productRec struct {
	Handle      string       `cbor:"1,keyasint"`
	Title       string       `cbor:"2,keyasint"`
	HTML        string       `cbor:"3,keyasint"`
	Vendor      string       `cbor:"4,keyasint"`
	Type        string       `cbor:"5,keyasint"`
	Tags        []string     `cbor:"6,keyasint"`
	Options     []optionRec  `cbor:"7,keyasint"`
	Images      []imageRec   `cbor:"8,keyasint"`
	Clips       []string     `cbor:"9,keyasint"`
	Variants    []variantRec `cbor:"10,keyasint"`
	Collections []string     `cbor:"11,keyasint"`
	Draft       bool         `cbor:"12,keyasint,omitempty"`
	Seq         uint64       `cbor:"13,keyasint"` // order of creation
	Index       uint64       `cbor:"14,keyasint"` // of the last change
}

type collectionRec struct {
	Handle      string `cbor:"1,keyasint"`
	Title       string `cbor:"2,keyasint"`
	Description string `cbor:"3,keyasint"`
	Image       string `cbor:"4,keyasint"` // asset name
	Seq         uint64 `cbor:"5,keyasint"`
}

type assetRec struct {
	Name    string   `cbor:"1,keyasint"`
	Kind    string   `cbor:"2,keyasint"`
	Stem    string   `cbor:"3,keyasint"`
	Width   int      `cbor:"4,keyasint"`
	Height  int      `cbor:"5,keyasint"`
	Widths  []int    `cbor:"6,keyasint"`
	Formats []string `cbor:"7,keyasint"`
	Bytes   int64    `cbor:"8,keyasint"`
	Poster  string   `cbor:"9,keyasint,omitempty"`
}

// stockRec is the stock of a SKU at a location. Always OnHand = Received - Sold, OnHand >= Reserved >= 0.
type stockRec struct {
	OnHand   int64  `cbor:"1,keyasint"`
	Reserved int64  `cbor:"2,keyasint"`
	Received int64  `cbor:"3,keyasint"` // net of all counts and adjustments
	Sold     int64  `cbor:"4,keyasint"` // net of cancellations and restocked returns
	Index    uint64 `cbor:"5,keyasint"`
}

// movementRec is a line of the stock ledger; the sum of Delta over a SKU and location is its OnHand.
type movementRec struct {
	SKU      string `cbor:"1,keyasint"`
	Location string `cbor:"2,keyasint"`
	Delta    int64  `cbor:"3,keyasint"`
	Reason   string `cbor:"4,keyasint"`
	Order    string `cbor:"5,keyasint,omitempty"`
	AtMS     int64  `cbor:"6,keyasint"`
}

type cartLineRec struct {
	SKU      string `cbor:"1,keyasint"`
	Quantity int64  `cbor:"2,keyasint"`
}

type cartRec struct {
	Currency string        `cbor:"1,keyasint"`
	Country  string        `cbor:"2,keyasint"`
	Lines    []cartLineRec `cbor:"3,keyasint"`
	// Order is the order whose payment is under way; no other checkout of this cart may start.
	Order     string `cbor:"4,keyasint,omitempty"`
	UpdatedMS int64  `cbor:"5,keyasint"`
}

type allocationRec struct {
	Location string `cbor:"1,keyasint"`
	Quantity int64  `cbor:"2,keyasint"`
	Returned int64  `cbor:"3,keyasint,omitempty"` // back on this shelf
}

type orderLineRec struct {
	SKU        string          `cbor:"1,keyasint"`
	Handle     string          `cbor:"2,keyasint"`
	Title      string          `cbor:"3,keyasint"`
	Asset      string          `cbor:"4,keyasint"`
	Quantity   int64           `cbor:"5,keyasint"`
	Unit       int64           `cbor:"6,keyasint"`
	Allocation []allocationRec `cbor:"7,keyasint"`
	Fulfilled  int64           `cbor:"8,keyasint,omitempty"`
	Returned   int64           `cbor:"9,keyasint,omitempty"` // back on the shelf
}

type orderEventRec struct {
	AtMS   int64  `cbor:"1,keyasint"`
	Status string `cbor:"2,keyasint"`
}

type refundRec struct {
	ID      string `cbor:"1,keyasint"`
	Amount  int64  `cbor:"2,keyasint"`
	Done    bool   `cbor:"3,keyasint"`
	Restock bool   `cbor:"4,keyasint,omitempty"`
}

type paymentRec struct {
	Provider string      `cbor:"1,keyasint"`
	Attempt  int         `cbor:"2,keyasint"`
	State    string      `cbor:"3,keyasint"`
	Charge   string      `cbor:"4,keyasint,omitempty"`
	Refunds  []refundRec `cbor:"5,keyasint,omitempty"`
}

// The states of an order's payment.
const (
	payNone       = "none"
	payInFlight   = "in_flight"
	payVoiding    = "voiding" // in flight, and decided that it fails: the provider is being told
	payAuthorized = "authorized"
	payCaptured   = "captured"
	payVoided     = "voided"
	payDeclined   = "declined"
	payRefunded   = "refunded"
)

type orderRec struct {
	ID        string          `cbor:"1,keyasint"`
	Number    uint64          `cbor:"2,keyasint"`
	Status    string          `cbor:"3,keyasint"`
	Lines     []orderLineRec  `cbor:"4,keyasint"`
	Currency  string          `cbor:"5,keyasint"`
	Country   string          `cbor:"6,keyasint"`
	Subtotal  int64           `cbor:"7,keyasint"`
	Discount  int64           `cbor:"8,keyasint"`
	Shipping  int64           `cbor:"9,keyasint"`
	Tax       int64           `cbor:"10,keyasint"`
	Total     int64           `cbor:"11,keyasint"`
	PlacedMS  int64           `cbor:"12,keyasint"`
	Events    []orderEventRec `cbor:"13,keyasint"`
	Key       string          `cbor:"14,keyasint"`
	Cart      string          `cbor:"15,keyasint"`
	Version   int64           `cbor:"16,keyasint"` // of the cart when it was reserved
	Scope     string          `cbor:"17,keyasint"` // of the idempotency key that made it
	IdemKey   string          `cbor:"18,keyasint"`
	Customer  string          `cbor:"19,keyasint,omitempty"`
	Person    string          `cbor:"20,keyasint"` // whose key seals Contact
	Contact   []byte          `cbor:"21,keyasint"` // sealed contactData
	Method    string          `cbor:"22,keyasint"`
	Payment   paymentRec      `cbor:"23,keyasint"`
	Reserved  bool            `cbor:"24,keyasint"`           // stock is held for it
	Restocked bool            `cbor:"26,keyasint,omitempty"` // its units are back on the shelf
	// Visitor and Session join the order with its clickstream. Number 25 is retired.
	Visitor string `cbor:"27,keyasint,omitempty"`
	Session string `cbor:"28,keyasint,omitempty"`
	// Erase: the buyer was erased; Contact goes when nothing is left to send.
	Erase bool `cbor:"29,keyasint,omitempty"`
}

// openRec is an order that somebody must come back to: a payment in flight, a released attempt, a refund under way.
type openRec struct {
	Kind    string `cbor:"1,keyasint"` // payment, released or refund
	UntilMS int64  `cbor:"2,keyasint"`
	SinceMS int64  `cbor:"3,keyasint"`
	// Room, Client and Token: whom a waiting room counts this payment for.
	Room   string `cbor:"4,keyasint,omitempty"`
	Client string `cbor:"5,keyasint,omitempty"`
	Token  string `cbor:"6,keyasint,omitempty"`
}

const (
	openPayment  = "payment"
	openReleased = "released"
	openRefund   = "refund"
)

type personRec struct {
	Wrapped []byte `cbor:"1,keyasint"`
	// Waiting counts the orders for which the key of somebody who was erased is kept.
	Waiting int `cbor:"2,keyasint,omitempty"`
}

type customerRec struct {
	ID        string `cbor:"1,keyasint"`
	EmailHash string `cbor:"2,keyasint"`
	Profile   []byte `cbor:"3,keyasint"` // sealed profileData
	Password  string `cbor:"4,keyasint"` // argon2id, PHC string
	CreatedMS int64  `cbor:"5,keyasint"`
}

type sessionRec struct {
	Customer  string `cbor:"1,keyasint"`
	Staff     string `cbor:"2,keyasint,omitempty"`
	ExpiresMS int64  `cbor:"3,keyasint"`
}

type staffRec struct {
	Email     string `cbor:"1,keyasint"`
	Role      string `cbor:"2,keyasint"`
	Password  string `cbor:"3,keyasint"`
	TokenHash string `cbor:"4,keyasint"`
}

// keyRec is what an idempotency key stands for. Status 0: its order is not decided yet.
type keyRec struct {
	BodyHash string `cbor:"1,keyasint"`
	Status   int    `cbor:"2,keyasint"`
	Body     []byte `cbor:"3,keyasint,omitempty"`
	Order    string `cbor:"4,keyasint,omitempty"`
	Bucket   int64  `cbor:"5,keyasint"` // hour in which it is dropped
	Ref      string `cbor:"6,keyasint,omitempty"`
}

type outboxRec struct {
	Seq     uint64 `cbor:"1,keyasint"`
	AtMS    int64  `cbor:"2,keyasint"`
	Type    string `cbor:"3,keyasint"`
	Order   string `cbor:"4,keyasint"`
	Amount  int64  `cbor:"5,keyasint,omitempty"`
	Country string `cbor:"6,keyasint,omitempty"`
	// Timeline is where the entry was made; 0 is the first one.
	Timeline uint32 `cbor:"7,keyasint,omitempty"`
}

// consumerRec is how far a consumer of the outbox is. A slice, once cut, stays the same until acknowledged.
type consumerRec struct {
	Acked uint64 `cbor:"1,keyasint"` // last sequence number done
	Slice uint64 `cbor:"2,keyasint"` // number of the cut slice; 0: none
	To    uint64 `cbor:"3,keyasint"` // last sequence number in it
	Count uint64 `cbor:"4,keyasint"` // slices cut so far
	// Outside: a consumer that staff have made, not a part of the shop.
	Outside bool `cbor:"5,keyasint,omitempty"`
}

type edgeRec struct {
	Region    string `cbor:"1,keyasint"`
	ExpiresMS int64  `cbor:"2,keyasint"`
	Cursor    uint64 `cbor:"3,keyasint"`
}

// metaRec holds the counters and the clock of the state. Number 1 is retired.
type metaRec struct {
	NowMS       int64  `cbor:"2,keyasint"`
	TickMS      int64  `cbor:"3,keyasint"`
	ProductSeq  uint64 `cbor:"4,keyasint"`
	OrderNumber uint64 `cbor:"5,keyasint"`
	OutboxSeq   uint64 `cbor:"6,keyasint"`
	MovementSeq uint64 `cbor:"7,keyasint"`
	Collections uint64 `cbor:"8,keyasint"`
	// Cart is the last cart that was looked at to see whether it is over.
	Cart string `cbor:"9,keyasint,omitempty"`
	// ErasureSeq is the number of the newest erasure.
	ErasureSeq uint64 `cbor:"10,keyasint,omitempty"`
}

// timelineRec is a life of the shop: the first, or one that began with a restored backup.
type timelineRec struct {
	History   string `cbor:"1,keyasint"`           // tells two restores of one backup apart
	Parent    uint32 `cbor:"2,keyasint,omitempty"` // the timeline the backup is of; 0: there is none
	ForkIndex uint64 `cbor:"3,keyasint,omitempty"` // the parent counts up to this index
	ForkMS    int64  `cbor:"4,keyasint,omitempty"` // log time there
	ForkSeq   uint64 `cbor:"5,keyasint,omitempty"` // outbox entries of the parent after this one never were
	SinceMS   int64  `cbor:"6,keyasint,omitempty"` // charges that changed since have to be compared
	DoneMS    int64  `cbor:"7,keyasint,omitempty"` // when they were; 0: nothing is sold yet
	Checked   uint64 `cbor:"8,keyasint,omitempty"` // how many were
}

// differenceRec is a charge that did not fit the orders after a restore, and what was done about it.
type differenceRec struct {
	Key      string `cbor:"1,keyasint"` // of the charge
	Order    string `cbor:"2,keyasint"`
	Charge   string `cbor:"3,keyasint,omitempty"`
	Amount   int64  `cbor:"4,keyasint"` // what was given back, or the order's worth
	Currency string `cbor:"5,keyasint"`
	Found    string `cbor:"6,keyasint"` // the charge's state when it was found
	Action   string `cbor:"7,keyasint"`
	Done     bool   `cbor:"8,keyasint"`
	AtMS     int64  `cbor:"9,keyasint"`
}

// What is done about a difference.
const (
	actionGiveBack    = "give_back"    // a charge without an order: voided, or refunded if it was captured
	actionVoided      = "voided"       // done: it was voided
	actionRefunded    = "refunded"     // done: it was captured, and its money is back
	actionCancelled   = "cancelled"    // a paid order without a charge: its stock is back on the shelf
	actionRefundNoted = "refund_noted" // money that went back after the backup: the order says so now
	actionForAPerson  = "for_a_person" // nothing can be decided here: sent without money, or the provider refuses to give it back
)

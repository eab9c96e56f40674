package analytics

import (
	"time"

	"github.com/google/uuid"
)

// Row is one event as the spool and the table events hold it.
type Row struct {
	ID uuid.UUID
	// Type is one of api.EventTypes.
	Type string
	// At is the event's time, clamped around Received; in milliseconds.
	At       time.Time
	Received time.Time
	// StatedDay is the day the browser claimed, unclamped: it is the same for every copy of an event,
	// whichever edge took it, and is what copies are sorted together by.
	StatedDay time.Time
	Session   string
	Visitor   string
	// Device is one of Devices, or empty where it is not known.
	Device string
	// Bot is set for programs that say so. Their events are kept and left out of every report.
	Bot   bool
	Items []Item
	Query string
	// Results is the number of search results, -1 when it was not said.
	Results   int64
	Slot      string
	Algorithm string
	Version   string
}

// Item is a product in an event. Price is in minor units of Currency; an empty Currency is no price.
type Item struct {
	Handle   string
	SKU      string
	Quantity uint32
	Price    int64
	Currency string
}

// class is what a row is worth when space runs out.
type class uint8

const (
	classImpression class = iota // shown somewhere
	classView                    // looked at, searched, clicked
	classOrder                   // carts, checkouts, purchases
)

func (r *Row) class() class {
	switch r.Type {
	case "rec_impression", "view_item_list", "view_promotion":
		return classImpression
	case "add_to_cart", "remove_from_cart", "view_cart", "begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund":
		return classOrder
	}
	return classView
}

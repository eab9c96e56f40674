package analytics

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"meridian/api"
)

// Bounds of an event.
const (
	batchEventsMax = 100
	quantityMax    = 100_000
	amountMax      = int64(1e15)
	opaqueMax      = 128
	queryMax       = 256
	wordMax        = 64
	skuMax         = 64
	handleMax      = 200
	errorsMax      = 20
)

// An event's time is moved into this window around its arrival: clocks of browsers are wrong, and
// phones send late.
const (
	clampBefore = 48 * time.Hour
	clampAfter  = 5 * time.Minute
)

// Forms of texts. Events come by the ten thousand a second, so they are loops.

// isHandle: a-z and 0-9, with hyphens between.
func isHandle(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 && i < len(s)-1) {
			return false
		}
	}
	return true
}

// isCurrency: three letters A-Z.
func isCurrency(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) == 3
}

// isOpaque: printable ASCII without blanks.
func isOpaque(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isWord: letters and digits, and between and after them also _ . : + and -.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '_' && c != '.' && c != ':' && c != '+' && c != '-') {
			return false
		}
	}
	return true
}

// place is where in a batch something stands; item is -1 for the event itself.
type place struct{ event, item int }

func (p place) field(name string) string {
	if p.item < 0 {
		return fmt.Sprintf("events.%d.%s", p.event, name)
	}
	return fmt.Sprintf("events.%d.items.%d.%s", p.event, p.item, name)
}

// validator collects what is wrong with a batch, at most errorsMax fields.
type validator struct {
	errors []api.FieldError
}

func (v *validator) fail(at place, name, format string, args ...any) {
	if len(v.errors) < errorsMax {
		v.errors = append(v.errors, api.FieldError{Field: at.field(name), Message: fmt.Sprintf(format, args...)})
	}
}

func (v *validator) batch(b api.EventBatch, received time.Time, bot bool) []Row {
	if len(b.Events) == 0 || len(b.Events) > batchEventsMax {
		v.errors = append(v.errors, api.FieldError{Field: "events", Message: fmt.Sprintf("must hold 1 to %d events", batchEventsMax)})
		return nil
	}
	rows := make([]Row, len(b.Events))
	for i := range b.Events {
		rows[i] = v.event(i, &b.Events[i], received)
		rows[i].Bot = bot
	}
	return rows
}

func (v *validator) event(n int, e *api.Event, received time.Time) Row {
	r := Row{Type: e.Type, Received: received, Session: e.Session, Visitor: e.Visitor, Query: e.Query, Results: -1,
		Slot: e.Slot, Algorithm: e.Algorithm, Version: e.Version}
	at := place{n, -1}
	var err error
	if r.ID, err = uuid.Parse(e.ID); err != nil || len(e.ID) != 36 || r.ID == uuid.Nil {
		v.fail(at, "id", "must be a UUID such as 0192f7a4-5b7e-7c3a-9d0e-3f1a2b4c5d6e")
	}
	if !slices.Contains(api.EventTypes, e.Type) {
		v.fail(at, "type", "is not an event type")
	}
	stated, err := time.Parse(time.RFC3339, e.At)
	if err != nil {
		v.fail(at, "at", "must be a time such as 2026-01-31T12:00:00Z")
	}
	r.StatedDay, r.At = statedDay(stated), clamp(stated, received)
	v.match(at, "session", e.Session, opaqueMax, isOpaque, false)
	v.match(at, "visitor", e.Visitor, opaqueMax, isOpaque, true)
	if len(e.Query) > queryMax || !utf8.ValidString(e.Query) {
		v.fail(at, "query", "must be UTF-8 and at most %d bytes long", queryMax)
	}
	if e.Results != nil {
		if r.Results = *e.Results; r.Results < 0 || r.Results > 1e9 {
			v.fail(at, "results", "must be from 0 to 1000000000")
		}
	}
	v.match(at, "slot", e.Slot, wordMax, isWord, true)
	v.match(at, "algorithm", e.Algorithm, wordMax, isWord, true)
	v.match(at, "version", e.Version, wordMax, isWord, true)
	if len(e.Items) > itemsMax {
		v.fail(at, "items", "must hold at most %d items", itemsMax)
		return r
	}
	r.Items = make([]Item, 0, len(e.Items))
	for i := range e.Items {
		r.Items = append(r.Items, v.item(place{n, i}, &e.Items[i]))
	}
	return r
}

func (v *validator) item(at place, it *api.EventItem) Item {
	v.match(at, "item_id", it.ItemID, handleMax, isHandle, false)
	v.match(at, "sku", it.SKU, skuMax, isOpaque, true)
	if it.Quantity < 0 || it.Quantity > quantityMax {
		v.fail(at, "quantity", "must be from 0 to %d", quantityMax)
	}
	out := Item{Handle: it.ItemID, SKU: it.SKU, Quantity: uint32(max(0, min(it.Quantity, quantityMax)))}
	if m := it.Price; m != nil {
		if m.Amount < 0 || m.Amount > amountMax {
			v.fail(at, "price.amount", "must be minor units, not negative")
		}
		v.match(at, "price.currency", m.Currency, 3, isCurrency, false)
		out.Price, out.Currency = m.Amount, m.Currency
	}
	return out
}

func (v *validator) match(at place, name, value string, max int, form func(string) bool, optional bool) {
	switch {
	case value == "" && optional:
	case value == "":
		v.fail(at, name, "is missing")
	case len(value) > max:
		v.fail(at, name, "must be at most %d bytes long", max)
	case !form(value):
		v.fail(at, name, "has characters that are not allowed here")
	}
}

func clamp(stated, received time.Time) time.Time {
	if early := received.Add(-clampBefore); stated.Before(early) {
		return early
	}
	if late := received.Add(clampAfter); stated.After(late) {
		return late
	}
	return stated.UTC().Truncate(time.Millisecond)
}

// statedDay is the day of the stated time, within what the table's column can hold.
func statedDay(t time.Time) time.Time {
	t = t.UTC()
	if y := t.Year(); y < 1970 || y > 2200 {
		return time.Unix(0, 0).UTC()
	}
	return t.Truncate(24 * time.Hour)
}

package core

import (
	"encoding/json"
	"fmt"

	"meridian/api"
)

// feedCmd is a warehouse's message. Its items are as they came: what cannot be is refused one by one,
// so that a bad line does not keep the others from the shelf.
type feedCmd struct {
	Source string        `cbor:"1,keyasint"`
	Items  []feedItemRec `cbor:"2,keyasint"`
}

type feedItemRec struct {
	SKU      string `cbor:"1,keyasint"`
	Location string `cbor:"2,keyasint"`
	OnHand   int64  `cbor:"3,keyasint"`
	Sequence int64  `cbor:"4,keyasint"`
}

// feedMarkRec is the latest count of a source for a SKU at a location. It is what makes late and
// repeated messages harmless.
type feedMarkRec struct {
	Sequence int64 `cbor:"1,keyasint"`
	OnHand   int64 `cbor:"2,keyasint"` // as it was counted
	Code     int64 `cbor:"3,keyasint"` // a feedCode: applied or clamped
	Set      int64 `cbor:"4,keyasint"` // on hand after it
	Reserved int64 `cbor:"5,keyasint"` // reserved then
}

func feedMarkKey(source, sku, location string) string {
	return source + "\x00" + sku + "\x00" + location
}

// feedCode says what became of a count. The numbers are written.
type feedCode = int64

const (
	feedApplied         feedCode = 1
	feedClamped         feedCode = 2
	feedStale           feedCode = 3
	feedUnknownSKU      feedCode = 4
	feedUnknownLocation feedCode = 5
	feedBadCount        feedCode = 6
	feedSequenceReused  feedCode = 7
)

// feedOutcome is an item's outcome as it is kept under the message's key: without what the request
// says itself, since a repeat brings that along. A thousand of them are some ten kilobytes.
type feedOutcome struct {
	code             feedCode
	onHand, reserved int64
	latest           int64
	repeat           bool
}

// MarshalJSON implements json.Marshaler.
func (o feedOutcome) MarshalJSON() ([]byte, error) {
	repeat := 0
	if o.repeat {
		repeat = 1
	}
	return fmt.Appendf(nil, "[%d,%d,%d,%d,%d]", o.code, o.onHand, o.reserved, o.latest, repeat), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *feedOutcome) UnmarshalJSON(b []byte) error {
	var v [5]int64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*o = feedOutcome{v[0], v[1], v[2], v[3], v[4] == 1}
	return nil
}

func (m *Machine) applyFeed(c feedCmd) (any, int, *api.Error) {
	out := make([]feedOutcome, len(c.Items))
	for i, item := range c.Items {
		out[i] = m.feedItem(c.Source, item)
	}
	return out, 200, nil
}

// feedItem applies one count: the highest sequence of a source wins for each SKU and location, and
// what orders hold is never counted away.
func (m *Machine) feedItem(source string, item feedItemRec) feedOutcome {
	if _, ok := m.findSKU(item.SKU); !ok {
		return feedOutcome{code: feedUnknownSKU}
	}
	if m.noLocation(item.Location) != nil {
		return feedOutcome{code: feedUnknownLocation}
	}
	s, known := m.stock.Get(stockKey(item.SKU, item.Location))
	now := feedOutcome{onHand: s.OnHand, reserved: s.Reserved}
	if item.OnHand < 0 || item.OnHand > maxOnHand {
		now.code = feedBadCount
		return now
	}
	key := feedMarkKey(source, item.SKU, item.Location)
	mark, marked := m.feedMarks.Get(key)
	switch {
	case marked && item.Sequence < mark.Sequence:
		now.code, now.latest = feedStale, mark.Sequence
		return now
	case marked && item.Sequence == mark.Sequence && item.OnHand != mark.OnHand:
		now.code, now.latest = feedSequenceReused, mark.Sequence
		return now
	case marked && item.Sequence == mark.Sequence:
		return feedOutcome{code: mark.Code, onHand: mark.Set, reserved: mark.Reserved, repeat: true}
	}
	now.code, now.onHand = feedApplied, item.OnHand
	if item.OnHand < s.Reserved {
		now.code, now.onHand = feedClamped, s.Reserved
	}
	if delta := now.onHand - s.OnHand; delta != 0 || !known {
		s.OnHand, s.Received = s.OnHand+delta, s.Received+delta
		m.setStock(item.SKU, item.Location, s)
		m.move(item.SKU, item.Location, delta, "feed "+source, "")
	}
	m.feedMarks.Put(key, feedMarkRec{Sequence: item.Sequence, OnHand: item.OnHand, Code: now.code, Set: now.onHand, Reserved: now.reserved})
	return now
}

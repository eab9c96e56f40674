package edge

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

// Bounds of a batch of events.
const (
	eventBodyMax  = 64 << 10
	maxEvents     = 100
	maxEventItems = 100
	// maxEventAge and maxEventLead bound how far a browser's clock and patience may be off.
	maxEventAge  = 7 * 24 * time.Hour
	maxEventLead = 24 * time.Hour
)

// accepted answers POST /events.
type accepted struct {
	Accepted int `json:"accepted"`
}

func (s *Shop) eventOperations() []operation {
	return []operation{
		{Route: Route{Method: "POST", Pattern: "/api/v1/events", Class: Private, MaxBody: eventBodyMax, Types: []string{"application/json", "text/plain"}, Handler: s.takeEvents},
			ID: "sendEvents", Summary: "Clickstream events, at most 100; accepted when they are safe on disk", Body: api.EventBatch{}, Result: accepted{}, Status: 202},
	}
}

// takeEvents accepts a batch from a browser. text/plain is what sendBeacon sends without a pre-flight.
func (s *Shop) takeEvents(ctx context.Context, r *Request) (*Answer, error) {
	var batch api.EventBatch
	if err := decodeJSON(r.Body, &batch); err != nil {
		return nil, err
	}
	if len(batch.Events) == 0 || len(batch.Events) > maxEvents {
		return nil, api.Invalid("events", "must hold 1 to %d events", maxEvents)
	}
	p := params{}
	for i := range batch.Events {
		e := &batch.Events[i]
		if e.Session == "" {
			e.Session = r.Jar.Visit
		}
		if e.Visitor == "" {
			e.Visitor = r.Jar.Visitor
		}
		checkEvent(&p, "events."+strconv.Itoa(i), e, s.cfg.Now())
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if s.cfg.Clicks != nil && !r.Bot {
		if err := s.cfg.Clicks.Record(ctx, batch.Events); err != nil {
			return nil, unavailable("Events cannot be taken right now. Send them again later.", err)
		}
	}
	return reply(&Answer{}, 202, accepted{Accepted: len(batch.Events)})
}

// unavailable is err when it is one of ours, else a 503 with the sentence.
func unavailable(sentence string, err error) error {
	if e := api.AsError(err); e.Code != api.CodeInternal {
		return e
	}
	return api.NewError(api.CodeUnavailable, "%s", sentence).WithCause(err)
}

func checkEvent(p *params, at string, e *api.Event, now time.Time) {
	if _, err := uuid.Parse(e.ID); err != nil || len(e.ID) != 36 {
		p.fail(at+".id", "must be a UUID")
	}
	if !slices.Contains(api.EventTypes, e.Type) {
		p.fail(at+".type", "is not an event type")
	}
	when, err := time.Parse(time.RFC3339, e.At)
	switch {
	case err != nil:
		p.fail(at+".at", "must be a time such as 2026-01-31T12:00:00Z")
	case when.Before(now.Add(-maxEventAge)) || when.After(now.Add(maxEventLead)):
		p.fail(at+".at", "must lie within the last 7 days")
	}
	if !validOpaque(e.Session) {
		p.fail(at+".session", "must be 1 to 128 visible ASCII characters")
	}
	if e.Visitor != "" && !validOpaque(e.Visitor) {
		p.fail(at+".visitor", "must be at most 128 visible ASCII characters")
	}
	checkLength(p, at+".query", e.Query, maxQuery)
	checkLength(p, at+".slot", e.Slot, 64)
	checkLength(p, at+".algorithm", e.Algorithm, 64)
	checkLength(p, at+".version", e.Version, 64)
	if e.Results != nil && *e.Results < 0 {
		p.fail(at+".results", "must not be negative")
	}
	if len(e.Items) > maxEventItems {
		p.fail(at+".items", "must hold at most 100 items")
		return
	}
	for i := range e.Items {
		checkEventItem(p, at+".items."+strconv.Itoa(i), &e.Items[i])
	}
}

func checkEventItem(p *params, at string, item *api.EventItem) {
	if !validHandle(item.ItemID) {
		p.fail(at+".item_id", "must be the handle of a product")
	}
	if item.SKU != "" && !validSKU(item.SKU) {
		p.fail(at+".sku", "must be a SKU")
	}
	if item.Quantity < 0 || item.Quantity > api.MaxQuantity {
		p.fail(at+".quantity", "must be from 0 to 999")
	}
	if m := item.Price; m != nil && (m.Amount < 0 || !validCurrency(m.Currency)) {
		p.fail(at+".price", "must be an amount in minor units that is not negative, with a currency such as EUR")
	}
}

func checkLength(p *params, field, v string, max int) {
	if len(v) > max {
		p.fail(field, "must be at most "+strconv.Itoa(max)+" bytes long")
	}
}

func validCurrency(s string) bool {
	return len(s) == 3 && bounded(s, 3, func(c byte) bool { return c >= 'A' && c <= 'Z' })
}

// note records an event that the edge itself saw. The clickstream never stands in a shopper's way:
// without a visit, from a robot, or with a spool that refuses, there is no event.
func (s *Shop) note(ctx context.Context, r *Request, kind string, items ...api.EventItem) {
	if s.cfg.Clicks == nil || r.Bot || r.Jar.Visit == "" {
		return
	}
	e := api.Event{ID: uuid.NewString(), Type: kind, At: s.cfg.Now().UTC().Format(time.RFC3339Nano),
		Session: r.Jar.Visit, Visitor: r.Jar.Visitor, Items: items}
	if err := s.cfg.Clicks.Record(ctx, []api.Event{e}); err != nil {
		s.cfg.Log.Warn("event not recorded", "type", kind, "error", err, "request_id", r.Call.RequestID)
	}
}

// eventItem describes a cart line to the clickstream.
func eventItem(l *api.CartLine, quantity int64) api.EventItem {
	price := l.UnitPrice
	return api.EventItem{ItemID: l.Handle, SKU: l.SKU, Quantity: quantity, Price: &price}
}

package edge

import (
	"context"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

// eventBodyMax bounds a batch in bytes; the clickstream bounds the events in it.
const eventBodyMax = 64 << 10

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
	// The jar is read and never written here: a beacon races with the form whose page it leaves, and
	// its older jar must not win over the form's.
	for i := range batch.Events {
		e := &batch.Events[i]
		if e.Session == "" {
			e.Session = r.Jar.Visit
		}
		if e.Visitor == "" {
			e.Visitor = r.Jar.Visitor
		}
	}
	if s.cfg.Clicks != nil {
		if err := s.cfg.Clicks.Record(ctx, batch, r.Source); err != nil {
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

// visitMax is how long a visit lasts at most before a new one begins.
const visitMax = 4 * time.Hour

// visit names this visit to the shop. It is kept in the client's jar and, as a version 7 UUID, knows
// when it began. A page's script names the visit of its own events in the form's field visit, so that
// what the browser saw and what the edge saw are one visit.
func (s *Shop) visit(a *Answer, r *Request) string {
	j := a.jar(r)
	if j.Visitor == "" {
		j.Visitor = uuid.NewString()
	}
	if named := first(r.Form, "visit"); len(named) == 36 {
		if id, err := uuid.Parse(named); err == nil {
			j.Visit = id.String()
		}
	}
	id, err := uuid.Parse(j.Visit)
	if err != nil || id.Version() != 7 || s.cfg.Now().Sub(time.Unix(id.Time().UnixTime())) > visitMax {
		if id, err = uuid.NewV7(); err != nil {
			return j.Visit
		}
		j.Visit = id.String()
	}
	return j.Visit
}

// note records an event that the edge itself saw. The clickstream never stands in a shopper's way:
// from a robot, or with a spool that refuses, there is no event.
func (s *Shop) note(ctx context.Context, a *Answer, r *Request, kind string, items ...api.EventItem) {
	if s.cfg.Clicks == nil || r.Source.Bot {
		return
	}
	visit := s.visit(a, r)
	e := api.Event{ID: uuid.NewString(), Type: kind, At: s.cfg.Now().UTC().Format(time.RFC3339Nano), Session: visit, Visitor: a.Jar.Visitor, Items: items}
	if err := s.cfg.Clicks.Record(ctx, api.EventBatch{Events: []api.Event{e}}, r.Source); err != nil {
		s.cfg.Log.Warn("event not recorded", "type", kind, "err", err, "request_id", r.Call.RequestID)
	}
}

// eventItem describes a cart line to the clickstream.
func eventItem(l *api.CartLine, quantity int64) api.EventItem {
	price := l.UnitPrice
	return api.EventItem{ItemID: l.Handle, SKU: l.SKU, Quantity: quantity, Price: &price}
}

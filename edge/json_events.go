package edge

import (
	"context"
	"strings"
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
			ID: "sendEvents", Summary: "Clickstream events, at most 100; accepted when they are safe on disk. A browser that agreed to be remembered may leave its session out; of any other, an event without a session is counted in an anonymous session of the day, without a visitor, and so is each of a browser that declined", Body: api.EventBatch{}, Result: accepted{}, Status: 202},
	}
}

// takeEvents accepts a batch from a browser, or from whoever names the sessions of their events. text/plain is what
// sendBeacon sends without a pre-flight.
func (s *Shop) takeEvents(ctx context.Context, r *Request) (*Answer, error) {
	var batch api.EventBatch
	if err := decodeJSON(r.Body, &batch); err != nil {
		return nil, err
	}
	// The jar is read and never written here: a beacon races with the form whose page it leaves, and
	// its older jar must not win over the form's. The visitor has a cookie of its own.
	a := &Answer{}
	agreed := s.agreed(r)
	switch {
	case !agreed && r.Jar.Visitor != "":
		a.jar(r).Visitor = ""
	case agreed && r.Jar.Visitor == "" && r.SameOrigin && !r.Source.Bot:
		a.jar(r).Visitor = newID()
	}
	visitor := ""
	if agreed {
		visitor = r.Jar.Visitor
		if a.Jar != nil {
			visitor = a.Jar.Visitor
		}
	}
	for i := range batch.Events {
		s.attribute(r, &batch.Events[i], visitor)
	}
	if s.cfg.Clicks != nil {
		if err := s.cfg.Clicks.Record(ctx, batch, r.Source); err != nil {
			return nil, unavailable("Events cannot be taken right now. Send them again later.", err)
		}
	}
	return reply(a, 202, accepted{Accepted: len(batch.Events)})
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

// attribute completes who an event is of. A session that the sender names stays, unless its browser declined; without
// one it is the browser's visit if that agreed, else today's anonymous one, which has no visitor.
func (s *Shop) attribute(r *Request, e *api.Event, visitor string) {
	if e.Session == "" && s.agreed(r) {
		e.Session = r.Jar.Visit
	}
	if e.Session == "" || s.declined(r) {
		e.Session = s.anonymous.session(r.Client, r.Agent, r.Host)
	}
	if e.Visitor == "" {
		e.Visitor = visitor
	}
	if strings.HasPrefix(e.Session, api.AnonymousSession) {
		e.Visitor = ""
	}
}

// identity is who a request is of to the clickstream. The form of a page whose script names the visit of its own
// events says so in the field visit, so that what the browser saw and what the edge saw are one visit.
func (s *Shop) identity(r *Request) (session, visitor string) {
	if !s.agreed(r) {
		return s.anonymous.session(r.Client, r.Agent, r.Host), ""
	}
	if named := visitID(first(r.Form, "visit")); named != "" {
		return named, r.Jar.Visitor
	}
	return r.Jar.Visit, r.Jar.Visitor
}

// visit is identity for what the edge saw itself. A browser that agreed gets a visit, which is kept in its jar and, as
// a version 7 UUID, knows when it began, and a visitor; from any other, what is left of them is taken.
func (s *Shop) visit(a *Answer, r *Request) (session, visitor string) {
	session, visitor = s.identity(r)
	if !s.agreed(r) {
		s.forget(a, r)
		return session, visitor
	}
	id, err := uuid.Parse(session)
	if err != nil || id.Version() != 7 || s.cfg.Now().Sub(time.Unix(id.Time().UnixTime())) > visitMax {
		session = newID()
	}
	if visitor == "" {
		visitor = newID()
	}
	j := a.jar(r)
	j.Visit, j.Visitor = session, visitor
	return session, visitor
}

// newID is a visit or a visitor: a version 7 UUID. The source of randomness never fails.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// note records an event that the edge itself saw. The clickstream never stands in a shopper's way:
// from a robot, or with a spool that refuses, there is no event.
func (s *Shop) note(ctx context.Context, a *Answer, r *Request, kind string, items ...api.EventItem) {
	if s.cfg.Clicks == nil || r.Source.Bot {
		return
	}
	e := api.Event{ID: uuid.NewString(), Type: kind, At: s.cfg.Now().UTC().Format(time.RFC3339Nano), Items: items}
	e.Session, e.Visitor = s.visit(a, r)
	if err := s.cfg.Clicks.Record(ctx, api.EventBatch{Events: []api.Event{e}}, r.Source); err != nil {
		s.cfg.Log.Warn("event not recorded", "type", kind, "err", err, "request_id", r.Call.RequestID)
	}
}

// eventItem describes a cart line to the clickstream.
func eventItem(l *api.CartLine, quantity int64) api.EventItem {
	price := l.UnitPrice
	return api.EventItem{ItemID: l.Handle, SKU: l.SKU, Quantity: quantity, Price: &price}
}

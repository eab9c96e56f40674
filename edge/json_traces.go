package edge

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"meridian/api"
)

// erasureBody is what staff ask for: an order's number, or a visitor's id.
type erasureBody struct {
	Order   string `json:"order,omitempty"`
	Visitor string `json:"visitor,omitempty"`
}

func (s *Shop) traceOperations() []operation {
	return []operation{
		{Route: Route{Method: "DELETE", Pattern: "/api/v1/visits/me", Class: Private, Query: []string{"visit"}, Limit: CountSignIn, Handler: s.eraseVisits},
			ID: "eraseVisits", Summary: "Erase what was recorded of this browser's clicks, within 24 hours; visit is the one that the page's script names by itself", Status: 204},
		{Route: Route{Method: "POST", Pattern: "/admin/api/v1/erasures", Class: Staff, MaxBody: staffBodyMax, Handler: s.staffErase},
			ID: "eraseTraces", Summary: "Erase what was recorded of the clicks that led to an order, or of a visitor, for somebody who asked for it; the answer names the orders that no longer say whose they were",
			Body: erasureBody{}, Result: api.ErasedTraces{}, Status: 202, Refusals: []api.Code{api.CodeNotFound}},
	}
}

// traces are what a browser's signed cookies say of its clicks: nobody can have those of others erased.
func traces(r *Request) api.Traces {
	return api.Traces{Visitor: r.Jar.Visitor, Session: r.Jar.Visit, Orders: slices.Sorted(maps.Keys(r.Jar.Orders))}
}

// eraseVisits needs no account. A page's script names its visits by itself, and until a form is sent the jar does not know them: so the client may
// name one, which is as hard to guess as what the jar is signed with protects.
func (s *Shop) eraseVisits(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	tab := ""
	if visit := p.one("visit"); visit != "" {
		if tab = visitID(visit); tab == "" {
			p.fail("visit", "must be the id of a visit, a version 7 UUID")
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	a, err := s.erase(ctx, r, tab)
	if err != nil {
		return nil, err
	}
	return nothing(a)
}

// erase has erased what was recorded of a browser and of the visit that its page names; its cookies forget it.
func (s *Shop) erase(ctx context.Context, r *Request, tab string) (*Answer, error) {
	req := traces(r)
	req.Tab = tab
	t := s.private(r)
	if _, err := ask(ctx, t, api.TracesErase, req); err != nil {
		return nil, err
	}
	a := t.answer()
	j := a.jar(r)
	j.Visitor, j.Visit = "", ""
	return a, nil
}

// visitID is the id of a visit as a script names it, "" if it cannot be one.
func visitID(named string) string {
	id, err := uuid.Parse(named)
	if err != nil || len(named) != len(id.String()) || id.Version() != 7 {
		return ""
	}
	return id.String()
}

func (s *Shop) staffErase(ctx context.Context, r *Request) (*Answer, error) {
	var body erasureBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	t := s.staff(r)
	erased, err := ask(ctx, t, api.TracesStaff, api.StaffErase(body))
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 202, erased)
}

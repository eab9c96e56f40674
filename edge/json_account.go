package edge

import (
	"context"

	"meridian/api"
)

const accountBodyMax = 4 << 10

func (s *Shop) accountOperations() []operation {
	const me = "/api/v1/customers/me"
	return []operation{
		{Route: Route{Method: "POST", Pattern: "/api/v1/customers", Class: Private, MaxBody: accountBodyMax, Limit: CountSignIn, Handler: s.register},
			ID: "register", Summary: "Open an account and sign in", Body: api.NewCustomer{}, Result: api.Customer{}, Status: 201, Refusals: []api.Code{api.CodeConflict}},
		{Route: Route{Method: "POST", Pattern: "/api/v1/sessions", Class: Private, MaxBody: accountBodyMax, Limit: CountSignIn, Handler: s.signIn},
			ID: "signIn", Summary: "Sign in; the session is a cookie", Body: api.SignIn{}, Result: api.Customer{}, Status: 201, Refusals: []api.Code{api.CodeUnauthorized}},
		{Route: Route{Method: "DELETE", Pattern: "/api/v1/sessions/current", Class: Private, Handler: s.signOut},
			ID: "signOut", Summary: "Sign out", Status: 204},
		{Route: Route{Method: "GET", Pattern: me, Class: Private, Handler: s.getMe},
			ID: "getMe", Summary: "The signed-in customer", Result: api.Customer{}, Refusals: []api.Code{api.CodeUnauthorized}},
		{Route: Route{Method: "PATCH", Pattern: me, Class: Private, MaxBody: accountBodyMax, Limit: CountSignIn, Handler: s.patchMe},
			ID: "patchMe", Summary: "Change the account; what is left out stays", Body: api.CustomerPatch{}, Result: api.Customer{}, Refusals: []api.Code{api.CodeConflict, api.CodeUnauthorized}},
		{Route: Route{Method: "DELETE", Pattern: me, Class: Private, Handler: s.eraseMe},
			ID: "eraseMe", Summary: "Erase the account and everything personal in it; 204, or 200 with the orders whose address is kept until they are sent", Result: api.Erasure{}, Refusals: []api.Code{api.CodeUnauthorized}},
		{Route: Route{Method: "GET", Pattern: me + "/orders", Class: Private, Query: []string{"after", "limit"}, Handler: s.myOrders},
			ID: "myOrders", Summary: "The customer's orders, newest first", Result: api.List[api.Order]{}, Refusals: []api.Code{api.CodeUnauthorized}},
		{Route: Route{Method: "GET", Pattern: me + "/export", Class: Private, Handler: s.exportMe},
			ID: "exportMe", Summary: "Everything that is kept about the customer", Result: api.CustomerExport{}, Refusals: []api.Code{api.CodeUnauthorized}},
	}
}

func (s *Shop) register(ctx context.Context, r *Request) (*Answer, error) {
	var body api.NewCustomer
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	t := s.nobody(r)
	session, err := ask(ctx, t, api.CustomersCreate, body)
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	a.jar(r).Session = session.Token
	return reply(a, 201, session.Customer)
}

func (s *Shop) signIn(ctx context.Context, r *Request) (*Answer, error) {
	var body api.SignIn
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	t := s.nobody(r)
	session, err := ask(ctx, t, api.SessionsCreate, body)
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	a.jar(r).Session = session.Token
	return reply(a, 201, session.Customer)
}

func (s *Shop) signOut(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	if err := s.endSession(ctx, t); err != nil {
		return nil, err
	}
	a := t.answer()
	a.jar(r).Session = ""
	return nothing(a)
}

// endSession ends the customer's session; one that has ended before is no fault.
func (s *Shop) endSession(ctx context.Context, t *trip) error {
	if t.call.Credential == "" {
		return nil
	}
	_, err := ask(ctx, t, api.SessionsDelete, api.None{})
	if code := api.CodeOf(err); code == api.CodeUnauthorized || code == api.CodeNotFound {
		return nil
	}
	return err
}

// signedIn is a trip of a customer with a session.
func (s *Shop) signedIn(r *Request) (*trip, error) {
	t := s.private(r)
	if t.call.Credential == "" {
		return nil, api.NewError(api.CodeUnauthorized, "Sign in first, or open an account.")
	}
	return t, nil
}

func (s *Shop) getMe(ctx context.Context, r *Request) (*Answer, error) {
	return askMe(ctx, s, r, api.CustomersMe, api.None{})
}

func (s *Shop) patchMe(ctx context.Context, r *Request) (*Answer, error) {
	var body api.CustomerPatch
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	return askMe(ctx, s, r, api.CustomersPatch, body)
}

func (s *Shop) eraseMe(ctx context.Context, r *Request) (*Answer, error) {
	t, err := s.signedIn(r)
	if err != nil {
		return nil, err
	}
	erased, err := ask(ctx, t, api.CustomersErase, traces(r))
	if err != nil {
		return nil, err
	}
	a := t.answer()
	j := a.jar(r)
	j.Session, j.Orders, j.Visitor, j.Visit = "", nil, "", ""
	if len(erased.Kept) > 0 {
		return reply(a, 200, erased)
	}
	return nothing(a)
}

func (s *Shop) myOrders(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	page := p.page()
	if err := p.err(); err != nil {
		return nil, err
	}
	return askMe(ctx, s, r, api.CustomersOrders, page)
}

func (s *Shop) exportMe(ctx context.Context, r *Request) (*Answer, error) {
	return askMe(ctx, s, r, api.CustomersExport, api.None{})
}

// askMe passes a question of a signed-in customer on and answers what comes back.
func askMe[Req, Resp any](ctx context.Context, s *Shop, r *Request, e api.Endpoint[Req, Resp], req Req) (*Answer, error) {
	t, err := s.signedIn(r)
	if err != nil {
		return nil, err
	}
	resp, err := ask(ctx, t, e, req)
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 200, resp)
}

package edge

import (
	"context"
	"net/url"
	"strings"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/web"
)

// accountOrders is how many orders the account page shows.
const accountOrders = 20

// registerPath is where accounts are opened.
const registerPath = "/register"

func (s *Shop) accountPage(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	if t.call.Credential == "" {
		return redirect(t.answer(), "/sign-in?next=/account")
	}
	var me api.Customer
	var orders api.List[api.Order]
	err := coreclient.Together(ctx,
		func(ctx context.Context) (err error) { me, err = ask(ctx, t, api.CustomersMe, api.None{}); return },
		func(ctx context.Context) (err error) {
			orders, err = ask(ctx, t, api.CustomersOrders, api.Page{Limit: accountOrders})
			return
		})
	if api.CodeOf(err) == api.CodeUnauthorized {
		a := t.answer()
		a.jar(r).Session = ""
		return redirect(a, "/sign-in?next=/account")
	}
	if err != nil {
		return nil, err
	}
	v := web.Account{Name: me.Name, Email: me.Email}
	for i := range orders.Items {
		v.Orders = append(v.Orders, orderRow(&orders.Items[i], "/orders/"+orders.Items[i].ID))
	}
	a := t.answer()
	v.Layout = s.privateLayout(ctx, r, a, "Your account")
	return page(a, 200, v)
}

func (s *Shop) signInPage(ctx context.Context, r *Request) (*Answer, error) {
	v := web.SignIn{Next: localPath(first(r.Query, "next"), "/account"), Register: r.Path == registerPath}
	return s.showSignIn(ctx, s.private(r), v, nil)
}

// showSignIn renders the page to sign in or to register, with what was refused.
func (s *Shop) showSignIn(ctx context.Context, t *trip, v web.SignIn, refusal *api.Error) (*Answer, error) {
	a := t.answer()
	status := 200
	if refusal != nil {
		status = refusal.Status
		v.Refusal = refusal.Detail
		for _, f := range refusal.Errors {
			switch f.Field {
			case "email":
				v.Email.Error = f.Message
			case "name":
				v.Name.Error = f.Message
			case "password":
				v.Password.Error = f.Message
			}
		}
		if refusal.Code == api.CodeUnauthorized {
			status, v.Refusal = 422, "The mail address or the password is not right."
		}
	}
	title := "Sign in"
	switch {
	case v.Register:
		title = "Open an account"
	case v.Staff:
		title = "Staff sign-in"
	}
	v.Layout = s.privateLayout(ctx, t.r, a, title)
	return page(a, status, v)
}

// typed reads the form to sign in or to register. The password is never put into a page again.
func typed(r *Request) (v web.SignIn, password string) {
	v.Email.Value = cut(strings.TrimSpace(first(r.Form, "email")), 300)
	v.Name.Value = cut(strings.TrimSpace(first(r.Form, "name")), 300)
	v.Next = localPath(first(r.Form, "next"), "/account")
	return v, first(r.Form, "password")
}

// signInForm takes both forms: to sign in, and to open an account.
func (s *Shop) signInForm(ctx context.Context, r *Request) (*Answer, error) {
	v, password := typed(r)
	v.Register = r.Path == registerPath
	t := s.nobody(r)
	var session api.CustomerSession
	var err error
	if v.Register {
		session, err = ask(ctx, t, api.CustomersCreate, api.NewCustomer{Email: v.Email.Value, Password: password, Name: v.Name.Value})
	} else {
		session, err = ask(ctx, t, api.SessionsCreate, api.SignIn{Email: v.Email.Value, Password: password})
	}
	return s.enter(ctx, t, v, session, err)
}

// enter puts a new session into the jar, or shows the form again.
func (s *Shop) enter(ctx context.Context, t *trip, v web.SignIn, session api.CustomerSession, err error) (*Answer, error) {
	if err != nil {
		e := api.AsError(err)
		if e.Status >= 500 {
			return nil, e
		}
		return s.showSignIn(ctx, t, v, e)
	}
	a := t.answer()
	j := a.jar(t.r)
	j.Session = session.Token
	j.Flash = "good:Welcome, " + session.Customer.Name + "."
	return redirect(a, v.Next)
}

func (s *Shop) signOutForm(ctx context.Context, r *Request) (*Answer, error) {
	t := s.private(r)
	if err := s.endSession(ctx, t); err != nil {
		return nil, err
	}
	a := t.answer()
	j := a.jar(r)
	j.Session, j.Orders, j.Flash = "", nil, "info:You are signed out."
	return redirect(a, "/")
}

// errorWays lead on from an error page.
func errorWays(r *Request, e *api.Error) []web.Link {
	list := []web.Link{{Label: "Home", Href: "/"}, {Label: "Search", Href: "/search"}}
	if e.Code == api.CodeUnauthorized {
		if strings.HasPrefix(r.Path, "/admin") {
			return []web.Link{{Label: "Staff sign-in", Href: "/admin/sign-in"}, {Label: "Home", Href: "/"}}
		}
		next := url.Values{"next": {localPath(r.Path, "/account")}}
		return append([]web.Link{{Label: "Sign in", Href: "/sign-in?" + next.Encode()}}, list...)
	}
	return append(list, web.Link{Label: "Your cart", Href: "/cart"})
}

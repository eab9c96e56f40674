package edge

import (
	"context"

	"meridian/api"
	"meridian/web"
)

// privacyPath is the page about what is recorded, and where its choice is sent; erasePath where it is asked to be erased.
const (
	privacyPath = "/privacy"
	erasePath   = "/privacy/erase"
)

func (s *Shop) privacyPage(ctx context.Context, r *Request) (*Answer, error) {
	a := s.private(r).answer()
	v := web.Privacy{Choice: r.Jar.Consent, Unfollowed: r.Unfollowed, Remembered: s.agreed(r)}
	v.Layout = s.privateLayout(ctx, r, a, "Privacy")
	return page(a, 200, v)
}

// choose takes the choice of a browser, from the page's form or from the question's. Who agrees gets a visitor; from
// who declines everything is taken at once that the clickstream has put there.
func (s *Shop) choose(_ context.Context, r *Request) (*Answer, error) {
	a := s.private(r).answer()
	j := a.jar(r)
	switch j.Consent = first(r.Form, "choice"); j.Consent {
	case consentYes:
		if j.Visitor == "" {
			j.Visitor = newID()
		}
	case consentNo:
		j.Visitor, j.Visit = "", ""
	default:
		return nil, api.Invalid("choice", "Choose yes or no.")
	}
	return redirect(a, privacyPath)
}

// eraseForm has erased what was recorded of this browser. That is a no, too: under the ids of before nothing may be
// recorded any more.
func (s *Shop) eraseForm(ctx context.Context, r *Request) (*Answer, error) {
	a, err := s.erase(ctx, r, visitID(first(r.Form, "visit")))
	if err != nil {
		return nil, err
	}
	j := a.jar(r)
	j.Consent, j.Flash = consentNo, "good:What was recorded of this browser will be gone within 24 hours."
	return redirect(a, privacyPath)
}

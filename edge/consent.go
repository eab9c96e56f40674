package edge

import (
	"fmt"
	"time"
)

// Consent says what the silence of a browser means that was not asked yet. What it said itself, and Do-Not-Track
// and Global Privacy Control, come before it.
type Consent string

// The two rules: silence is a no, or it is a yes where the law allows that.
const (
	ConsentAsk     Consent = "ask"
	ConsentAssumed Consent = "assumed"
)

// ParseConsent reads a rule.
func ParseConsent(s string) (Consent, error) {
	switch c := Consent(s); c {
	case ConsentAsk, ConsentAssumed:
		return c, nil
	}
	return "", fmt.Errorf("give %s or %s", ConsentAsk, ConsentAssumed)
}

// What a browser said, as its cookie says it.
const (
	consentYes = "yes"
	consentNo  = "no"
)

// The cookies of consent. The choice is readable for the page's script; the visitor is signed as the jar is, and nobody's
// but the edge's. A browser is asked again after these times.
const (
	cookieConsent = "consent"
	cookieVisitor = "visitor"

	month   = 365 * 24 * time.Hour / 12
	yesLife = 13 * month
	noLife  = 6 * month
)

// consentLife is how long a choice counts.
func consentLife(choice string) time.Duration {
	if choice == consentYes {
		return yesLife
	}
	return noLife
}

// choice reads the cookie of what a browser said; anything else is silence.
func choice(b []byte) string {
	if s := string(b); s == consentYes || s == consentNo {
		return s
	}
	return ""
}

// agreed reports whether a browser may be remembered: by its choice, else by what it tells every site, else by the
// shop's rule.
func (s *Shop) agreed(r *Request) bool {
	switch {
	case r.Jar.Consent != "":
		return r.Jar.Consent == consentYes
	case r.Unfollowed:
		return false
	}
	return s.cfg.Consent == ConsentAssumed
}

// declined reports whether a browser said no, here or to every site.
func (s *Shop) declined(r *Request) bool {
	return r.Jar.Consent == consentNo || r.Jar.Consent == "" && r.Unfollowed
}

// forget takes the clickstream's ids out of the jar of a browser that has not agreed, or not any more.
func (s *Shop) forget(a *Answer, r *Request) {
	if !s.agreed(r) && (r.Jar.Visitor != "" || r.Jar.Visit != "") {
		j := a.jar(r)
		j.Visitor, j.Visit = "", ""
	}
}

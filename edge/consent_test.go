package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

const (
	pageEvent  = `{"events":[{"id":"0190f3a4-0000-7000-8000-000000000001","type":"view_item","at":"2026-11-22T12:00:00Z","items":[{"item_id":"mug"}]}]}`
	namedEvent = `{"events":[{"id":"0190f3a4-0000-7000-8000-000000000002","type":"view_item","at":"2026-11-22T12:00:00Z","session":"mine","visitor":"me","items":[{"item_id":"mug"}]}]}`
)

// cookie is one of the client's cookies, "" if it has none.
func (f *shopFixture) cookie(name string) string {
	at, err := url.Parse(f.base)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range f.client.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (f *shopFixture) setCookie(name, value string) {
	at, err := url.Parse(f.base)
	if err != nil {
		f.t.Fatal(err)
	}
	f.client.Jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// jar is what the client's signed cookie holds.
func (f *shopFixture) jar() Jar {
	j, _ := codec.decode(f.cookie(cookieJar))
	return j
}

// recorded are the newest events.
func (f *shopFixture) recorded(n int) []api.Event {
	f.t.Helper()
	f.clicks.mu.Lock()
	defer f.clicks.mu.Unlock()
	if len(f.clicks.events) < n {
		f.t.Fatalf("%d events are recorded, want at least %d", len(f.clicks.events), n)
	}
	return f.clicks.events[len(f.clicks.events)-n:]
}

// ordered is what the core was told of the last order.
func (f *shopFixture) ordered() (req api.CheckoutRequest) {
	f.t.Helper()
	calls := f.core.called("carts.checkout")
	if len(calls) == 0 {
		f.t.Fatal("nothing was ordered")
	}
	if err := json.Unmarshal(calls[len(calls)-1].Body, &req); err != nil {
		f.t.Fatal(err)
	}
	return req
}

// TestConsent takes a browser of each kind through the shop: what its script sends, what the edge sees itself, what it
// orders, and what all of that leaves on the device.
func TestConsent(t *testing.T) {
	for _, c := range []struct {
		rule     Consent
		choice   string
		header   string
		remember bool
	}{
		{ConsentAsk, "", "", false},
		{ConsentAsk, "yes", "", true},
		{ConsentAsk, "no", "", false},
		{ConsentAsk, "", "DNT", false},
		{ConsentAsk, "yes", "DNT", true},
		{ConsentAssumed, "", "", true},
		{ConsentAssumed, "yes", "", true},
		{ConsentAssumed, "no", "", false},
		{ConsentAssumed, "", "DNT", false},
		{ConsentAssumed, "", "Sec-GPC", false},
		{ConsentAssumed, "yes", "Sec-GPC", true},
	} {
		t.Run(fmt.Sprint(c.rule, ",", c.choice, ",", c.header), func(t *testing.T) {
			f := newShopFixture(t, func(cfg *ShopConfig) { cfg.Consent = c.rule })
			f.core.says("carts.checkout", api.Order{ID: "o-1", Number: "1001", Status: api.OrderPaid})
			send := func(method, path, contentType, body string) {
				t.Helper()
				header := []string{"Content-Type", contentType, "Sec-Fetch-Site", "same-origin"}
				if c.header != "" {
					header = append(header, c.header, "1")
				}
				if a := f.do(method, path, body, header...); a.StatusCode >= 400 {
					t.Fatalf("%s %s: %d %s", method, path, a.StatusCode, a.body)
				}
			}
			const form = "application/x-www-form-urlencoded"
			if c.choice != "" {
				send("POST", "/privacy", form, "choice="+c.choice)
			}
			visit := ""
			body, cart := pageEvent, "action=add&sku=MUG-S"
			if c.remember { // as the page's script does it
				visit = newID()
				body, cart = strings.Replace(body, `"items"`, `"session":"`+visit+`","items"`, 1), cart+"&visit="+visit
			}
			send("POST", "/api/v1/events", "application/json", body)
			send("POST", "/cart", form, cart)
			send("GET", "/checkout", "", "")
			checkout := url.Values{}
			for typed := typedCheckout("k-1"); len(typed) > 0; typed = typed[2:] {
				checkout.Set(typed[0], typed[1])
			}
			send("POST", "/checkout", form, checkout.Encode())
			events, order := f.recorded(3), f.ordered()
			visitor := codec.decodeVisitor(f.cookie(cookieVisitor))
			if visitor == "" && f.cookie(cookieVisitor) != "" {
				t.Errorf("cookie %q", f.cookie(cookieVisitor))
			}
			for _, e := range events {
				if e.Session != events[0].Session || e.Visitor != visitor {
					t.Errorf("%s of session %s, visitor %q; the first is of %s, and the browser is %q", e.Type, e.Session, e.Visitor, events[0].Session, visitor)
				}
			}
			if order.Session != events[0].Session || order.Visitor != visitor {
				t.Errorf("the order is of session %s, visitor %q", order.Session, order.Visitor)
			}
			if c.remember {
				if id, err := uuid.Parse(visitor); err != nil || id.Version() != 7 || events[0].Session != visit || f.jar().Visit != visit {
					t.Errorf("visitor %q, session %s, jar %+v; the page named the visit %s", visitor, events[0].Session, f.jar(), visit)
				}
				return
			}
			if !strings.HasPrefix(events[0].Session, api.AnonymousSession) || visitor != "" || f.jar().Visit != "" {
				t.Errorf("session %s, visitor %q, jar %+v", events[0].Session, visitor, f.jar())
			}
		})
	}
}

// TestOrderByAnApp: an order over the JSON API carries the session that its events would.
func TestOrderByAnApp(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("carts.checkout", api.Order{ID: "o-1", Number: "1001", Status: api.OrderPaid})
	order := func(key string) api.CheckoutRequest {
		t.Helper()
		f.do("POST", "/api/v1/carts/cart-1/checkout", "{}", "Idempotency-Key", key).must(t, 201)
		return f.ordered()
	}
	f.do("POST", "/api/v1/events", pageEvent).must(t, 202)
	if o := order("k-1"); o.Session != f.recorded(1)[0].Session || !strings.HasPrefix(o.Session, api.AnonymousSession) || o.Visitor != "" {
		t.Errorf("%+v, the event is %+v", o, f.recorded(1)[0])
	}
	f.form("/privacy", "choice", "yes").must(t, 303)
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
	if o := order("k-2"); o.Session == "" || o.Session != f.jar().Visit || o.Visitor == "" || o.Visitor != f.recorded(1)[0].Visitor {
		t.Errorf("of who agreed: %+v", o)
	}
}

// TestWithdrawal: who said yes and says no is forgotten by the browser at once, and the cart is not.
func TestWithdrawal(t *testing.T) {
	f := newShopFixture(t, nil)
	lives := map[string]int{}
	choose := func(choice string) {
		t.Helper()
		for _, c := range f.form("/privacy", "choice", choice).must(t, 303).Cookies() {
			lives[c.Name+"="+c.Value] = c.MaxAge / (24 * 60 * 60)
			if c.HttpOnly == (c.Name == cookieConsent) || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("cookie %v", c)
			}
		}
	}
	choose("yes")
	first := codec.decodeVisitor(f.cookie(cookieVisitor))
	if lives["consent=yes"] != 395 || lives["visitor="+codec.encodeVisitor(first)] != 395 {
		t.Errorf("days that cookies live: %v, want 13 months", lives)
	}
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
	if j := f.jar(); j.Visit == "" || j.Cart == "" || f.recorded(1)[0].Visitor != first {
		t.Fatalf("jar %+v, event %+v", j, f.recorded(1)[0])
	}
	f.do("GET", "/privacy", "").must(t, 200, "You said yes.")
	choose("no")
	if j := f.jar(); j.Visit != "" || j.Cart == "" || f.cookie(cookieVisitor) != "" || f.cookie(cookieConsent) != "no" || lives["consent=no"] != 182 {
		t.Errorf("after a no the jar is %+v, the visitor %q, lives %v", j, f.cookie(cookieVisitor), lives)
	}
	f.do("GET", "/privacy", "").must(t, 200, "You said no.")
	// A script of another tab that has not noticed, names its old visit: it is not written down.
	f.do("POST", "/api/v1/events", namedEvent).must(t, 202)
	if e := f.recorded(1)[0]; !strings.HasPrefix(e.Session, api.AnonymousSession) || e.Visitor != "" {
		t.Errorf("of a browser that declined: %+v", e)
	}
	choose("yes")
	if again := codec.decodeVisitor(f.cookie(cookieVisitor)); again == "" || again == first {
		t.Errorf("agreed anew as %q, before as %q", again, first)
	}
	f.do("POST", "/api/v1/events", namedEvent).must(t, 202)
	if e := f.recorded(1)[0]; e.Session != "mine" || e.Visitor != "me" {
		t.Errorf("of a browser that agreed: %+v", e)
	}
}

// TestConsentEnds: a browser whose yes is over, or that begins to ask not to be followed, loses what is left.
func TestConsentEnds(t *testing.T) {
	for name, end := range map[string]func(f *shopFixture) []string{
		"the cookie is gone": func(f *shopFixture) []string { f.setCookie(cookieConsent, ""); return nil },
		"it is garbage":      func(f *shopFixture) []string { f.setCookie(cookieConsent, "yes%20please"); return nil },
		"its case is wrong":  func(f *shopFixture) []string { f.setCookie(cookieConsent, "YES"); return nil },
		"GPC is switched on": func(f *shopFixture) []string { f.setCookie(cookieConsent, ""); return []string{"Sec-GPC", "1"} },
	} {
		f := newShopFixture(t, nil)
		f.form("/privacy", "choice", "yes").must(t, 303)
		f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
		if f.cookie(cookieVisitor) == "" || f.jar().Visit == "" {
			t.Fatal("nothing to lose")
		}
		f.do("GET", "/cart", "", end(f)...).must(t, 200)
		if f.cookie(cookieVisitor) != "" || f.jar().Visit != "" || f.jar().Cart == "" {
			t.Errorf("%s: visitor %q, jar %+v", name, f.cookie(cookieVisitor), f.jar())
		}
	}
}

// TestEventsOfOthers: who names the sessions of their own events is taken at their word, has no cookie and gets none.
func TestEventsOfOthers(t *testing.T) {
	for _, rule := range []Consent{ConsentAsk, ConsentAssumed} {
		f := newShopFixture(t, func(cfg *ShopConfig) { cfg.Consent = rule })
		a := f.do("POST", "/api/v1/events", namedEvent).must(t, 202)
		if e := f.recorded(1)[0]; e.Session != "mine" || e.Visitor != "me" || len(a.Cookies()) > 0 {
			t.Errorf("%s: %+v, cookies %v", rule, e, a.Cookies())
		}
		// Nobody is a visitor in an anonymous session.
		f.do("POST", "/api/v1/events", strings.Replace(namedEvent, `"mine"`, `"anon-mine"`, 1)).must(t, 202)
		if e := f.recorded(1)[0]; e.Session != "anon-mine" || e.Visitor != "" {
			t.Errorf("%s: %+v", rule, e)
		}
		f.do("POST", "/api/v1/events", pageEvent).must(t, 202)
		if e := f.recorded(1)[0]; !strings.HasPrefix(e.Session, api.AnonymousSession) || e.Visitor != "" {
			t.Errorf("%s: without a session: %+v", rule, e)
		}
	}
	// A visitor that was not made here is none.
	f := newShopFixture(t, func(cfg *ShopConfig) { cfg.Consent = ConsentAssumed })
	for _, forged := range []string{"me", "0190f3a4-0000-7000-8000-000000000001", "me." + strings.Repeat("A", 43), strings.Replace(codec.encodeVisitor("me"), "me", "you", 1), codec.encode(Jar{Cart: "c"}), strings.Repeat("v", 3000)} {
		f.setCookie(cookieVisitor, forged)
		f.do("POST", "/api/v1/events", strings.Replace(pageEvent, `"items"`, `"session":"s","items"`, 1)).must(t, 202)
		if e := f.recorded(1)[0]; e.Session != "s" || e.Visitor != "" {
			t.Errorf("forged %.40s: %+v", forged, e)
		}
	}
}

// TestPagesAreTheSameForAll: what is cached knows the shop's rule and nobody's choice.
func TestPagesAreTheSameForAll(t *testing.T) {
	f := newShopFixture(t, nil)
	first := f.do("GET", "/", "").must(t, 200, `data-consent="ask"`, "data-ask hidden", `href="/privacy"`)
	for _, choice := range []string{"yes", "no"} {
		f.form("/privacy", "choice", choice).must(t, 303)
		a := f.do("GET", "/", "").must(t, 200)
		if a.body != first.body || !strings.Contains(a.Header.Get("Cache-Status"), "hit") || len(a.Cookies()) > 0 {
			t.Errorf("after %s: the same %t, %s, cookies %v", choice, a.body == first.body, a.Header.Get("Cache-Status"), a.Cookies())
		}
	}
	assumed := newShopFixture(t, func(cfg *ShopConfig) { cfg.Consent = ConsentAssumed })
	if a := assumed.do("GET", "/", "").must(t, 200, `data-consent="assumed"`); strings.Contains(a.body, "data-ask") {
		t.Error("where consent is assumed, it is asked for")
	}
}

func TestPrivacyPage(t *testing.T) {
	f := newShopFixture(t, nil)
	f.do("GET", "/privacy", "").must(t, 200, "You have not chosen yet, and that counts as a no.", "13 months", `name="choice" value="yes"`)
	f.do("GET", "/privacy", "", "DNT", "1").must(t, 200, "asks every site not to follow you")
	f.form("/privacy").must(t, 422)
	f.form("/privacy", "choice", "maybe").must(t, 422)
	f.do("POST", "/privacy", "choice=yes", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").must(t, 403)
	if f.cookie(cookieConsent) != "" || f.cookie(cookieVisitor) != "" {
		t.Error("a refused form left a cookie")
	}
	assumed := newShopFixture(t, func(cfg *ShopConfig) { cfg.Consent = ConsentAssumed })
	assumed.do("GET", "/privacy", "").must(t, 200, "counts as a yes")
}

func FuzzConsentCookies(f *testing.F) {
	for _, s := range []string{"yes", "no", "", "Yes", "yes ", "v.", ".", codec.encodeVisitor("v"), codec.encode(Jar{Cart: "v"}), codec.encodeVisitor("v") + "A", "w" + codec.encodeVisitor("v")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c := choice(b); c != "" && c != string(b) {
			t.Fatalf("%q is the choice %q", b, c)
		}
		if v := codec.decodeVisitor(string(b)); v != "" && codec.encodeVisitor(v) != string(b) {
			t.Fatalf("%q is the visitor %q", b, v)
		}
	})
}

func TestConsentRules(t *testing.T) {
	for _, s := range []string{"ask", "assumed"} {
		if c, err := ParseConsent(s); err != nil || string(c) != s {
			t.Errorf("%s: %s, %v", s, c, err)
		}
	}
	if _, err := ParseConsent("never"); err == nil {
		t.Error("never is a rule")
	}
	if consentLife(consentYes).Round(24*time.Hour) != 395*24*time.Hour {
		t.Error(consentLife(consentYes))
	}
}

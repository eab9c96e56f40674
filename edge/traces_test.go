package edge

import (
	"encoding/json"
	"strings"
	"testing"

	"meridian/api"
)

// TestBrowserErasesItself: what a browser can have erased is what its signed jar says, which forgets it then; a jar that was not signed here says nothing.
func TestBrowserErasesItself(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("traces.erase", api.None{})
	jar := codec.encode(Jar{Cart: "c1-cart", Visit: "visit-1", Orders: map[string]string{"o2": "k2", "o1": "k1"}})
	visitor := "; visitor=" + codec.encodeVisitor("visitor-1")
	asked := func(n int) (req api.Traces) {
		t.Helper()
		all := f.core.called("traces.erase")
		if len(all) != n {
			t.Fatalf("%d calls", len(all))
		}
		if err := json.Unmarshal(all[n-1].Body, &req); err != nil {
			t.Fatal(err)
		}
		return req
	}
	const tab = "0192f7a4-5b7e-7c3a-9d0e-3f1a2b4c5d6e"
	a := f.do("DELETE", "/api/v1/visits/me?visit="+tab, "", "Cookie", "mj="+jar+visitor).must(t, 204)
	if req := asked(1); req.Visitor != "visitor-1" || req.Session != "visit-1" || req.Tab != tab || strings.Join(req.Orders, " ") != "o1 o2" {
		t.Errorf("%+v", req)
	}
	left, ok, forgotten := Jar{}, false, false
	for _, c := range a.Cookies() {
		switch c.Name {
		case cookieJar:
			left, ok = codec.decode(c.Value)
		case cookieVisitor:
			forgotten = c.Value == ""
		}
	}
	if !ok || !forgotten || left.Visit != "" || left.Cart != "c1-cart" || len(left.Orders) != 2 {
		t.Errorf("the jar is %+v", left)
	}
	f.do("DELETE", "/api/v1/visits/me", "", "Cookie", "mj="+jar[:len(jar)-2]+"AA"+visitor[:len(visitor)-2]+"AA").must(t, 204)
	if req := asked(2); req.Visitor != "" || req.Session != "" || req.Tab != "" || len(req.Orders) != 0 {
		t.Errorf("a jar that somebody made: %+v", req)
	}
}

// TestPageErases: the page's form has erased the same, with the visit that its script names, and is a no from then on.
func TestPageErases(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("traces.erase", api.None{})
	f.form("/privacy", "choice", "yes").must(t, 303)
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
	visitor, visit, tab := codec.decodeVisitor(f.cookie(cookieVisitor)), f.jar().Visit, newID()
	f.do("GET", "/privacy", "").must(t, 200, `action="/privacy/erase"`)
	f.form("/privacy/erase", "visit", tab).must(t, 303)
	var req api.Traces
	if err := json.Unmarshal(f.core.called("traces.erase")[0].Body, &req); err != nil || visitor == "" || req.Visitor != visitor || visit == "" || req.Session != visit || req.Tab != tab {
		t.Errorf("%+v %v", req, err)
	}
	if j := f.jar(); j.Visit != "" || j.Cart == "" || f.cookie(cookieVisitor) != "" || f.cookie(cookieConsent) != "no" {
		t.Errorf("jar %+v, visitor %q, choice %q", j, f.cookie(cookieVisitor), f.cookie(cookieConsent))
	}
	f.do("GET", "/privacy", "").must(t, 200, "will be gone within 24 hours", "You said no.")
	f.do("POST", "/privacy/erase", "visit=", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").must(t, 403)
	f.core.says("traces.erase", api.NewError(api.CodeUnavailable, "Later."))
	f.form("/privacy/erase").must(t, 503)
}

// TestAccountErasesItsTraces: with the account goes what this browser did.
func TestAccountErasesItsTraces(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("customers.erase", api.Erasure{Kept: []string{}})
	jar := codec.encode(Jar{Visit: "visit-1", Orders: map[string]string{"o1": "k1"}})
	a := f.do("DELETE", "/api/v1/customers/me", "", "Cookie", "mj="+jar+"; session=tok; visitor="+codec.encodeVisitor("visitor-1")).must(t, 204)
	var req api.Traces
	if err := json.Unmarshal(f.core.called("customers.erase")[0].Body, &req); err != nil || req.Visitor != "visitor-1" || req.Session != "visit-1" || len(req.Orders) != 1 {
		t.Errorf("%+v %v", req, err)
	}
	for _, c := range a.Cookies() {
		if left, _ := codec.decode(c.Value); c.Name == cookieJar && (left.Visit != "" || len(left.Orders) > 0) || c.Name == cookieVisitor && c.Value != "" {
			t.Errorf("the browser keeps %s: %+v", c, left)
		}
	}
}

func TestStaffErases(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("staff.whoami", api.StaffIdentity{Email: "m@example.com", Role: "merchandiser"})
	f.core.says("traces.staff_erase", api.ErasedTraces{Orders: []string{"M-1001"}})
	f.do("POST", "/admin/api/v1/erasures", `{"order":"M-1001"}`, "Authorization", staffToken).must(t, 202, `"orders":["M-1001"]`)
	var req api.StaffErase
	if err := json.Unmarshal(f.core.called("traces.staff_erase")[0].Body, &req); err != nil || req.Order != "M-1001" || req.Visitor != "" {
		t.Errorf("%+v %v", req, err)
	}
}

package edge

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meridian/api"
)

func TestCartCreationTakesTheRegionsLocale(t *testing.T) {
	f := newShopFixture(t, nil)
	for _, c := range []struct{ body, currency, country string }{
		{`{}`, "EUR", "DE"}, {``, "EUR", "DE"}, {`{"currency":"USD","country":"US"}`, "USD", "US"}, {`{"country":"FR"}`, "EUR", "FR"}, {`{"currency":""}`, "", "DE"},
	} {
		f.do("POST", "/api/v1/carts", c.body).must(t, 201, `"id":"cart-1"`, `"lines":[]`)
		calls := f.core.called("carts.create")
		var req api.NewCart
		if err := json.Unmarshal(calls[len(calls)-1].Body, &req); err != nil {
			t.Fatal(err)
		}
		if req.Currency != c.currency || req.Country != c.country {
			t.Errorf("%s: %+v, want %s %s", c.body, req, c.currency, c.country)
		}
	}
}

func TestReplaysSaySo(t *testing.T) {
	f := newShopFixture(t, nil)
	body := `{"email":"a@example.com"}`
	f.core.on("carts.checkout", func(wireCall) wireAnswer {
		return wireAnswer{V: api.Order{ID: "o-1", Key: "k"}, Replay: true}
	})
	if a := f.do("POST", "/api/v1/carts/cart-1/checkout", body, "Idempotency-Key", "k").must(t, 201, `"key":"k"`); a.Header.Get("Idempotent-Replay") != "true" {
		t.Error("a repeated success does not say so")
	}
	f.core.on("carts.checkout", func(wireCall) wireAnswer {
		return wireAnswer{V: api.NewError(api.CodePaymentDeclined, "No."), Replay: true}
	})
	a := f.do("POST", "/api/v1/carts/cart-1/checkout", body, "Idempotency-Key", "k").must(t, 402, `"code":"payment_declined"`, `"request_id"`)
	if a.Header.Get("Idempotent-Replay") != "true" || a.Header.Get("Content-Type") != problemType {
		t.Errorf("a repeated refusal does not say so: %v", a.Header)
	}
}

func TestReadYourWrites(t *testing.T) {
	f := newShopFixture(t, nil)
	a := f.do("PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":2}`).must(t, 200)
	if got := a.Header.Get("X-Index"); got != "1-42" {
		t.Errorf("X-Index %q", got)
	}
	f.do("GET", "/api/v1/carts/cart-1", "").must(t, 200)
	calls := f.core.called("carts.get")
	if min := calls[len(calls)-1].Min; min != f.core.index {
		t.Errorf("the cart was read from %s on, want %s", min, f.core.index)
	}
}

func TestStaffCallsCarryTheirCredential(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.staff()
	level := api.StockLevel{SKU: "MUG-S", Location: "main", OnHand: 5, Index: api.Index{Timeline: 1, Raft: 9}}
	f.core.says("stock.set", level)
	f.core.says("stock.view", api.StockView{StockLevel: level})
	a := f.do("PUT", "/admin/api/v1/stock/MUG-S", `{"on_hand":5}`, "Authorization", staffToken, "Idempotency-Key", "k", "If-Match", `"1-9"`).must(t, 200, `"on_hand":5`)
	if a.Header.Get("ETag") != `"1-9"` {
		t.Errorf("ETag %q", a.Header.Get("ETag"))
	}
	call := f.core.called("stock.set")[0]
	if call.Credential != "staff:staff-token" || call.Key != "k" || !strings.Contains(string(call.Body), `"if_match":"1-9"`) {
		t.Errorf("the core saw %+v", call)
	}
	f.do("GET", "/admin/api/v1/stock/MUG-S", "", "Authorization", staffToken).must(t, 200, `"sku":"MUG-S"`, `"on_hand":5`, `"locations":[]`)
	f.core.says("stock.feed", api.StockFeedResult{Source: "wms", Applied: 1})
	f.do("POST", "/admin/api/v1/stock/feed", `{"source":"wms","sequence":4,"items":[{"sku":"MUG-S","on_hand":5}]}`, "Authorization", staffToken).must(t, 200, `"applied":1`, `"items":[]`)
	f.do("POST", "/admin/api/v1/stock/feed", `{"source":"wms","sequence":4,"items":[{"sku":"MUG-S","count":5}]}`, "Authorization", staffToken).must(t, 422, `"field":"items.0.count"`)
	f.core.says("locations.put", api.Locations{Index: at(12)})
	a = f.do("PUT", "/admin/api/v1/locations", `{"items":[{"id":"main"},{"id":"attic","priority":3,"active":false}],"next":null}`, "Authorization", staffToken, "If-Match", `"1-9"`).must(t, 200, `"items":[]`)
	if sent := string(f.core.called("locations.put")[0].Body); a.Header.Get("ETag") != `"1-12"` || !strings.Contains(sent, `{"id":"main","name":"","priority":0,"active":true},{"id":"attic","name":"","priority":3,"active":false}`) {
		t.Errorf("the core saw %s, the ETag is %q", sent, a.Header.Get("ETag"))
	}
	product := `{"handle":"mug","title":"Mug","variants":[{"sku":"MUG-S","prices":{"EUR":1999},"options":null,"on_hand":5}],"tags":null,"index":"1-9","status":"active"}`
	f.core.says("staff.products.put", api.StaffProduct{Handle: "mug"})
	f.do("PUT", "/admin/api/v1/products/mug", product, "Authorization", staffToken).must(t, 200, `"tags":[]`, `"variants":[]`)
	f.core.says("staff.products.import", api.ImportReport{Created: 1})
	f.do("POST", "/admin/api/v1/products/import?dry_run=true", "Handle,Title\nmug,Mug\n", "Authorization", staffToken, "Content-Type", "text/csv; charset=utf-8").must(t, 200, `"errors":[]`)
	var req api.ImportProducts
	if err := json.Unmarshal(f.core.called("staff.products.import")[0].Body, &req); err != nil || string(req.CSV) != "Handle,Title\nmug,Mug\n" || !req.DryRun || req.Partial {
		t.Errorf("import %+v (%v)", req, err)
	}
}

func TestSessionsAreCookies(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("customers.create", api.CustomerSession{Customer: api.Customer{ID: "c", Email: "a@example.com"}, Token: "tok-secret"})
	a := f.do("POST", "/api/v1/customers", `{"email":"a@example.com","password":"long enough","name":"A"}`).must(t, 201, `"email":"a@example.com"`)
	if strings.Contains(a.body, "tok-secret") {
		t.Error("the session's token is in the body")
	}
	if c := strings.Join(a.Header.Values("Set-Cookie"), "\n"); !strings.Contains(c, "session=tok-secret") || !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
		t.Errorf("cookies %s", c)
	}
	f.core.says("customers.me", api.Customer{ID: "c"})
	f.do("GET", "/api/v1/customers/me", "").must(t, 200)
	if got := f.core.called("customers.me")[0].Credential; got != "session:tok-secret" {
		t.Errorf("credential %q", got)
	}
	f.core.says("sessions.delete", api.None{})
	f.do("DELETE", "/api/v1/sessions/current", "").must(t, 204)
	f.do("GET", "/api/v1/customers/me", "").must(t, 401)
}

// A session that ended must not keep anybody from their cart.
func TestEndedSessionsAreForgotten(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("sessions.create", api.CustomerSession{Token: "tok-old"})
	f.do("POST", "/api/v1/sessions", `{"email":"a@example.com","password":"long enough"}`).must(t, 201)
	f.core.on("carts.create", func(c wireCall) wireAnswer {
		if c.Credential != "" {
			return wireAnswer{V: api.NewError(api.CodeUnauthorized, "Sign in first.")}
		}
		return wireAnswer{V: cartOf(0)}
	})
	a := f.do("POST", "/api/v1/carts", `{}`, "Idempotency-Key", "k").must(t, 201)
	if c := strings.Join(a.Header.Values("Set-Cookie"), "\n"); !strings.Contains(c, "session=;") {
		t.Errorf("the ended session stays: %s", c)
	}
	calls := f.core.called("carts.create")
	if len(calls) != 2 || calls[0].Credential != "session:tok-old" || calls[1].Credential != "" || calls[1].Key != "k" {
		t.Errorf("the core saw %+v", calls)
	}
	f.do("POST", "/api/v1/carts", `{}`, "Authorization", "Bearer wrong").must(t, 401)
}

func TestRecommendations(t *testing.T) {
	f := newShopFixture(t, nil)
	var out api.Recommendations
	a := f.do("GET", "/api/v1/recommendations?slot=home&limit=1", "").must(t, 200)
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	if out.Algorithm != "trending" || out.Slot != "home" || len(out.Items) != 1 || out.Items[0].Reason != popularReason || out.Items[0].Price != eur(1999) || out.Items[0].Image == nil {
		t.Errorf("%+v", out)
	}
	f.do("GET", "/api/v1/recommendations?product=mug", "").must(t, 200, `"slot":"product"`, `"items":[]`)
}

func TestListsAreNeverNull(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("products.get", api.Product{Handle: "bare", Variants: []api.Variant{{SKU: "X"}}})
	a := f.do("GET", "/api/v1/products/bare", "").must(t, 200, `"tags":[]`, `"images":[]`, `"collections":[]`, `"options":{}`, `"compare_at_price":null`)
	if strings.Contains(a.body, `"options":null`) {
		t.Error(a.body)
	}
	f.do("GET", "/api/v1/search/suggest?q=m", "").must(t, 200, `"queries":[]`, `"products":[]`)
}

// TestFiguresAreNotInPages: an answer that says how many there are goes when that figure changes; a page, which says it in words, stays.
func TestFiguresAreNotInPages(t *testing.T) {
	f := newShopFixture(t, nil)
	seen := 0
	for _, route := range f.shop.Routes() {
		if route.Method != "GET" || route.Class != Public {
			continue
		}
		params := map[string]string{"handle": "mug"}
		if strings.Contains(route.Pattern, "collections/") {
			params["handle"] = "kitchen"
		}
		a, err := route.Handler(t.Context(), &Request{Method: "GET", Path: route.Pattern, Params: params, Query: map[string][]string{"q": {"mug"}}, Locale: api.Locale{Currency: "EUR", Country: "DE"}})
		if err != nil || a.Tags == nil {
			continue
		}
		figure := a.ContentType == typeJSON && regexp.MustCompile(`"available":[0-9]`).Match(a.Body)
		if figure {
			seen++
		}
		if slices.Contains(a.Tags, api.TagStock("mug")) != figure || figure && !slices.Contains(a.Tags, api.TagProduct("mug")) {
			t.Errorf("%s: says a figure: %v, and has the tags %q", route.Pattern, figure, a.Tags)
		}
	}
	if seen < 4 {
		t.Errorf("%d answers with figures were looked at", seen)
	}
}

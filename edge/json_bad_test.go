package edge

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"meridian/analytics"
	"meridian/api"
)

const staffToken = "Bearer staff-token"

func TestBadInput(t *testing.T) {
	spool, err := analytics.Open(analytics.Config{Edge: "edge-eu", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := spool.Stats().Accepted; n != 0 {
			t.Errorf("%d events were recorded out of refused batches", n)
		}
		if err := spool.Close(); err != nil {
			t.Error(err)
		}
	})
	f := newShopFixture(t, func(c *ShopConfig) { c.Clicks, c.Reports = Clickstream{spool}, Clickstream{spool} })
	f.core.staff()
	big := func(n int) string { return `{"email":"` + strings.Repeat("x", n) + `"}` }
	cases := []struct {
		method, path, body string
		header             []string
		status             int
		code               api.Code
		field              string
	}{
		{"GET", "/api/v1/products?limit=0", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?limit=101", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?limit=-1", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?limit=ten", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?limit=1.5", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?limit=99999999999999999999", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?limit=5&limit=6", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products?after=" + strings.Repeat("a", 513), "", nil, 422, "invalid", "after"},
		{"GET", "/api/v1/products?after=a%20b", "", nil, 422, "invalid", "after"},
		{"GET", "/api/v1/products?sort=cheapest", "", nil, 422, "invalid", "sort"},
		{"GET", "/api/v1/products?collection=Caps", "", nil, 422, "invalid", "collection"},
		{"GET", "/api/v1/collections?limit=0", "", nil, 422, "invalid", "limit"},
		{"GET", "/api/v1/products/UPPER", "", nil, 404, "not_found", ""},
		{"GET", "/api/v1/products/nothing-here", "", nil, 404, "not_found", ""},
		{"GET", "/api/v1/products/..%2fmug", "", nil, 400, "malformed", ""},
		{"GET", "/api/v1/collections/" + strings.Repeat("a", 129), "", nil, 404, "not_found", ""},
		{"GET", "/api/v1/search?q=" + strings.Repeat("a", 201), "", nil, 422, "invalid", "q"},
		{"GET", "/api/v1/search?q=a&facet.type=x&facet.type=y", "", nil, 422, "invalid", "facet.type"},
		{"GET", "/api/v1/recommendations?slot=attic", "", nil, 422, "invalid", "slot"},
		{"GET", "/api/v1/recommendations?product=No", "", nil, 422, "invalid", "product"},
		{"GET", "/api/v1/shipping-methods?country=gb", "", nil, 422, "invalid", "country"},

		{"POST", "/api/v1/carts", `{"currency":`, nil, 400, "malformed", ""},
		{"POST", "/api/v1/carts", `{} {}`, nil, 400, "malformed", ""},
		{"POST", "/api/v1/carts", `{}]`, nil, 400, "malformed", ""},
		{"POST", "/api/v1/carts", "{\"currency\":\"\xff\"}", nil, 400, "malformed", ""},
		{"POST", "/api/v1/carts", `[]`, nil, 422, "invalid", "body"},
		{"POST", "/api/v1/carts", `null`, nil, 422, "invalid", "body"},
		{"POST", "/api/v1/carts", `{"Currency":"EUR"}`, nil, 422, "invalid", "Currency"},
		{"POST", "/api/v1/carts", `{"colour":"red"}`, nil, 422, "invalid", "colour"},
		{"POST", "/api/v1/carts", `{"currency":"EUR","currency":"USD"}`, nil, 422, "invalid", "currency"},
		{"POST", "/api/v1/carts", `{"currency":7}`, nil, 422, "invalid", "currency"},
		{"POST", "/api/v1/carts", `{"currency":"` + strings.Repeat("x", 5000) + `"}`, nil, 413, "too_large", ""},
		{"POST", "/api/v1/carts", `{}`, []string{"Content-Type", "text/html"}, 415, "unsupported_media_type", ""},
		{"POST", "/api/v1/carts", `{}`, []string{"Idempotency-Key", strings.Repeat("k", 129)}, 422, "invalid", "Idempotency-Key"},
		{"POST", "/api/v1/carts", `{}`, []string{"Idempotency-Key", "two words"}, 422, "invalid", "Idempotency-Key"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":-1}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":1000}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":1.5}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":1e2}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":"2"}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":null}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":99999999999999999999}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{}`, nil, 422, "invalid", "quantity"},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG-S", ``, nil, 400, "malformed", ""},
		{"PUT", "/api/v1/carts/cart-1/lines/MUG%20S", `{"quantity":1}`, nil, 422, "invalid", "sku"},
		{"PUT", "/api/v1/carts/cart-1/lines/" + strings.Repeat("M", 65), `{"quantity":1}`, nil, 422, "invalid", "sku"},
		{"DELETE", "/api/v1/carts/cart-1", "", nil, 405, "method_not_allowed", ""},

		{"POST", "/api/v1/carts/cart-1/checkout", `{`, nil, 422, "invalid", "Idempotency-Key"},
		{"POST", "/api/v1/carts/cart-1/checkout", `{`, []string{"Idempotency-Key", "k"}, 400, "malformed", ""},
		{"POST", "/api/v1/carts/cart-1/checkout", `{"shipping_address":{"street":"x"}}`, []string{"Idempotency-Key", "k"}, 422, "invalid", "shipping_address.street"},
		{"POST", "/api/v1/carts/cart-1/checkout", `{"shipping_address":[]}`, []string{"Idempotency-Key", "k"}, 422, "invalid", "shipping_address"},
		{"POST", "/api/v1/carts/cart-1/checkout", big(17 << 10), []string{"Idempotency-Key", "k"}, 413, "too_large", ""},
		{"POST", "/api/v1/carts/cart-1/checkout", big(900 << 10), []string{"Idempotency-Key", "k"}, 413, "too_large", ""},
		{"GET", "/api/v1/orders/" + strings.Repeat("o", 129), "", nil, 404, "not_found", ""},

		{"POST", "/api/v1/customers", `{"email":"a@example.com","role":"operator"}`, nil, 422, "invalid", "role"},
		{"POST", "/api/v1/sessions", `{"email":null}`, nil, 422, "invalid", "email"},
		{"GET", "/api/v1/customers/me", "", nil, 401, "unauthorized", ""},
		{"DELETE", "/api/v1/visits/me?visit=x", "", nil, 422, "invalid", "visit"},
		{"DELETE", "/api/v1/visits/me?visit=0192f7a4-5b7e-4c3a-9d0e-3f1a2b4c5d6e", "", nil, 422, "invalid", "visit"},
		{"DELETE", "/api/v1/visits/me?visit=0192f7a45b7e7c3a9d0e3f1a2b4c5d6e", "", nil, 422, "invalid", "visit"},
		{"POST", "/admin/api/v1/erasures", `{"visitor":"v"}`, nil, 401, "unauthorized", ""},
		{"POST", "/admin/api/v1/erasures", `{"visitors":"v"}`, []string{"Authorization", staffToken}, 422, "invalid", "visitors"},
		{"POST", "/admin/api/v1/erasures", `{"visitor":7}`, []string{"Authorization", staffToken}, 422, "invalid", "visitor"},
		{"GET", "/api/v1/customers/me/orders?limit=0", "", nil, 422, "invalid", "limit"},

		{"POST", "/api/v1/events", `{"events":[]}`, nil, 422, "invalid", "events"},
		{"POST", "/api/v1/events", `{"events":[{"id":"x","type":"view_item","at":"2026-01-01T00:00:00Z","session":"s"}]}`, nil, 422, "invalid", "events.0.id"},
		{"POST", "/api/v1/events", `{"events":[{"id":"0190f3a4-0000-7000-8000-000000000001","type":"hack","at":"now","session":"s"}]}`, nil, 422, "invalid", "events.0.type"},
		{"POST", "/api/v1/events", `{"events":[` + strings.Repeat(`{},`, 100) + `{}]}`, nil, 422, "invalid", "events"},
		{"POST", "/api/v1/events", `{"events":[` + strings.Repeat(" ", 65<<10) + `]}`, nil, 413, "too_large", ""},

		{"GET", "/admin/api/v1/analytics", "", nil, 401, "unauthorized", ""},
		{"GET", "/admin/api/v1/analytics/overview?from=yesterday", "", []string{"Authorization", staffToken}, 422, "invalid", "from"},
		{"GET", "/admin/api/v1/analytics/overview?from=2026-02-01&to=2026-01-01", "", []string{"Authorization", staffToken}, 422, "invalid", "from"},
		{"GET", "/admin/api/v1/analytics/overview?interval=year", "", []string{"Authorization", staffToken}, 422, "invalid", "interval"},
		{"GET", "/admin/api/v1/analytics/overview", "", []string{"Authorization", staffToken}, 503, "unavailable", ""},
		{"GET", "/admin/api/v1/orders?status=lost", "", []string{"Authorization", staffToken}, 422, "invalid", "status"},
		{"PUT", "/admin/api/v1/products/mug", `{"handle":"cup"}`, []string{"Authorization", staffToken}, 422, "invalid", "handle"},
		{"PUT", "/admin/api/v1/products/mug", `{"variants":[{"sku":"A","price":1}]}`, []string{"Authorization", staffToken}, 422, "invalid", "variants.0.price"},
		{"PUT", "/admin/api/v1/products/mug", `{"variants":[{"sku":"A","prices":{"EUR":"19.99"}}]}`, []string{"Authorization", staffToken}, 422, "invalid", "variants.0.prices.EUR"},
		{"PUT", "/admin/api/v1/products/mug", `{}`, []string{"Authorization", staffToken, "If-Match", `"yesterday"`}, 412, "precondition_failed", ""},
		{"PUT", "/admin/api/v1/products/No_Good", `{}`, []string{"Authorization", staffToken}, 422, "invalid", "handle"},
		{"POST", "/admin/api/v1/products/import", "Handle\n\xff\n", []string{"Authorization", staffToken, "Content-Type", "text/csv"}, 400, "malformed", ""},
		{"POST", "/admin/api/v1/products/import?partial=maybe", "Handle\n", []string{"Authorization", staffToken, "Content-Type", "text/csv"}, 422, "invalid", "partial"},
		{"POST", "/admin/api/v1/products/import", `{}`, []string{"Authorization", staffToken}, 415, "unsupported_media_type", ""},
		{"PUT", "/admin/api/v1/stock/MUG-S", `{"on_hand":5}`, []string{"Authorization", staffToken}, 422, "invalid", "Idempotency-Key"},
		{"PUT", "/admin/api/v1/stock/MUG-S", `{"on_hand":-5}`, []string{"Authorization", staffToken, "Idempotency-Key", "k"}, 422, "invalid", "on_hand"},
		{"PUT", "/admin/api/v1/stock/MUG-S", `{}`, []string{"Authorization", staffToken, "Idempotency-Key", "k"}, 422, "invalid", "on_hand"},
		{"PUT", "/admin/api/v1/stock/MUG-S", `{"on_hand":5}`, []string{"Authorization", staffToken, "Idempotency-Key", "k", "If-Match", "seven"}, 412, "precondition_failed", ""},
		{"POST", "/admin/api/v1/stock/MUG-S/adjust", `{"delta":1}`, []string{"Authorization", staffToken}, 422, "invalid", "Idempotency-Key"},
		{"POST", "/admin/api/v1/stock/MUG-S/adjust", `{"reason":"count"}`, []string{"Authorization", staffToken, "Idempotency-Key", "k"}, 422, "invalid", "delta"},
		{"POST", "/admin/api/v1/stock/MUG-S/adjust", `{"delta":9000000000000000000}`, []string{"Authorization", staffToken, "Idempotency-Key", "k"}, 422, "invalid", "delta"},
		{"POST", "/admin/api/v1/stock/M%C3%BCG/adjust", `{"delta":1}`, []string{"Authorization", staffToken, "Idempotency-Key", "k"}, 422, "invalid", "sku"},
		{"POST", "/admin/api/v1/orders/o-1/cancel", `{}`, []string{"Authorization", staffToken}, 422, "invalid", "Idempotency-Key"},
		{"POST", "/admin/api/v1/orders/o-1/refund", `{"amount":"all"}`, []string{"Authorization", staffToken, "Idempotency-Key", "k"}, 422, "invalid", "amount"},
		{"PUT", "/admin/api/v1/waiting-rooms/drop", `{"rate":"fast"}`, []string{"Authorization", staffToken}, 422, "invalid", "rate"},
		{"PUT", "/admin/api/v1/waiting-rooms/drop", `{"rate":1e999}`, []string{"Authorization", staffToken}, 422, "invalid", "rate"},
		{"PUT", "/admin/api/v1/waiting-rooms/drop", `{"rate":0}`, []string{"Authorization", staffToken}, 422, "invalid", "rate"},
		{"POST", "/admin/api/v1/cache/purge", `{}`, []string{"Authorization", staffToken}, 422, "invalid", "tags"},
		{"POST", "/admin/api/v1/cache/purge", `{"tags":["product/mug"]}`, []string{"Authorization", staffToken}, 422, "invalid", "tags"},
		{"POST", "/admin/api/v1/cache/purge", `{"paths":["/search*"]}`, []string{"Authorization", staffToken}, 422, "invalid", "paths"},
		{"POST", "/admin/api/v1/cache/purge", `{"paths":["products/mug"]}`, []string{"Authorization", staffToken}, 422, "invalid", "paths"},
		{"POST", "/admin/api/v1/cache/purge", `{"paths":["/products/mug?x=1"]}`, []string{"Authorization", staffToken}, 422, "invalid", "paths"},
		{"POST", "/admin/api/v1/cluster/members", `{"id":"core-us","role":"boss"}`, []string{"Authorization", operatorToken}, 422, "invalid", "role"},
		{"POST", "/admin/api/v1/assets?name=..%2fx", "png", []string{"Authorization", staffToken, "Content-Type", "image/png"}, 422, "invalid", "name"},
	}
	for _, c := range cases {
		a := f.do(c.method, c.path, c.body, c.header...)
		var e api.Error
		if err := json.Unmarshal([]byte(a.body), &e); err != nil {
			t.Errorf("%s %.80s %.80s: not a problem document: %d %.200s", c.method, c.path, c.body, a.StatusCode, a.body)
			continue
		}
		if a.StatusCode != c.status || e.Code != c.code || e.Status != c.status {
			t.Errorf("%s %.80s %.80s: %d %s, want %d %s: %.300s", c.method, c.path, c.body, a.StatusCode, e.Code, c.status, c.code, a.body)
		}
		if c.field != "" && (len(e.Errors) == 0 || e.Errors[0].Field != c.field) {
			t.Errorf("%s %.80s %.80s: fields %v, want %s", c.method, c.path, c.body, e.Errors, c.field)
		}
		if a.Header.Get("Content-Type") != problemType || a.Header.Get("X-Request-Id") == "" || e.RequestID != a.Header.Get("X-Request-Id") {
			t.Errorf("%s %.80s: headers %v and request id %q", c.method, c.path, a.Header, e.RequestID)
		}
	}
	for _, name := range []string{"carts.create", "carts.put_line", "carts.checkout", "stock.set", "stock.adjust", "staff.products.put", "cache.purge", "customers.create"} {
		if n := len(f.core.called(name)); n != 0 {
			t.Errorf("%d refused requests reached %s", n, name)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"email":"a","version":1,"shipping_address":{"name":"x"}}`, `{"email":null}`, `{"a":1}{`, "{\"email\":\"\xff\"}", `[[[[`, `{"version":1e9}`, `{"version":-0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var c api.Checkout
		err := decodeJSON(body, &c)
		if err != nil {
			if code := api.CodeOf(err); code != api.CodeMalformed && code != api.CodeInvalid {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		// What is accepted survives a round trip, and the lenient decoder reads the same.
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again, lenient api.Checkout
		if err := decodeJSON(out, &again); err != nil {
			t.Fatalf("%q became %q: %v", body, out, err)
		}
		if err := json.Unmarshal(body, &lenient); err != nil {
			t.Fatalf("%q: accepted, but encoding/json says %v", body, err)
		}
		one, _ := json.Marshal(again)
		two, _ := json.Marshal(lenient)
		if string(one) != string(out) || string(two) != string(out) {
			t.Fatalf("%q reads as %s, %s and %s", body, out, one, two)
		}
	})
}

// FuzzDecodeQuickly: what the quick way reads, the strict way takes too, and reads the same.
func FuzzDecodeQuickly(f *testing.F) {
	for _, seed := range []string{`{}`, `{"events":[{"id":"a","type":"view_item","at":"x","session":"s","items":[{"item_id":"mug","quantity":1,"price":{"amount":1,"currency":"EUR"}}],"results":3}]}`,
		`{"events":[{"results":1.0}]}`, `{"events":[{"results":-0}]}`, `{"Events":[]}`, `{"events":[],"events":[]}`, `{"events":null}`, `{"events":[{"query":"\ud800"}]}`, `{"handle":"a","variants":[{"sku":"A","prices":{"EUR":5}}]}`,
		`{"handle":"a","handle":"b"}`, ` {"tags":["a"]} `, `{}{}`, `{"cart_id":"c","email":"e","version":7,"shipping_address":{"name":"n"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, of := range []func() any{func() any { return &api.EventBatch{} }, func() any { return &api.StaffProduct{} }, func() any { return &api.Checkout{} }, func() any { return &purgeBody{} }} {
			quick, strict := of(), of()
			if !decodeQuickly(body, quick) {
				if !reflect.DeepEqual(quick, strict) {
					t.Fatalf("%q left %+v behind", body, quick)
				}
				continue
			}
			if err := decodeStrictly(body, strict); err != nil {
				t.Fatalf("%q is read quickly, and refused: %v", body, err)
			}
			if !reflect.DeepEqual(quick, strict) {
				t.Fatalf("%q reads as %+v and as %+v", body, quick, strict)
			}
		}
	})
}

func FuzzParams(f *testing.F) {
	f.Add("24", "cursor", "price", "mug", "1-7")
	f.Add("-1", " ", "x", "Mug", `"0-0"`)
	f.Add("999999999999999999999", "\xff", "", "..", "*")
	f.Fuzz(func(t *testing.T, limit, after, sort, handle, match string) {
		p := params{query: map[string][]string{"limit": {limit}, "after": {after}, "sort": {sort}, "collection": {handle}, "facet." + handle: {after}, "from": {limit}, "to": {after}}}
		page := p.page()
		if page.Limit < 0 || page.Limit > maxLimit || len(page.After) > maxCursor {
			t.Fatalf("limit %q, after %q gave %+v", limit, after, page)
		}
		if s := p.choice("sort", sorts); s != "" && s != sort {
			t.Fatalf("sort %q gave %q", sort, s)
		}
		if h := p.handle("collection"); h != "" && !validHandle(h) {
			t.Fatalf("handle %q gave %q", handle, h)
		}
		p.facets()
		if err := p.err(); err != nil && api.CodeOf(err) != api.CodeInvalid {
			t.Fatal(err)
		}
		if i, err := ifMatch(match); err == nil && !i.IsZero() && !strings.Contains(match, i.String()) && !strings.ContainsAny(match, "+0") {
			t.Fatalf("If-Match %q gave %s", match, i)
		}
		if path := localPath(handle, "/"); path[0] != '/' || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
			t.Fatalf("%q leads to %q", handle, path)
		}
	})
}

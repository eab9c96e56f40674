package edge

import (
	"encoding/json"
	"strings"
	"testing"

	"meridian/api"
)

const operatorToken = "Bearer operator-token"

// staff makes the core know a merchandiser and an operator.
func (c *wireCore) staff() {
	c.on("staff.whoami", func(call wireCall) wireAnswer {
		switch "Bearer " + strings.TrimPrefix(call.Credential, "staff:") {
		case staffToken:
			return wireAnswer{V: api.StaffIdentity{Email: "m@example.com", Role: roleMerchandiser}}
		case operatorToken:
			return wireAnswer{V: api.StaffIdentity{Email: "o@example.com", Role: roleOperator}}
		}
		return wireAnswer{V: api.NewError(api.CodeUnauthorized, "This is for the shop's staff.")}
	})
}

// Who may not do a thing hears that before anything about the body, except that a key is missing.
func TestStaffRightsComeBeforeTheBody(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.staff()
	const base = "/admin/api/v1"
	merchandiser, operator := staffToken, operatorToken
	for _, c := range []struct{ method, path, other string }{
		{"PUT", "/products/mug", operator}, {"POST", "/products/import", operator}, {"POST", "/assets?name=a", operator},
		{"PUT", "/collections/caps", operator}, {"PUT", "/stock/MUG-S", operator}, {"POST", "/stock/MUG-S/adjust", operator},
		{"POST", "/orders/o-1/cancel", operator}, {"POST", "/orders/o-1/fulfil", operator}, {"POST", "/orders/o-1/refund", operator},
		{"PUT", "/locations", operator}, {"POST", "/stock/feed", operator}, {"POST", "/cluster/members", merchandiser}, {"POST", "/cluster/leader", merchandiser},
	} {
		f.do(c.method, base+c.path, "{", "Idempotency-Key", "k").must(t, 401, `"code":"unauthorized"`)
		f.do(c.method, base+c.path, "{", "Idempotency-Key", "k", "Authorization", "Bearer nobody").must(t, 401)
		f.do(c.method, base+c.path, "{", "Idempotency-Key", "k", "Authorization", c.other).must(t, 403, `"code":"forbidden"`)
	}
	f.do("GET", base+"/orders?limit=0", "").must(t, 401)
	f.do("PUT", base+"/stock/MUG-S", "{").must(t, 422, "Idempotency-Key")
	f.do("POST", base+"/products/import", strings.Repeat("Handle\n", 100_000), "Content-Type", "text/csv").must(t, 401)
	for _, who := range []string{merchandiser, operator} {
		f.do("POST", base+"/outbox/ack", "{", "Authorization", who).must(t, 400, `"code":"malformed"`)
		f.do("GET", base+"/outbox?consumer=erp&limit=1001", "", "Authorization", who).must(t, 422, `"field":"limit"`)
		f.do("POST", base+"/cache/purge", "{", "Authorization", who).must(t, 400, `"code":"malformed"`)
	}
}

// A refused import is a problem document and reads as a report of nothing imported.
func TestBrokenImport(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.staff()
	e := api.NewError(api.CodeInvalid, "Nothing was imported.")
	e.Errors = []api.FieldError{{Field: "Variant Price", Message: "twelve is not a number", Line: 4, Column: "Variant Price"}}
	f.core.says("staff.products.import", e)
	a := f.do("POST", "/admin/api/v1/products/import", "Handle\nmug\n", "Authorization", staffToken, "Content-Type", "text/csv")
	a.must(t, 422, `"code":"invalid"`, `"status":422`, `"created":0`, `"updated":0`, `"unchanged":0`, `"line":4,"column":"Variant Price"`)
	var told api.Error
	if err := json.Unmarshal([]byte(a.body), &told); err != nil || told.RequestID != a.Header.Get("X-Request-Id") || a.Header.Get("Content-Type") != problemType {
		t.Errorf("%v %+v %v", err, told, a.Header)
	}
}

func TestCollectionsByPage(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("collections.list", api.List[api.Collection]{Items: []api.Collection{{Handle: "caps"}, {Handle: "mugs"}, {Handle: "rugs"}}})
	const list = "/api/v1/collections"
	f.do("GET", list, "").must(t, 200, `"caps"`, `"rugs"`, `"next":null`)
	f.do("GET", list+"?limit=2", "").must(t, 200, `"next":"mugs"`)
	if a := f.do("GET", list+"?limit=2&after=mugs", "").must(t, 200, `"rugs"`, `"next":null`); strings.Contains(a.body, "caps") {
		t.Errorf("the second page holds the first: %s", a.body)
	}
	f.do("GET", list+"?after=rugs", "").must(t, 200, `"items":[]`, `"next":null`)
	f.do("GET", list+"?after=hats", "").must(t, 422, `"field":"after"`)
}

func TestRefundTakesMoney(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.staff()
	var order api.StaffOrder
	order.ID, order.Totals.Total = "o-1", eur(5000)
	f.core.says("orders.staff_get", order)
	f.core.says("orders.refund", order)
	refund := func(body string) answered {
		return f.do("POST", "/admin/api/v1/orders/o-1/refund", body, "Authorization", staffToken, "Idempotency-Key", "k")
	}
	refund(`{"amount":{"amount":500,"currency":"USD"}}`).must(t, 422, `"field":"amount.currency"`)
	refund(`{"amount":{"amount":500,"currency":"EUR"},"why":""}`).must(t, 422, `"field":"why"`)
	if n := len(f.core.called("orders.refund")); n != 0 {
		t.Fatalf("%d refused refunds reached the core", n)
	}
	refund(`{"amount":{"amount":500,"currency":"EUR"},"reason":"late"}`).must(t, 200)
	refund(`{"amount":500,"reason":"late"}`).must(t, 200)
	calls := f.core.called("orders.refund")
	if string(calls[0].Body) != string(calls[1].Body) || !strings.Contains(string(calls[0].Body), `"amount":500`) {
		t.Errorf("the core saw %s and %s", calls[0].Body, calls[1].Body)
	}
}

// The answer to a change of leaders says who leads when it has happened.
func TestLeaderTransferIsAwaited(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.staff()
	f.core.says("cluster.lead", api.Cluster{})
	var asked int
	f.core.on("cluster.get", func(wireCall) wireAnswer {
		if asked++; asked < 3 {
			return wireAnswer{V: api.Cluster{Leader: "core-eu", Timeline: 1}}
		}
		return wireAnswer{V: api.Cluster{Leader: "core-us", Timeline: 1}}
	})
	f.do("POST", "/admin/api/v1/cluster/leader", `{"id":"core-us"}`, "Authorization", operatorToken).must(t, 200, `"leader":"core-us"`)
}

// An address that cannot be read is refused in the shop's look, too, to who came with a browser.
func TestBadAddressesArePagesForBrowsers(t *testing.T) {
	f := newShopFixture(t, nil)
	for _, path := range []string{"/products/..%2fmug", "/products/%FF"} {
		if a := f.do("GET", path, "", "Accept", "text/html").must(t, 400, `href="/"`); a.Header.Get("Content-Type") != typeHTML {
			t.Errorf("%s: %v", path, a.Header)
		}
		f.do("GET", path, "", "Accept", typeJSON).must(t, 400, `"code":"malformed"`)
		f.do("GET", "/api/v1"+path, "", "Accept", "text/html").must(t, 400, `"code":"malformed"`)
	}
}

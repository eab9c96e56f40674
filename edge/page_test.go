package edge

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

func TestPublicPages(t *testing.T) {
	f := newShopFixture(t, nil)
	f.clicks.trending = []string{"mug"}
	f.do("GET", "/", "").must(t, 200, "Mug &lt;teal&gt;", "€19.99", popularReason, "/collections/kitchen", `href="https://shop.example/"`)
	page := f.do("GET", "/products/mug", "").must(t, 200, "Mug &lt;teal&gt;", "€19.99", "€25.00", "Delivered between Tue 24 and Thu 26 November", `"@type":"Product"`, `"price":"1234.50"`, "MUG-S", "3 left")
	if strings.Contains(page.body, "Mug <teal>") {
		t.Error("a title got into the page unescaped")
	}
	f.do("GET", "/products/mug?sku=MUG-L", "").must(t, 200, "€1,234.50")
	f.do("GET", "/collections/kitchen?sort=price", "").must(t, 200, "Kitchen", "Mug &lt;teal&gt;")
	f.do("GET", "/collections/kitchen?facet.type=Mugs", "").must(t, 200, "Type: Mugs")
	f.do("GET", "/search?q=%3Cscript%3E", "").must(t, 200, "Search: &lt;script&gt;")
	f.do("GET", "/errors/out_of_stock", "").must(t, 200, "out_of_stock")
	f.do("GET", "/errors/nonsense", "", "Accept", "text/html").must(t, 404, "Not found")
	f.do("GET", "/products/none", "", "Accept", "text/html").must(t, 404, "<html", "There is no such product.")
	f.do("GET", "/sitemap.xml", "").must(t, 200, "<loc>https://shop.example/products/mug</loc>", "<loc>https://shop.example/collections/kitchen</loc>")
	f.do("GET", "/robots.txt", "").must(t, 200, "Disallow: /checkout", "Sitemap: https://shop.example/sitemap.xml")
	f.do("GET", "/openapi.json", "").must(t, 200, `"openapi": "3.1.0"`)
	f.do("GET", "/favicon.ico", "").must(t, 200, "<svg")
}

// What is cached belongs to nobody: no cookie, session or cart of the asker may shape it.
func TestPublicPagesKnowNobody(t *testing.T) {
	f := newShopFixture(t, nil)
	f.core.says("sessions.create", api.CustomerSession{Customer: api.Customer{ID: "c1", Email: "ann@example.com", Name: "Ann"}, Token: "tok-ann"})
	f.do("POST", "/api/v1/sessions", `{"email":"ann@example.com","password":"long enough"}`).must(t, 201)
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
	for _, path := range []string{"/", "/products/mug", "/collections/kitchen", "/search?q=mug", "/api/v1/products", "/api/v1/recommendations"} {
		a := f.do("GET", path, "").must(t, 200)
		if strings.Contains(a.body, "ann@") || strings.Contains(a.body, "Ann") || len(a.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: something personal in a cached answer", path)
		}
	}
	for _, name := range []string{"products.list", "products.get", "collections.list", "search"} {
		for _, call := range f.core.called(name) {
			if call.Credential != "" {
				t.Errorf("%s was asked with the credential %q", name, call.Credential)
			}
		}
	}
}

func TestCartForms(t *testing.T) {
	f := newShopFixture(t, nil)
	cart := cartOf(0)
	f.core.on("carts.get", func(wireCall) wireAnswer { return wireAnswer{V: cart} })
	f.core.on("carts.put_line", func(c wireCall) wireAnswer {
		var req api.PutLine
		_ = json.Unmarshal(c.Body, &req)
		if req.SKU == "NONE" {
			return wireAnswer{V: api.NewError(api.CodeNotFound, "This product does not exist any more.")}
		}
		cart = cartOf(req.Quantity)
		return wireAnswer{V: cart}
	})
	f.do("GET", "/cart", "").must(t, 200, "Nothing in it yet")
	if a := f.form("/cart", "action", "add", "sku", "MUG-S", "quantity", "2").must(t, 303); a.Header.Get("Location") != "/cart" {
		t.Errorf("Location %q", a.Header.Get("Location"))
	}
	f.do("GET", "/cart", "").must(t, 200, "Added to your cart.", "€39.98", "€10.02 more, and delivery is free")
	if a := f.do("GET", "/cart", "").must(t, 200); strings.Contains(a.body, "Added to your cart.") {
		t.Error("the sentence was said twice")
	}
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
	f.form("/cart", "action", "update", "sku", "MUG-S", "quantity", "7").must(t, 303)
	if a := f.do("GET", "/cart", "").must(t, 200, "Only 3 left"); strings.Contains(a.body, "notice good") {
		t.Error("seven of three were put into the cart, and the page says that all is well")
	}
	for _, bad := range [][]string{
		{"action", "update", "sku", "MUG-S", "quantity", "-1"}, {"action", "update", "sku", "MUG-S", "quantity", "1000"}, {"action", "add", "sku", "MUG-S", "quantity", "0"},
		{"action", "update", "sku", "MUG-S", "quantity", "two"}, {"action", "add", "sku", "no good"}, {"action", "dance", "sku", "MUG-S"}, {"action", "add"},
	} {
		f.form("/cart", bad...).must(t, 422, "<html", "notice bad")
	}
	f.form("/cart", "action", "add", "sku", "NONE").must(t, 404, "This product does not exist any more.", "MUG-S")
	f.form("/cart", "action", "remove", "sku", "MUG-S").must(t, 303)
	f.do("GET", "/cart", "").must(t, 200, "Removed from your cart.", "Nothing in it yet")

	var quantities []int64
	for _, call := range f.core.called("carts.put_line") {
		var req api.PutLine
		_ = json.Unmarshal(call.Body, &req)
		quantities = append(quantities, req.Quantity)
	}
	if want := []int64{2, 3, 7, 1, 0}; !slices.Equal(quantities, want) {
		t.Errorf("the core was told %v, want %v", quantities, want)
	}
	if n := len(f.core.called("carts.create")); n != 1 {
		t.Errorf("%d carts were made", n)
	}
}

var hiddenKey = regexp.MustCompile(`name="key" value="([^"]+)"`)

func keyOn(t *testing.T, a answered) string {
	t.Helper()
	m := hiddenKey.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no key in the page: %.2000s", a.body)
	}
	return m[1]
}

func typedCheckout(key string, more ...string) []string {
	return append([]string{"key", key, "version", "7", "email", "ann@example.com", "name", "Ann O'Neil", "line1", "1 <Main> St", "city", "Berlin", "postal_code", "10115",
		"country", "DE", "shipping_method", "standard", "payment_token", "tok_ok"}, more...)
}

func TestCheckoutForm(t *testing.T) {
	f := newShopFixture(t, nil)
	if a := f.do("GET", "/checkout", "").must(t, 303); a.Header.Get("Location") != "/cart" {
		t.Error("an empty cart can be checked out")
	}
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
	first := keyOn(t, f.do("GET", "/checkout", "").must(t, 200, "Standard delivery", "€4.90", "€24.89", "Test card that pays"))

	// The page has shown the total for the United States; the form now says Germany.
	f.form("/checkout", typedCheckout(first, "priced_for", "US")...).must(t, 409, "look at the new total", `name="priced_for" value="DE"`, "€24.89", `value="Ann O&#39;Neil"`)
	if n := len(f.core.called("carts.checkout")); n != 0 {
		t.Errorf("%d orders were placed at a total that nobody saw", n)
	}
	refusals := []struct {
		refusal *api.Error
		texts   []string
		newKey  bool
	}{
		{api.InvalidFields([]api.FieldError{{Field: "email", Message: "Give a mail address."}, {Field: "shipping_address.city", Message: "Give a city."}, {Field: "payment.token", Message: "Choose a card."}}),
			[]string{"Give a mail address.", `href="#email"`, `href="#city"`, `href="#payment_token"`, `aria-invalid="true"`}, true},
		{api.NewError(api.CodePaymentDeclined, "No."), []string{"The payment was declined. You have not been charged"}, true},
		{&api.Error{Status: 409, Code: api.CodeOutOfStock, Title: "Not enough", Lines: []api.StockLine{{SKU: "MUG-S", Requested: 1, Available: 0}}}, []string{"Sold out. Remove it to go on."}, true},
		{api.NewError(api.CodeCartChanged, "Changed."), []string{"have changed"}, true},
		{api.NewError(api.CodeOutcomeUnknown, "Unknown."), []string{"you will not be charged twice"}, false},
		{api.NewError(api.CodePaymentUnavailable, "Down."), []string{"Payments are not available right now."}, false},
	}
	key := first
	for _, c := range refusals {
		f.core.says("carts.checkout", c.refusal)
		a := f.form("/checkout", typedCheckout(key)...).must(t, c.refusal.Status, append(c.texts, `value="ann@example.com"`, `value="Ann O&#39;Neil"`, `value="1 &lt;Main&gt; St"`, `value="10115"`)...)
		if next := keyOn(t, a); (next != key) != c.newKey {
			t.Errorf("%s: the key went from %s to %s", c.refusal.Code, key, next)
		} else {
			key = next
		}
	}
	// Another card after a failed payment is another purchase: it goes with a new key, unasked.
	f.core.says("carts.checkout", api.NewError(api.CodeKeyReused, "Used."))
	before := len(f.core.called("carts.checkout"))
	f.form("/checkout", typedCheckout(key)...).must(t, 422)
	if again := f.core.called("carts.checkout")[before:]; len(again) != 2 || again[0].Key == again[1].Key {
		t.Errorf("a used key was tried %d times", len(again))
	}
	f.core.says("carts.checkout", api.Order{ID: "o-1", Number: "1001", Key: "secret", Status: api.OrderPaid})
	f.core.on("orders.get", func(c wireCall) wireAnswer {
		if !strings.Contains(string(c.Body), `"secret"`) {
			return wireAnswer{V: api.NewError(api.CodeNotFound, "There is no such order.")}
		}
		return wireAnswer{V: api.Order{ID: "o-1", Number: "1001", Status: api.OrderPaid, PlacedAt: "2026-11-21T10:00:00Z", Totals: cartOf(1).Totals, Events: []api.OrderEvent{{At: "2026-11-21T10:00:00Z", Status: api.OrderPaid}}}}
	})
	if a := f.form("/checkout", typedCheckout(key)...).must(t, 303); a.Header.Get("Location") != "/orders/o-1?key=secret" {
		t.Errorf("Location %q", a.Header.Get("Location"))
	}
	f.do("GET", "/orders/o-1", "").must(t, 200, "1001", "Thank you", "Paid", "21 November 2026")
	f.do("GET", "/api/v1/orders/o-1", "").must(t, 200, `"number":"1001"`, `"lines":[]`)
	f.do("GET", "/cart", "").must(t, 200, "Nothing in it yet")
	f.form("/checkout", typedCheckout(key)...).must(t, 303)

	calls := f.core.called("carts.checkout")
	if len(calls) < len(refusals)+1 || calls[0].Key != first {
		t.Fatalf("the core saw %d checkouts, the first with key %q, want %q", len(calls), calls[0].Key, first)
	}
	if last := calls[len(calls)-1]; last.Key != key {
		t.Errorf("the purchase went with key %q, want %q", last.Key, key)
	}
	stranger := &http.Client{CheckRedirect: f.client.CheckRedirect}
	f.client = stranger
	f.do("GET", "/orders/o-1", "", "Accept", "text/html").must(t, 404)
	f.do("GET", "/orders/o-1?key=secret", "").must(t, 200, "1001")
}

func TestAccountPages(t *testing.T) {
	f := newShopFixture(t, nil)
	if a := f.do("GET", "/account", "").must(t, 303); a.Header.Get("Location") != "/sign-in?next=/account" {
		t.Errorf("Location %q", a.Header.Get("Location"))
	}
	f.do("GET", "/sign-in?next=//evil.example", "").must(t, 200, `name="next" value="/account"`)
	f.do("GET", "/register", "").must(t, 200, `action="/register"`)
	f.core.says("sessions.create", api.NewError(api.CodeUnauthorized, "No."))
	f.form("/sign-in", "email", "ann@example.com", "password", "wrong-password", "next", "/account").must(t, 422, "is not right", `value="ann@example.com"`)
	f.core.says("sessions.create", api.CustomerSession{Customer: api.Customer{Name: "Ann"}, Token: "tok-ann"})
	f.form("/sign-in", "email", "ann@example.com", "password", "right-password", "next", "/account").must(t, 303)
	f.core.on("customers.me", func(c wireCall) wireAnswer {
		if c.Credential != "session:tok-ann" {
			return wireAnswer{V: api.NewError(api.CodeUnauthorized, "Sign in first.")}
		}
		return wireAnswer{V: api.Customer{ID: "c", Email: "ann@example.com", Name: "Ann"}}
	})
	f.core.says("customers.orders", api.List[api.Order]{Items: []api.Order{{ID: "o-1", Number: "1001", Status: api.OrderFulfilled, Totals: cartOf(1).Totals}}})
	f.do("GET", "/account", "").must(t, 200, "Ann", "1001", "Sent", "€24.89", "Welcome, Ann.")
	f.core.says("sessions.delete", api.None{})
	f.form("/sign-out").must(t, 303)
	f.do("GET", "/account", "").must(t, 303)
	f.core.says("customers.create", api.Invalid("password", "Use at least 10 characters."))
	f.form("/register", "email", "bob@example.com", "name", "Bob", "password", "short").must(t, 422, "Use at least 10 characters.", `value="Bob"`)
}

func TestDesk(t *testing.T) {
	f := newShopFixture(t, nil)
	if a := f.do("GET", "/admin/operations", "").must(t, 303); a.Header.Get("Location") != "/admin/sign-in?next=/admin/operations" {
		t.Errorf("Location %q", a.Header.Get("Location"))
	}
	role := roleMerchandiser
	f.core.on("staff.sign_in", func(wireCall) wireAnswer {
		return wireAnswer{V: api.StaffIdentity{Email: "m@example.com", Role: role, Token: "tok-" + role}}
	})
	f.core.on("staff.whoami", func(c wireCall) wireAnswer {
		if c.Credential != "staff:tok-"+role {
			return wireAnswer{V: api.NewError(api.CodeUnauthorized, "Sign in first.")}
		}
		return wireAnswer{V: api.StaffIdentity{Email: "m@example.com", Role: role}}
	})
	f.core.says("locations.list", api.Locations{Items: []api.Location{{ID: "attic", Name: "Under the roof"}, {ID: "main", Active: true, Priority: 5}}})
	f.core.says("rooms.list", api.List[api.Room]{Items: []api.Room{{ID: "drop", Product: "mug", Rate: 12.5, Arrived: 4321, Admitted: 21}}})
	f.core.says("orders.list", api.List[api.StaffOrder]{Items: []api.StaffOrder{{Order: api.Order{ID: "o-1", Number: "1001", Status: api.OrderPaid, Totals: cartOf(1).Totals}}}})
	f.form("/admin/sign-in", "email", "m@example.com", "password", "p").must(t, 303)
	f.do("GET", "/admin/", "").must(t, 200, "m@example.com", "1001", "Under the roof", "Waiting rooms", "4,300", "12.5", `href="/admin/analytics"`)
	f.do("GET", "/admin/analytics", "").must(t, 200, "Reports are switched off")
	f.do("GET", "/admin/operations", "", "Accept", "text/html").must(t, 403, "<html")
	role = roleOperator
	f.form("/admin/sign-in", "email", "o@example.com", "password", "p").must(t, 303)
	f.core.says("cluster.get", api.Cluster{Leader: "core-eu", Term: 3, Members: []api.Member{{ID: "core-eu", Role: "voter", Healthy: true}}, Edges: []api.Edge{{ID: "edge-us", Region: "us"}}})
	f.do("GET", "/admin/operations", "").must(t, 200, "core-eu (leads)", "edge-us", "Term 3")
	f.form("/admin/sign-out").must(t, 303)
	f.do("GET", "/admin/", "").must(t, 303)
}

func TestEvents(t *testing.T) {
	f := newShopFixture(t, nil)
	const event = `{"events":[{"id":"0190f3a4-0000-7000-8000-000000000001","type":"view_item","at":"%","session":"s-1","items":[{"item_id":"mug","price":{"amount":1999,"currency":"EUR"}}]}]}`
	now := strings.Replace(event, "%", f.shop.cfg.Now().UTC().Format("2006-01-02T15:04:05Z"), 1)
	f.do("POST", "/api/v1/events", now).must(t, 202, `{"accepted":1}`)
	f.do("POST", "/api/v1/events", now, "Content-Type", "text/plain;charset=UTF-8").must(t, 202)
	f.do("POST", "/api/v1/events", now, "User-Agent", "Googlebot/2.1").must(t, 202)
	if got := f.clicks.types(); len(got) != 2 {
		t.Errorf("recorded %v, want two view_item and nothing of the robot", got)
	}
	// What the edge saw belongs to the visit that the page's script names, and to one visitor.
	const visit = "0190f3a4-0000-7000-8000-0000000000ff"
	f.form("/privacy", "choice", "yes").must(t, 303)
	f.shop.cfg.Now = func() time.Time { return time.UnixMilli(0x0190f3a40000).Add(time.Hour) }
	f.form("/cart", "action", "add", "sku", "MUG-S", "quantity", "2", "visit", visit).must(t, 303)
	f.do("GET", "/checkout", "").must(t, 200)
	f.form("/cart", "action", "remove", "sku", "MUG-S").must(t, 303)
	f.do("POST", "/cart", "action=add&sku=MUG-S", "Content-Type", "application/x-www-form-urlencoded", "User-Agent", "Googlebot/2.1").must(t, 303)
	if got, want := f.clicks.types()[2:], []string{"add_to_cart", "begin_checkout", "remove_from_cart"}; !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
	for _, e := range f.clicks.events[2:] {
		if e.Session != visit || e.Visitor == "" || e.Visitor != f.clicks.events[2].Visitor || len(e.Items) != 1 || e.Items[0].ItemID != "mug" {
			t.Errorf("event %+v", e)
		}
	}
	// A beacon never writes the jar: it would undo what the form beside it wrote.
	if a := f.do("POST", "/api/v1/events", now, "Sec-Fetch-Site", "same-origin"); len(a.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("a beacon set %v", a.Header.Values("Set-Cookie"))
	}
	f.clicks.refuse = errors.New("the disk is full")
	if a := f.do("POST", "/api/v1/events", now).must(t, 503, `"code":"unavailable"`); strings.Contains(a.body, "disk") {
		t.Error("something internal in an answer")
	}
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 303)
}

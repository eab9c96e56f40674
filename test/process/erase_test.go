package process

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
	"meridian/test/scenario"
)

// browser keeps its cookies.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, base, &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

func (b *browser) do(method, path string, body, into any) {
	b.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", uuid.NewString())
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		b.t.Fatalf("%s %s: status %d", method, path, resp.StatusCode)
	}
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			b.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// add agrees to be remembered, puts one of a SKU into the cart by the page's form, and gives the cart's id out of the jar.
func (b *browser) add(sku string) string {
	b.t.Helper()
	b.form("/privacy", url.Values{"choice": {"yes"}})
	return b.form("/cart", url.Values{"sku": {sku}, "quantity": {"1"}})
}

// form sends a page's form and gives the id of the cart that the jar has then.
func (b *browser) form(path string, form url.Values) string {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.base)
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		b.t.Fatalf("POST %s: status %d", path, resp.StatusCode)
	}
	for _, c := range b.client.Jar.Cookies(req.URL) {
		payload, _, _ := strings.Cut(c.Value, ".")
		var jar struct {
			Cart string `json:"c"`
		}
		if text, err := base64.RawURLEncoding.DecodeString(payload); err == nil && json.Unmarshal(text, &jar) == nil && jar.Cart != "" {
			return jar.Cart
		}
	}
	return ""
}

// TestErasedCustomerLeavesTheTables: a customer buys, what they did and bought is in ClickHouse, they erase their account, and within minutes no table names them, while
// the order and its money stay, as does what another customer did.
func TestErasedCustomerLeavesTheTables(t *testing.T) {
	s := near.shop(t)
	sku := fmt.Sprintf("ERASE-%d", time.Now().UnixNano())
	s.PutProduct(strings.ToLower(sku), sku, 500, 2)
	type known struct{ order, visitor, session string }
	buy := func(b *browser) (k known) {
		t.Helper()
		b.do("POST", "/api/v1/customers", api.NewCustomer{Email: uuid.NewString() + "@example.com", Password: "a long password", Name: "Ada"}, nil)
		cart := b.add(sku)
		var o api.Order
		b.do("POST", "/api/v1/carts/"+cart+"/checkout", s.Checkout(0, cart, uuid.NewString(), "tok_ok").Body, &o)
		b.do("POST", "/api/v1/events", api.EventBatch{Events: []api.Event{{ID: uuid.NewString(), Type: "view_item", At: time.Now().UTC().Format(time.RFC3339), Items: []api.EventItem{{ItemID: strings.ToLower(sku)}}}}}, nil)
		k.order = o.ID
		eventually(t, "the order to arrive", func() bool {
			got, err := near.ClickHouse("SELECT visitor, session FROM sales WHERE kind = 'order_placed' AND order_id = '" + o.ID + "' FORMAT TSV")
			k.visitor, k.session, _ = strings.Cut(got, "\t")
			return err == nil && k.session != ""
		})
		return k
	}
	count := func(k known) string {
		t.Helper()
		got, err := near.ClickHouse(fmt.Sprintf("SELECT (SELECT count() FROM events WHERE visitor = '%[1]s' OR session = '%[2]s') > 0, (SELECT count() FROM orders WHERE visitor = '%[1]s' OR session = '%[2]s'), (SELECT count() FROM orders WHERE order_id = '%[3]s' AND total > 0) FORMAT TSV",
			k.visitor, k.session, k.order))
		if err != nil {
			return err.Error()
		}
		return got
	}
	ada, bob := newBrowser(t, s.Edge(0)), newBrowser(t, s.Edge(1))
	hers, his := buy(ada), buy(bob)
	if hers.visitor == "" || hers.visitor == his.visitor {
		t.Fatalf("visitors %q and %q", hers.visitor, his.visitor)
	}
	for _, k := range []known{hers, his} {
		eventually(t, "the clicks to arrive", func() bool { return count(k) == "1\t1\t1" })
	}
	began := time.Now()
	ada.do("DELETE", "/api/v1/customers/me", nil, nil)
	const patience = 4 * time.Minute
	for count(hers) != "0\t0\t1" {
		if time.Since(began) > patience {
			t.Fatalf("after %s: events, orders that name her, orders: %q", patience, count(hers))
		}
		<-time.After(time.Second)
	}
	t.Logf("gone after %s", time.Since(began).Round(time.Second))
	if got := count(his); got != "1\t1\t1" {
		t.Errorf("another's: %q", got)
	}
	if o := scenario.Must[api.StaffOrder](s, scenario.Request{Method: "GET", URL: s.Edge(0) + "/admin/api/v1/orders/" + hers.order, Token: s.Staff}); o.Status == "" {
		t.Errorf("the order is %+v", o)
	}
}

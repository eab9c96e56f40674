package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

type client struct {
	t    *testing.T
	base string
	http *http.Client
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func start(t *testing.T, dir string) (*client, *Server) {
	t.Helper()
	s, err := New(Config{Dir: dir, Slow: 30 * time.Millisecond, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &client{t: t, base: "http://" + ln.Addr().String(), http: &http.Client{Timeout: 5 * time.Second}}, s
}

type reply struct {
	Charge
	Code   string  `json:"code"`
	Nested *Charge `json:"charge"`
}

func (c *client) do(method, path, body string) (int, reply) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	var r reply
	if err := json.NewDecoder(res.Body).Decode(&r); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, r
}

func charge(key, token string, amount int64) string {
	return fmt.Sprintf(`{"key":%q,"order":"o-1","token":%q,"amount":%d,"currency":"EUR"}`, key, token, amount)
}

func (c *client) want(method, path, body string, status int, state, code string) reply {
	c.t.Helper()
	got, r := c.do(method, path, body)
	if got != status || r.State != state || r.Code != code {
		c.t.Fatalf("%s %s %s: status %d state %q code %q, want %d %q %q", method, path, body, got, r.State, r.Code, status, state, code)
	}
	return r
}

func TestLifeOfACharge(t *testing.T) {
	c, _ := start(t, t.TempDir())
	key := "1/o-1/1/authorize"
	p := "/charges/" + url.PathEscape(key)
	first := c.want("POST", "/charges", charge(key, TokenOK, 1999), 200, StateAuthorized, "")
	again := c.want("POST", "/charges", charge(key, TokenOK, 1999), 200, StateAuthorized, "")
	if first.ID != again.ID {
		t.Fatalf("a repeat made a second charge: %s, %s", first.ID, again.ID)
	}
	c.want("POST", "/charges", charge(key, TokenOK, 2000), 409, "", "key_reused")
	c.want("POST", p+"/refund", `{"refund_key":"r1","amount":1}`, 409, "", "state")
	if r := c.want("POST", p+"/capture", "", 200, StateCaptured, ""); r.Captured != 1999 {
		t.Fatalf("captured %d", r.Captured)
	}
	c.want("POST", p+"/capture", "", 200, StateCaptured, "")
	c.want("POST", p+"/void", "", 409, "", "state")
	c.want("POST", p+"/refund", `{"refund_key":"r1","amount":999}`, 200, StateCaptured, "")
	if r := c.want("POST", p+"/refund", `{"refund_key":"r1","amount":999}`, 200, StateCaptured, ""); r.Refunded != 999 {
		t.Fatalf("a repeated refund gave back %d in all", r.Refunded)
	}
	c.want("POST", p+"/refund", `{"refund_key":"r1","amount":998}`, 409, "", "key_reused")
	c.want("POST", p+"/refund", `{"refund_key":"r2","amount":1001}`, 409, "", "too_much")
	c.want("POST", p+"/refund", `{"refund_key":"r2","amount":1000}`, 200, StateRefunded, "")
	c.want("GET", p, "", 200, StateRefunded, "")
}

func TestTokens(t *testing.T) {
	c, _ := start(t, t.TempDir())
	if r := c.want("POST", "/charges", charge("d", TokenDeclined, 1), 200, StateDeclined, ""); r.DeclineCode != "card_declined" {
		t.Fatal(r.DeclineCode)
	}
	if r := c.want("POST", "/charges", charge("i", "4242", 1), 200, StateDeclined, ""); r.DeclineCode != "invalid_token" {
		t.Fatal(r.DeclineCode)
	}
	began := time.Now()
	c.want("POST", "/charges", charge("s", TokenSlow, 1), 200, StateAuthorized, "")
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Fatalf("tok_slow answered after %v", took)
	}
	c.want("POST", "/charges", charge("e", TokenError, 1), 500, "", "internal")
	c.want("POST", "/charges", charge("e", TokenError, 1), 500, "", "internal")
	c.want("GET", "/charges/e", "", 404, "", "not_found")
}

func TestUnknownTokenAuthorisesWithoutAnswering(t *testing.T) {
	c, _ := start(t, t.TempDir())
	impatient := http.Client{Timeout: 200 * time.Millisecond}
	_, err := impatient.Post(c.base+"/charges", "application/json", bytes.NewReader([]byte(charge("u", TokenUnknown, 5))))
	if err == nil {
		t.Fatal("the first request was answered")
	}
	c.want("GET", "/charges/u", "", 200, StateAuthorized, "")
	c.want("POST", "/charges", charge("u", TokenUnknown, 5), 200, StateAuthorized, "")
}

func TestVoidOfAnUnseenKeyRefusesALateAuthorise(t *testing.T) {
	dir := t.TempDir()
	c, s := start(t, dir)
	c.want("POST", "/charges/late/void", "", 200, StateVoided, "")
	c.want("POST", "/charges", charge("late", TokenOK, 5), 200, StateVoided, "")
	c.want("POST", "/charges/late/capture", "", 409, "", "state")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c, _ = start(t, dir)
	c.want("POST", "/charges", charge("late", TokenOK, 5), 200, StateVoided, "")
}

func TestListsByOrderAndInPages(t *testing.T) {
	c, _ := start(t, t.TempDir())
	for i := range 5 {
		c.want("POST", "/charges", charge(fmt.Sprintf("k%d", i), TokenOK, 1), 200, StateAuthorized, "")
	}
	c.want("POST", "/charges", `{"key":"other","order":"o-2","token":"tok_ok","amount":7,"currency":"USD"}`, 200, StateAuthorized, "")
	get := func(query string) (items []Charge, next *string) {
		res, err := c.http.Get(c.base + "/charges" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var page struct {
			Items []Charge
			Next  *string
		}
		if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		return page.Items, page.Next
	}
	if items, _ := get("?order=o-2"); len(items) != 1 || items[0].Amount != 7 {
		t.Fatalf("order o-2: %+v", items)
	}
	seen, after := 0, ""
	for {
		items, next := get("?limit=4&after=" + after)
		seen += len(items)
		if next == nil {
			break
		}
		after = *next
	}
	if seen != 6 {
		t.Fatalf("paging saw %d of 6 charges", seen)
	}
	all, _ := get("")
	since := url.QueryEscape(all[5].ChangedAt)
	if items, _ := get("?changed_since=" + since); len(items) != 1 || items[0].Key != "other" {
		t.Fatalf("changed since the last one: %+v", items)
	}
	c.want("POST", "/charges/k1/capture", "", 200, StateCaptured, "")
	if items, next := get("?limit=1&changed_since=" + since); len(items) != 1 || items[0].Key != "k1" || next == nil || items[0].ChangedAt == items[0].CreatedAt {
		t.Fatalf("after k1 changed: %+v", items)
	}
	c.want("GET", "/charges?changed_since=yesterday", "", 422, "", "invalid")
	if items, _ := get("?order=nobody"); items == nil || len(items) != 0 {
		t.Fatalf("an order without charges: %v", items)
	}
}

func TestBadInput(t *testing.T) {
	c, _ := start(t, t.TempDir())
	c.want("POST", "/charges", `{`, 400, "", "malformed")
	c.want("POST", "/charges", `{"surprise":1}`, 400, "", "malformed")
	c.want("POST", "/charges", charge("", TokenOK, 1), 422, "", "invalid")
	c.want("POST", "/charges", charge("k", TokenOK, -1), 422, "", "invalid")
	c.want("POST", "/charges", `{"key":"k","order":"o","token":"tok_ok","amount":1,"currency":"euro"}`, 422, "", "invalid")
	c.want("POST", "/charges", string(bytes.Repeat([]byte(" "), maxBody+1)), 413, "", "too_large")
	c.want("POST", "/charges/k/capture", "", 404, "", "not_found")
	c.want("POST", "/charges/k/refund", `{"refund_key":"r","amount":0}`, 422, "", "invalid")
	c.want("GET", "/charges?limit=0", "", 422, "", "invalid")
}

func TestPageShowsChargesEscaped(t *testing.T) {
	c, _ := start(t, t.TempDir())
	c.want("POST", "/charges", `{"key":"k","order":"<b>o</b>","token":"tok_ok","amount":1999,"currency":"EUR"}`, 200, StateAuthorized, "")
	res, err := c.http.Get(c.base + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if !bytes.Contains(body, []byte("19.99 EUR")) || !bytes.Contains(body, []byte("&lt;b&gt;o")) || bytes.Contains(body, []byte("<b>o")) {
		t.Fatalf("page:\n%s", body)
	}
}

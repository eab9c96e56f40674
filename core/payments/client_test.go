package payments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/core"
	"meridian/deploy/local/payments/sandbox"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// provider starts the real sandbox.
func provider(t *testing.T) string {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{Dir: t.TempDir(), Slow: 50 * time.Millisecond, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln)
	t.Cleanup(func() { s.Close() })
	return "http://" + ln.Addr().String()
}

func client(t *testing.T, url string, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: url, Timeout: 2 * time.Second, Logger: quiet()}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ask(key, token string) core.PaymentRequest {
	return core.PaymentRequest{Key: key, Order: "o-1", Token: token, Amount: 1999, Currency: "EUR"}
}

func TestAgainstTheSandbox(t *testing.T) {
	ctx := context.Background()
	c := client(t, provider(t), nil)
	key := "1/o-1/1/authorize" // slashes must survive the path
	want := func(res core.PaymentResult, err error, state core.PaymentState) core.PaymentResult {
		t.Helper()
		if err != nil || res.State != state {
			t.Fatalf("%+v, %v; want %s", res, err, state)
		}
		return res
	}
	step := func(state core.PaymentState, f func() (core.PaymentResult, error)) core.PaymentResult {
		t.Helper()
		res, err := f()
		return want(res, err, state)
	}
	lookup := func() (core.PaymentResult, error) { return c.Lookup(ctx, key) }
	capture := func() (core.PaymentResult, error) { return c.Capture(ctx, key) }
	step(core.PaymentUnknown, lookup)
	step(core.PaymentUnknown, capture)
	step(core.PaymentAuthorized, func() (core.PaymentResult, error) { return c.Authorize(ctx, ask(key, "tok_ok")) })
	step(core.PaymentCaptured, capture)
	step(core.PaymentCaptured, lookup)
	step(core.PaymentCaptured, func() (core.PaymentResult, error) { return c.Void(ctx, key) })
	if _, err := c.Refund(ctx, key, "r1", 2000); !errors.Is(err, ErrRefused) {
		t.Fatalf("more than captured was refunded: %v", err)
	}
	res := step(core.PaymentRefunded, func() (core.PaymentResult, error) { return c.Refund(ctx, key, "r1", 1999) })
	if res.Refunded != 1999 || res.Charge == "" {
		t.Fatalf("%+v", res)
	}
	if _, err := c.Authorize(ctx, core.PaymentRequest{Key: key, Order: "o-2", Token: "tok_ok", Amount: 1, Currency: "EUR"}); !errors.Is(err, ErrRefused) {
		t.Fatalf("the key with another body: %v", err)
	}
	if res, err := c.Authorize(ctx, ask("d", "tok_declined")); err != nil || res.State != core.PaymentDeclined || res.DeclineCode != "card_declined" {
		t.Fatalf("%+v, %v", res, err)
	}
	step(core.PaymentVoided, func() (core.PaymentResult, error) { return c.Void(ctx, "late") })
	step(core.PaymentVoided, func() (core.PaymentResult, error) { return c.Authorize(ctx, ask("late", "tok_ok")) })
}

func TestChangedListsInPages(t *testing.T) {
	ctx := context.Background()
	c := client(t, provider(t), nil)
	const charges = 2*pageSize + 7
	for i := range charges {
		if _, err := c.Authorize(ctx, ask(fmt.Sprintf("k%d", i), "tok_ok")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Capture(ctx, "k3"); err != nil {
		t.Fatal(err)
	}
	all := func(since time.Time) map[string]core.PaymentCharge {
		seen := map[string]core.PaymentCharge{}
		for after, more := "", true; more; {
			page, next, err := c.Changed(ctx, since, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, ch := range page {
				seen[ch.Key] = ch
			}
			after, more = next, next != ""
		}
		return seen
	}
	seen := all(time.Now().Add(-time.Hour))
	if len(seen) != charges || seen["k3"].State != core.PaymentCaptured || seen["k3"].Captured != 1999 || seen["k4"].Currency != "EUR" || seen["k4"].Charge == "" {
		t.Errorf("%d of %d, k3 is %+v, k4 %+v", len(seen), charges, seen["k3"], seen["k4"])
	}
	if later := all(time.Now().Add(time.Hour)); len(later) != 0 {
		t.Errorf("%d charges of the future", len(later))
	}
}

func TestAnUnknownOutcomeIsAnErrorAndLookupKnows(t *testing.T) {
	ctx := context.Background()
	c := client(t, provider(t), func(cfg *Config) { cfg.Timeout = 300 * time.Millisecond })
	if res, err := c.Authorize(ctx, ask("u", "tok_unknown")); err == nil || errors.Is(err, ErrUnavailable) {
		t.Fatalf("%+v, %v", res, err)
	}
	if res, err := c.Lookup(ctx, "u"); err != nil || res.State != core.PaymentAuthorized {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := c.Authorize(ctx, ask("e", "tok_error")); err == nil {
		t.Fatal("a 500 was taken for an answer")
	}
	if res, err := c.Lookup(ctx, "e"); err != nil || res.State != core.PaymentUnknown {
		t.Fatalf("%+v, %v", res, err)
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	var down atomic.Bool
	var calls atomic.Int64
	down.Store(true)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		io.WriteString(w, `{"id":"ch_1","state":"authorized"}`)
	}))
	defer srv.Close()
	ctx := context.Background()
	c := client(t, srv.URL, func(cfg *Config) { cfg.Failures, cfg.OpenFor = 3, 50*time.Millisecond })
	for range 3 {
		if _, err := c.Authorize(ctx, ask("k", "tok_ok")); err == nil || errors.Is(err, ErrUnavailable) {
			t.Fatalf("an answer of 502: %v", err)
		}
	}
	if _, err := c.Authorize(ctx, ask("k", "tok_ok")); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("after three failures: %v", err)
	}
	if n := calls.Load(); n != 3 || !c.Open() {
		t.Fatalf("%d calls reached the provider, open %v", n, c.Open())
	}
	down.Store(false)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if res, err := c.Authorize(ctx, ask("k", "tok_ok")); err == nil {
			if res.State != core.PaymentAuthorized {
				t.Fatalf("%+v", res)
			}
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("never recovered: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestACallerThatGivesUpDoesNotOpenTheBreaker(t *testing.T) {
	c := client(t, provider(t), func(cfg *Config) { cfg.Failures = 2 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 10 {
		if _, err := c.Lookup(ctx, "k"); err == nil {
			t.Fatal("answered a cancelled call")
		}
	}
	if c.Open() {
		t.Fatal("cancelled calls opened the breaker")
	}
}

func TestStrangeAnswersAreUnknown(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "<html>", "a state of tomorrow": `{"state":"disputed"}`, "too long": `{"state":"` + strings.Repeat("x", answerBytes) + `"}`, "empty": "",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
		c := client(t, srv.URL, nil)
		if res, err := c.Authorize(context.Background(), ask("k", "tok_ok")); err == nil {
			t.Errorf("%s: taken for %+v", name, res)
		}
		srv.Close()
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8150", "ftp://x", "http://"} {
		if _, err := New(Config{URL: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

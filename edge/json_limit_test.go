package edge

import (
	"strconv"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimiter(0, 5, func() time.Time { return now })
	for i := range 50 {
		if !l.take("a") {
			t.Fatalf("write %d of a burst was refused", i+1)
		}
	}
	if l.take("a") {
		t.Fatal("there is no limit")
	}
	if !l.take("b") {
		t.Fatal("one address is limited by another's writes")
	}
	now = now.Add(time.Second)
	for range 5 {
		if !l.take("a") {
			t.Fatal("a second brought fewer than five writes")
		}
	}
	if l.take("a") {
		t.Fatal("a second brought more than five writes")
	}
	for i := range maxLimited + 10 {
		l.take(strconv.Itoa(i))
	}
	if n := len(l.buckets); n > maxLimited+1 {
		t.Fatalf("%d addresses are kept", n)
	}
	now = now.Add(time.Minute)
	l.take("new")
	if n := len(l.buckets); n > maxLimited {
		t.Fatalf("%d addresses are kept after a minute", n)
	}
	if !newLimiter(-1, 5, time.Now).take("a") {
		t.Fatal("no limit refuses")
	}
}

func TestLimitsReachTheClient(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Limits = Limits{CartWrites: 0.1, Checkouts: 0.1, SignIns: 0.1} })
	for _, c := range []struct{ first, path, body string }{
		{"/api/v1/carts", "/api/v1/carts", `{}`}, {"/api/v1/carts/c/checkout", "/api/v1/carts/c/checkout", `{`}, {"/api/v1/sessions", "/api/v1/sessions", `{`},
	} {
		if a := f.do("POST", c.first, c.body, "Idempotency-Key", "k"); a.StatusCode == 429 {
			t.Errorf("%s: the first was refused", c.path)
		}
		a := f.do("POST", c.path, c.body, "Idempotency-Key", "k").must(t, 429, `"code":"rate_limited"`)
		if a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", c.path)
		}
	}
	f.form("/cart", "action", "add", "sku", "MUG-S").must(t, 429, "<html")
}

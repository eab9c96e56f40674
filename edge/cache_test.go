package edge

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"meridian/api"
)

func wantStatus(t *testing.T, s *Server, path, want string, header ...string) (body string) {
	t.Helper()
	resp, body := get(t, s, path, header...)
	if got := resp.Header.Get("Cache-Status"); !strings.HasPrefix(got, want) {
		t.Fatalf("%s: Cache-Status %q, want %q…", path, got, want)
	}
	return body
}

func TestHitAfterMiss(t *testing.T) {
	shop := newShopStub()
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = newFakeFeed() })
	resp, body := get(t, s, "/products/mug")
	h := resp.Header
	if resp.StatusCode != 200 || h.Get("Cache-Status") != "meridian-eu; fwd=miss; fwd-status=200; ttl=3599; stored" {
		t.Fatalf("%d %v", resp.StatusCode, h)
	}
	for name, want := range map[string]string{"X-Region": "eu", "X-Index": "1-100", "Vary": "Accept-Encoding",
		"Cache-Control": "public, max-age=0, must-revalidate", "X-Content-Type-Options": "nosniff", "Strict-Transport-Security": ""} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
	}
	if !strings.HasPrefix(h.Get("Server-Timing"), "edge;dur=") || len(h.Values("Set-Cookie")) != 0 || h.Get("X-Request-Id") == "" {
		t.Errorf("%v", h)
	}
	resp, again := get(t, s, "/products/mug?utm_source=x", "X-Request-Id", "mine-1")
	if again != body || !strings.HasPrefix(resp.Header.Get("Cache-Status"), "meridian-eu; hit; ttl=35") || resp.Header.Get("Age") != "0" || resp.Header.Get("X-Request-Id") != "mine-1" {
		t.Fatalf("%v", resp.Header)
	}
	// An allowed parameter is another page, in whatever order it stands.
	wantStatus(t, s, "/products/mug?color=red&facet.size=L", "meridian-eu; fwd=miss")
	wantStatus(t, s, "/products/mug?x=1&facet.size=L&color=red", "meridian-eu; hit")
	if shop.count() != 2 {
		t.Fatalf("%d fills, want 2", shop.count())
	}
}

func TestCachedAnswersKnowNobody(t *testing.T) {
	var seen []Request
	routes := append(newShopStub().routes(), Route{Method: "GET", Pattern: "/who", Handler: func(_ context.Context, r *Request) (*Answer, error) {
		seen = append(seen, *r)
		return &Answer{ContentType: "text/plain", Body: []byte("x"), Tags: []string{"t"}}, nil
	}})
	s := startServer(t, routes, nil)
	get(t, s, "/who", "Cookie", "session=abc; staff=def", "Authorization", "Bearer ghi", "Referer", "http://x/", "User-Agent", "bot", "Idempotency-Key", "k", "If-Match", "1", "X-Index", "1-5")
	r := seen[0]
	if r.Jar.Session != "" || r.Jar.Staff != "" || r.Call.Credential != "" || r.Call.Key != "" || r.Client != "" || r.Referer != "" || r.Source != (EventSource{}) || r.IfMatch != "" || !r.Call.Min.IsZero() {
		t.Fatalf("a cached answer could depend on %+v", r)
	}
}

func TestPublicAnswersSetNoCookies(t *testing.T) {
	routes := []Route{{Method: "GET", Pattern: "/", Handler: func(context.Context, *Request) (*Answer, error) {
		return &Answer{Body: []byte("x"), Tags: []string{"t"}, Jar: &Jar{Cart: "c"}}, nil
	}}}
	if resp, _ := get(t, startServer(t, routes, nil), "/"); resp.StatusCode != 500 || len(resp.Cookies()) != 0 {
		t.Fatalf("%d %v", resp.StatusCode, resp.Cookies())
	}
}

func TestVariants(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	resp, plain := get(t, s, "/products/mug")
	if resp, _ := get(t, s, "/products/mug", "Accept-Encoding", "br, gzip"); resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("before it is polished: %v", resp.Header)
	}
	polished(t, s, "/products/mug")
	tags := map[string]bool{resp.Header.Get("ETag"): true}
	for accept, want := range map[string]string{"gzip": "gzip", "br": "br", "gzip, deflate, br, zstd": "br", "*": "br", "br;q=0, gzip;q=0.5": "gzip",
		"br;q=0, *;q=0": "", "identity": "", "GZIP": "gzip", "gzip;q=0.0": "", "x;q=1": ""} {
		resp, body := get(t, s, "/products/mug", "Accept-Encoding", accept)
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
			continue
		}
		var rd io.Reader = strings.NewReader(body)
		switch want {
		case "br":
			rd = brotli.NewReader(rd)
		case "gzip":
			var err error
			if rd, err = gzip.NewReader(rd); err != nil {
				t.Fatal(err)
			}
		}
		decoded, err := io.ReadAll(rd)
		if err != nil || string(decoded) != plain {
			t.Errorf("%q: decodes to %d bytes, %v", accept, len(decoded), err)
		}
		tags[resp.Header.Get("ETag")] = true
	}
	if len(tags) != 3 {
		t.Errorf("strong ETags differ per encoding: %v", tags)
	}
	if resp, _ := get(t, s, "/", "Accept-Encoding", "br"); resp.Header.Get("Content-Encoding") != "" {
		t.Error("a tiny body was compressed")
	}
}

func TestNotModified(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	get(t, s, "/products/mug")
	polished(t, s, "/products/mug")
	resp, _ := get(t, s, "/products/mug", "Accept-Encoding", "br")
	tag := resp.Header.Get("ETag")
	for value, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, strings.Replace(tag, "-br", "", 1): 200} {
		resp, body := get(t, s, "/products/mug", "Accept-Encoding", "br", "If-None-Match", value)
		if resp.StatusCode != want || want == 304 && (body != "" || resp.Header.Get("ETag") != tag || resp.Header.Get("Vary") == "") {
			t.Errorf("%s: %d, %d bytes, %v", value, resp.StatusCode, len(body), resp.Header)
		}
	}
}

func TestFilesHaveRanges(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	resp, body := get(t, s, "/assets/a.jpg", "Range", "bytes=2-4")
	if resp.StatusCode != 206 || body != "234" || resp.Header.Get("Content-Range") != "bytes 2-4/10" || resp.Header.Get("Cache-Control") != string(controlImmutable) {
		t.Fatalf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	tag := resp.Header.Get("ETag")
	for _, c := range []struct {
		spec, cond string
		status     int
		body       string
	}{
		{"bytes=7-", "", 206, "789"}, {"bytes=-2", "", 206, "89"}, {"bytes=-99", "", 206, "0123456789"}, {"bytes=5-999", "", 206, "56789"},
		{"bytes=10-", "", 416, ""}, {"bytes=-0", "", 416, ""}, {"bytes=0-1,3-4", "", 200, "0123456789"}, {"bytes=4-2", "", 200, "0123456789"},
		{"items=0-1", "", 200, "0123456789"}, {"bytes=0-1", tag, 206, "01"}, {"bytes=0-1", `"other"`, 200, "0123456789"},
	} {
		resp, body := get(t, s, "/assets/a.jpg", "Range", c.spec, "If-Range", c.cond)
		if resp.StatusCode != c.status || body != c.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.spec, c.cond, resp.StatusCode, body, c.status, c.body)
		}
	}
	// Pages have no ranges.
	if resp, _ := get(t, s, "/products/mug", "Range", "bytes=0-1"); resp.StatusCode != 200 {
		t.Errorf("a range of a page: %d", resp.StatusCode)
	}
}

func TestAHundredMissesAreOneFill(t *testing.T) {
	shop := newShopStub()
	shop.setGate(make(chan struct{}))
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = newFakeFeed() })
	var wg sync.WaitGroup
	var mu sync.Mutex
	how := map[string]int{}
	for range 100 {
		wg.Go(func() {
			resp, body := get(t, s, "/products/mug")
			mu.Lock()
			defer mu.Unlock()
			how[strings.Split(resp.Header.Get("Cache-Status"), "ttl")[0]+lastWord(resp.Header.Get("Cache-Status"))]++
			if resp.StatusCode != 200 || !strings.Contains(body, "price=10") {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	eventually(t, "99 wait for one", func() bool {
		s.flights.mu.Lock()
		defer s.flights.mu.Unlock()
		for _, f := range s.flights.all {
			return f.waiting == 99
		}
		return false
	})
	close(shop.gate)
	wg.Wait()
	if shop.count() != 1 {
		t.Fatalf("%d fills, want 1", shop.count())
	}
	if how["meridian-eu; fwd=miss; fwd-status=200; stored"] != 1 || how["meridian-eu; fwd=miss; fwd-status=200; collapsed"] != 99 {
		t.Fatalf("%v", how)
	}
}

func lastWord(s string) string {
	parts := strings.Split(s, "; ")
	return parts[len(parts)-1]
}

func TestTooManyWaitersAreTurnedAway(t *testing.T) {
	shop := newShopStub()
	shop.setGate(make(chan struct{}))
	s := startServer(t, shop.routes(), func(c *Config) { c.MaxWaiting = 2 })
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { get(t, s, "/products/mug") })
	}
	eventually(t, "two wait", func() bool {
		s.flights.mu.Lock()
		defer s.flights.mu.Unlock()
		for _, f := range s.flights.all {
			return f.waiting == 2
		}
		return false
	})
	resp, body := get(t, s, "/products/mug")
	if resp.StatusCode != 503 || !strings.Contains(body, "overloaded") || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	close(shop.gate)
	wg.Wait()
}

// What may not be kept must not make requests wait for each other.
func TestUncacheableAnswersDoNotQueue(t *testing.T) {
	shop := newShopStub()
	s := startServer(t, shop.routes(), nil)
	if resp, _ := get(t, s, "/uncached"); resp.Header.Get("Cache-Control") != string(controlPrivate) || resp.Header.Get("ETag") != "" {
		t.Fatalf("%v", resp.Header)
	}
	shop.setGate(make(chan struct{}))
	before := shop.readingNow()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { get(t, s, "/uncached") })
	}
	eventually(t, "all ten handlers run at once", func() bool { return shop.readingNow() == before+10 })
	close(shop.gate)
	wg.Wait()
}

func TestNotFoundIsRememberedBriefly(t *testing.T) {
	shop, feed := newShopStub(), newFakeFeed()
	s := startServer(t, shop.routes(), func(c *Config) {
		c.Feed = feed
		c.ErrorPage = func(r *Request, e *api.Error) (string, []byte) {
			return "text/html", []byte(fmt.Sprintf("<h1>%s</h1>", e.Code))
		}
	})
	for _, accept := range []string{"text/html", "application/json"} {
		for i := range 3 {
			resp, body := get(t, s, "/products/none", "Accept", accept, "X-Request-Id", fmt.Sprint("id-", i))
			html := strings.Contains(body, "<h1>")
			if resp.StatusCode != 404 || html != (accept == "text/html") || resp.Header.Get("Cache-Control") != string(controlPrivate) {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			// Nobody gets another's request id.
			if !html && !strings.Contains(body, fmt.Sprintf(`"request_id":"id-%d"`, i)) {
				t.Fatalf("%s", body)
			}
		}
	}
	if shop.count() != 2 {
		t.Fatalf("%d fills, want one per kind", shop.count())
	}
	b := shop.set("none", 3)
	b.Entries[0].Tags, b.Entries[0].Ack = []string{"product:none", api.TagCatalogue}, true
	feed.batches <- b
	<-feed.acks
	if resp, _ := get(t, s, "/products/none"); resp.StatusCode != 200 {
		t.Fatalf("a new product is hidden: %d", resp.StatusCode)
	}
}

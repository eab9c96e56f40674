package edge

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// TestQuickAnswersAsTheLongWay: for targets, headers and methods of every kind, the short cut for hits answers
// exactly what the long way does, and takes nothing that the long way refuses.
func TestQuickAnswersAsTheLongWay(t *testing.T) {
	// Not started: nothing is polished, and tags stay.
	s, err := NewServer(Config{ID: "edge-1", Region: "eu", Secret: []byte("0123456789abcdef"), Routes: newShopStub().routes(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.epochs.apply(api.FeedBatch{Next: at(100)}, time.Now().Add(time.Hour))
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	targets := []string{"/products/mug", "/products/mug/", "/products//mug", "/products/./mug", "/products/m%75g", "/products/none", "/products/mug?color=red", "/products/mug?utm=1",
		"/", "//", "/assets/a.jpg", "/cart", "/uncached", "/api/v1/carts/1", "/products/mug#x", "/products/mug\\", "/products/m\xc3\xbcg"}
	headers := []string{"Accept: */*", "Accept: application/json", "Accept: text/html", "Accept-Encoding: gzip", "Accept-Encoding: br;q=0, gzip;q=0.5", "If-None-Match: *", "Range: bytes=2-4",
		"Host: localhost:1", "Host: shop.example", "Transfer-Encoding: identity", "Content-Length: 0", " folded: 1", "If-None-Match: \"x\""}
	quick := 0
	for range 3000 {
		var head bytes.Buffer
		fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", []string{"GET", "GET", "GET", "HEAD", "POST"}[rng.IntN(5)], targets[rng.IntN(len(targets))])
		host := false
		for range rng.IntN(4) {
			line := headers[rng.IntN(len(headers))]
			if strings.HasPrefix(line, "Host:") {
				if host {
					continue
				}
				host = true
			}
			head.WriteString(line + "\r\n")
		}
		if !host {
			head.WriteString("Host: 127.0.0.1\r\n")
		}
		head.WriteString("X-Request-Id: mine\r\n\r\n")
		theLongWay := func(ctx *requestCtx) {
			s.common(ctx)
			s.route(ctx, requestID(ctx), timing{start: time.Now()})
		}
		if _, ok := answerTo(t, head.String(), theLongWay); !ok {
			continue // fasthttp refuses it before us
		}
		long, _ := answerTo(t, head.String(), theLongWay) // the first may have filled the cache
		short, _ := answerTo(t, head.String(), func(ctx *requestCtx) {
			if s.quick(ctx, timing{start: time.Now()}) {
				quick++
				return
			}
			theLongWay(ctx)
		})
		if short != long {
			t.Fatalf("%q\nthe long way:\n%s\nthe short cut:\n%s", head.String(), long, short)
		}
	}
	if quick < 100 {
		t.Errorf("the short cut was taken %d times of 3000", quick)
	}
}

// TestQuickObeysThePurge: a change ends hits of the short cut at once, and a stale edge says so.
func TestQuickObeysThePurge(t *testing.T) {
	shop := newShopStub()
	feed := newFakeFeed()
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = feed })
	get(t, s, "/products/mug")
	if r, _ := get(t, s, "/products/mug"); !strings.Contains(r.Header.Get("Cache-Status"), "; hit") {
		t.Fatal(r.Header.Get("Cache-Status"))
	}
	for price := 11; price < 40; price++ {
		b := shop.set("mug", price)
		feed.batches <- b
		eventually(t, "the change is heard", func() bool { return s.epochs.position() == b.Next })
		for range 2 {
			if _, body := get(t, s, "/products/mug"); !strings.Contains(body, fmt.Sprintf("price=%d<", price)) {
				t.Fatalf("price %d: %.60s", price, body)
			}
		}
	}
	close(feed.mute)
	eventually(t, "hits say that nobody knows whether they hold", func() bool {
		r, _ := get(t, s, "/products/mug")
		return strings.HasSuffix(r.Header.Get("Cache-Status"), "detail=stale") && r.StatusCode == http.StatusOK
	})
}

// TestVerdictsDoNotOutliveChanges: an entry that was found valid is judged again after every change, in whatever
// order changes, resets, floors and judgements come.
func TestVerdictsDoNotOutliveChanges(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &Server{epochs: newEpochs(8)}
	index := uint64(100)
	entries := make([]*entry, 20)
	for step := range 20_000 {
		switch rng.IntN(6) {
		case 0:
			index++
			b := api.FeedBatch{Next: at(index), Reset: rng.IntN(50) == 0}
			if rng.IntN(3) > 0 {
				b.Entries = []api.FeedEntry{{Index: at(index), Soft: rng.IntN(4) == 0, Tags: []string{fmt.Sprint("t", rng.IntN(12))}}}
			}
			if rng.IntN(100) == 0 {
				b.Entries = []api.FeedEntry{{Index: at(index), Tags: []string{api.TagAll}}}
			}
			s.epochs.apply(b, time.Now())
		case 1:
			entries[rng.IntN(len(entries))] = &entry{index: at(index - uint64(rng.IntN(5))), tags: []string{fmt.Sprint("t", rng.IntN(12)), fmt.Sprint("t", rng.IntN(12))}}
		default:
			e := entries[rng.IntN(len(entries))]
			if e == nil {
				continue
			}
			if got, want := s.judge(e), s.epochs.judge(e.tags, e.index); got != want {
				t.Fatalf("step %d: remembered %d, true %d", step, got, want)
			}
		}
	}
}

// TestHitMakesNoGarbage: a page and a 304 out of the cache allocate nothing.
func TestHitMakesNoGarbage(t *testing.T) {
	s, err := NewServer(Config{ID: "edge-1", Region: "eu", Secret: []byte("0123456789abcdef"), Routes: newShopStub().routes(), LogSample: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.epochs.apply(api.FeedBatch{Next: at(100)}, time.Now().Add(time.Hour))
	for _, more := range []string{"", "If-None-Match: *\r\n"} {
		ctx := parsed(t, browserHead+more+lastLine)
		s.handle(ctx)
		n := testing.AllocsPerRun(500, func() {
			ctx.Response.Reset()
			s.handle(ctx)
		})
		if got := string(ctx.Response.Header.Peek("Cache-Status")); n > 0 || !strings.Contains(got, "; hit; ttl=") {
			t.Errorf("%q: %v allocations, %s", more, n, got)
		}
		v, head := &vector{head: make([]byte, 0, 4096)}, []byte(browserHead+more+lastLine)
		s.shorten(v, head, netip.Addr{}, time.Now()) // prepares
		short := testing.AllocsPerRun(500, func() {
			if e, _ := s.shorten(v, head, netip.Addr{}, time.Now()); e == nil {
				t.Fatal("no short cut")
			}
		})
		if short > 0 {
			t.Errorf("%q: %v allocations on the short cut", more, short)
		}
	}
}

// TestPrintable: every byte, in every place of a word and beside every other kind, is told as it is.
func TestPrintable(t *testing.T) {
	for c := range 256 {
		for length := 1; length <= 20; length++ {
			for _, beside := range []byte{' ', '~', 'a', '_'} {
				b := bytes.Repeat([]byte{beside}, length)
				for i := range b {
					b[i] = byte(c)
					if got, want := printable(b), c >= ' ' && c <= '~'; got != want {
						t.Fatalf("%q: %v, want %v", b, got, want)
					}
					b[i] = beside
				}
			}
		}
	}
}

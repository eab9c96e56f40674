package edge

import (
	"context"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

func TestFeedInvalidates(t *testing.T) {
	shop, feed := newShopStub(), newFakeFeed()
	shop.prices["cup"] = 5
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = feed })
	get(t, s, "/products/mug")
	get(t, s, "/products/cup")
	b := shop.set("mug", 12)
	b.Entries[0].Ack = true
	feed.batches <- b
	if got := <-feed.acks; got != b.Next {
		t.Fatalf("acknowledged %v, want %v", got, b.Next)
	}
	if body := wantStatus(t, s, "/products/mug", "meridian-eu; fwd=stale; fwd-status=200"); !strings.Contains(body, "price=12") {
		t.Fatal("the old price")
	}
	wantStatus(t, s, "/products/mug", "meridian-eu; hit; ttl=")
	wantStatus(t, s, "/products/cup", "meridian-eu; hit; ttl=")
	feed.batches <- api.FeedBatch{Next: at(200), Entries: []api.FeedEntry{{Index: at(200), Tags: []string{api.TagAll}, Ack: true}}}
	<-feed.acks
	shop.mu.Lock()
	shop.index = at(200)
	shop.mu.Unlock()
	wantStatus(t, s, "/products/cup", "meridian-eu; fwd=stale")
	wantStatus(t, s, "/products/cup", "meridian-eu; hit")
	feed.batches <- api.FeedBatch{Reset: true, Next: api.Index{Timeline: 2, Raft: 7}}
	eventually(t, "the new timeline is known", func() bool { return s.epochs.position().Timeline == 2 })
	wantStatus(t, s, "/products/cup", "meridian-eu; fwd=stale")
}

// The test that must fail without the follower: with it off, the old price stays.
func TestWithoutFollowerThePriceStaysOld(t *testing.T) {
	for _, off := range []bool{false, true} {
		shop, feed := newShopStub(), newFakeFeed()
		s := startServer(t, shop.routes(), func(c *Config) { c.Feed, c.DisableFollower = feed, off })
		get(t, s, "/products/mug")
		b := shop.set("mug", 12)
		b.Entries[0].Ack = true
		feed.batches <- b
		if !off {
			<-feed.acks
		}
		_, body := get(t, s, "/products/mug")
		if old := strings.Contains(body, "price=10"); old != off {
			t.Errorf("follower off %v: old price %v", off, old)
		}
	}
}

func TestSilentFeedMarksHits(t *testing.T) {
	feed := newFakeFeed()
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.Feed = feed })
	get(t, s, "/products/mug")
	close(feed.mute)
	s.epochs.mu.Lock()
	s.epochs.beat = time.Now().Add(-beatMax)
	s.epochs.mu.Unlock()
	eventually(t, "hits are marked", func() bool {
		resp, _ := get(t, s, "/products/mug")
		return resp.StatusCode == 200 && strings.HasSuffix(resp.Header.Get("Cache-Status"), "; detail=stale")
	})
	if s.Ready() == nil {
		t.Error("ready without a feed")
	}
}

func TestFillThatRacesWithAPurgeIsBornStale(t *testing.T) {
	shop, feed := newShopStub(), newFakeFeed()
	gate := make(chan struct{})
	shop.setGate(gate)
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = feed })
	first := make(chan string, 1)
	go func() { _, body := get(t, s, "/products/mug"); first <- body }()
	eventually(t, "the fill has read the old price", func() bool { return shop.readingNow() == 1 })
	b := shop.set("mug", 12)
	b.Entries[0].Ack = true
	feed.batches <- b
	<-feed.acks
	// This one comes after the purge and finds the old flight still going.
	second := make(chan string, 1)
	go func() { _, body := get(t, s, "/products/mug"); second <- body }()
	eventually(t, "the second waits", func() bool {
		s.flights.mu.Lock()
		defer s.flights.mu.Unlock()
		for _, f := range s.flights.all {
			return f.waiting == 1
		}
		return false
	})
	shop.setGate(nil)
	close(gate)
	if body := <-first; !strings.Contains(body, "price=10") {
		t.Errorf("who came before the purge may see what was true then: %.40s", body)
	}
	if body := <-second; !strings.Contains(body, "price=12") {
		t.Errorf("who came after the purge saw %.40s", body)
	}
	if _, body := get(t, s, "/products/mug"); !strings.Contains(body, "price=12") {
		t.Errorf("the cache kept %.40s", body)
	}
}

func TestSoftPurgeRefreshesOnceInTheBackground(t *testing.T) {
	shop, feed := newShopStub(), newFakeFeed()
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = feed })
	get(t, s, "/products/mug")
	gate := make(chan struct{})
	shop.setGate(gate)
	b := shop.set("mug", 12)
	b.Entries[0].Soft, b.Entries[0].Ack = true, true
	feed.batches <- b
	<-feed.acks
	for range 20 {
		if body := wantStatus(t, s, "/products/mug", "meridian-eu; hit; ttl=3599; detail=refreshing"); !strings.Contains(body, "price=10") {
			t.Fatal(body)
		}
	}
	close(gate)
	eventually(t, "the new price is there", func() bool { _, body := get(t, s, "/products/mug"); return strings.Contains(body, "price=12") })
	if shop.count() != 2 {
		t.Fatalf("%d fills, want 2", shop.count())
	}
}

func TestStaleIfTheCoreFails(t *testing.T) {
	shop, feed := newShopStub(), newFakeFeed()
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed = feed })
	get(t, s, "/products/mug")
	shop.setFail(true)
	b := shop.set("mug", 12)
	b.Entries[0].Ack = true
	feed.batches <- b
	<-feed.acks
	for range 5 {
		if body := wantStatus(t, s, "/products/mug", "meridian-eu; fwd=stale; "); !strings.Contains(body, "price=10") {
			t.Fatal(body)
		}
	}
	if n := shop.count(); n > 3 {
		t.Errorf("%d fills: a failing core is asked again for each request", n)
	}
	resp, body := get(t, s, "/products/cup")
	if resp.StatusCode != 503 || !strings.Contains(body, "unavailable") || resp.Header.Get("Retry-After") == "" {
		t.Errorf("never cached: %d %s", resp.StatusCode, body)
	}
	shop.setFail(false)
	eventually(t, "the core is back", func() bool { _, body := get(t, s, "/products/mug"); return strings.Contains(body, "price=12") })
}

func TestStaleHasAnEnd(t *testing.T) {
	shop := newShopStub()
	s := startServer(t, shop.routes(), func(c *Config) { c.TTL, c.StaleMax = time.Millisecond, time.Millisecond })
	get(t, s, "/products/mug")
	shop.setFail(true)
	eventually(t, "it is too old to show", func() bool { resp, _ := get(t, s, "/products/mug"); return resp.StatusCode == 503 })
}

// TestPurgeByPath: an address is purged with every query of it, files too, and nothing beside it is.
func TestPurgeByPath(t *testing.T) {
	shop, feed := newShopStub(), newFakeFeed()
	shop.prices["cup"] = 5
	routes := append(shop.routes(), Route{Method: "GET", Pattern: "/kept/{name}", Class: File, Handler: func(context.Context, *Request) (*Answer, error) {
		return &Answer{ContentType: "text/plain", Body: []byte("x"), Immutable: true}, nil
	}})
	s := startServer(t, routes, func(c *Config) { c.Feed = feed })
	all := []string{"/products/mug", "/products/mug?color=red", "/products/cup", "/kept/a", "/kept/b"}
	for _, path := range all {
		get(t, s, path)
		wantStatus(t, s, path, "meridian-eu; hit")
	}
	feed.batches <- api.FeedBatch{Next: at(150), Entries: []api.FeedEntry{{Index: at(150), Tags: []string{pathTag("/products/mug"), pathTag("/kept/a")}, Ack: true}}}
	<-feed.acks
	shop.mu.Lock()
	shop.index = at(150)
	shop.mu.Unlock()
	for i, path := range all {
		want := "meridian-eu; fwd=stale"
		if i == 2 || i == 4 {
			want = "meridian-eu; hit"
		}
		wantStatus(t, s, path, want)
	}
	if long := pathTag("/" + strings.Repeat("x", 5000)); len(long) > 160 || long == pathTag("/"+strings.Repeat("x", 5001)) {
		t.Errorf("a long path is tagged %s", long)
	}
}

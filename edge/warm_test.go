package edge

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// warmServer runs an edge with a list of addresses until close is called, or the test ends.
func warmServer(t *testing.T, shop *shopStub, file string, log *slog.Logger) *Server {
	t.Helper()
	return startServer(t, shop.routes(), func(c *Config) {
		c.WarmFile, c.Feed = file, newFakeFeed()
		if log != nil {
			c.Logger = log
		}
	})
}

// An edge that was stopped and started again has the pages that were asked for, as they are now, before anybody asks.
func TestWarmStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "addresses")
	shop := newShopStub()
	first := warmServer(t, shop, file, nil)
	pages := [][2]string{{"/products/mug", "application/json"}, {"/products/mug", "text/html"}, {"/products/mug?color=red&facet.size=L&facet.size=M", ""}, {"/", "text/html"}, {"/assets/a-1.jpg", ""}}
	for _, p := range pages {
		if resp, body := get(t, first, p[0], "Accept", p[1]); resp.StatusCode != 200 {
			t.Fatal(resp.Status, body)
		}
	}
	for _, p := range []string{"/uncached", "/products/none", "/cart"} { // not of these
		get(t, first, p)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := loadAddresses(file)
	if err != nil || len(all) != len(pages) {
		t.Fatalf("%+v %v", all, err)
	}
	shop.set("mug", 11)
	before := shop.count()
	second := warmServer(t, shop, file, nil)
	eventually(t, "the cache is filled", func() bool { return len(second.cache.used(100)) == len(pages) && shop.count() == before+3 })
	for _, p := range pages {
		resp, body := get(t, second, p[0], "Accept", p[1])
		if how := resp.Header.Get("Cache-Status"); !strings.Contains(how, "; hit") || strings.Contains(how, "detail") {
			t.Errorf("%s for %q: %s", p[0], p[1], how)
		}
		if strings.HasPrefix(p[0], "/products") && !strings.Contains(body, "price=11") {
			t.Errorf("%s is as it was before the restart: %.30s", p[0], body)
		}
	}
}

// What cannot be read is not used, and told.
func TestDamagedListOfAddresses(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if err := saveAddresses(good, []address{{Path: "/products/mug"}, {HTML: true, Path: "/"}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(b)
	flipped[len(flipped)-5] ^= 1
	for name, text := range map[string][]byte{"cut short": b[:len(b)-1], "empty": {}, "a flipped bit": flipped, "another version": bytes.Replace(b, []byte("addresses 1"), []byte("addresses 2"), 1),
		"a line only": b[:bytes.IndexByte(b, '\n')+1], "large": make([]byte, warmBytes+1)} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "addresses")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			shop, out := newShopStub(), &safeBuffer{}
			s := warmServer(t, shop, file, slog.New(slog.NewTextHandler(out, nil)))
			eventually(t, "it is told", func() bool { return strings.Contains(out.String(), "is ignored, and the cache starts empty") })
			if shop.count() != 0 {
				t.Error("something of it was fetched")
			}
			get(t, s, "/products/mug")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if all, err := loadAddresses(file); err != nil || len(all) != 1 {
				t.Errorf("afterwards it holds %+v, %v", all, err)
			}
		})
	}
}

// A list leads to nothing that a request could not get into the cache.
func TestListsLeadToPublicAnswersOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "addresses")
	bad := []address{{Path: "/cart"}, {Path: "/admin/"}, {Path: "/api/v1/carts/x"}, {Path: "/nothing"}, {Path: "products/mug"}, {Path: ""}, {Path: "/products/mug", Query: map[string][]string{"token": {"1"}}}, {Path: "/uncached"}}
	if err := saveAddresses(file, append(bad, address{Path: "/products/mug"})); err != nil {
		t.Fatal(err)
	}
	shop, out := newShopStub(), &safeBuffer{}
	s := warmServer(t, shop, file, slog.New(slog.NewTextHandler(out, nil)))
	eventually(t, "it is through", func() bool {
		return strings.Contains(out.String(), fmt.Sprintf("addresses=9 cached=1 failed=%d", len(bad)))
	})
	if keys := s.cache.used(100); len(keys) != 1 || !strings.HasSuffix(keys[0], "\x00/products/mug") {
		t.Errorf("%q", keys)
	}
}

// An edge that is stopped before it has fetched everything leaves the list as it found it.
func TestAListSurvivesAShortLife(t *testing.T) {
	file := filepath.Join(t.TempDir(), "addresses")
	if err := saveAddresses(file, []address{{Path: "/products/mug"}, {Path: "/"}}); err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Config{ID: "edge-eu", Region: "eu", Addr: "127.0.0.1:0", Routes: newShopStub().routes(), Secret: []byte("0123456789abcdef"), WarmFile: file,
		Cores: func() int { return 0 }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err := loadAddresses(file); err != nil || len(all) != 2 {
		t.Errorf("%+v %v", all, err)
	}
}

// Use counts by the intervals in which it happened, the newest most.
func TestMostUsedFirst(t *testing.T) {
	c, err := newCache(1<<20, 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	entries := map[string]*entry{}
	for i, key := range []string{"never", "long ago", "now and before", "now"} {
		e := &entry{key: key, status: 200, fetched: time.Unix(int64(i), 0), freshUntil: time.Now().Add(time.Hour), variants: []variant{{}}}
		if !c.put(e, time.Hour) {
			t.Fatal("not kept")
		}
		entries[key] = e
	}
	for _, hits := range [][]string{{"long ago"}, {"now and before", "long ago"}, {"now", "now and before"}} {
		for _, key := range hits {
			entries[key].used.Store(true)
		}
		c.used(0)
	}
	if got := c.used(3); !slices.Equal(got, []string{"now and before", "now", "long ago"}) {
		t.Errorf("%q", got)
	}
	// A page that is fetched anew is the same page.
	if !c.put(&entry{key: "now and before", status: 200, variants: []variant{{}}}, time.Hour) {
		t.Fatal("not kept")
	}
	if got := c.used(1); !slices.Equal(got, []string{"now and before"}) {
		t.Errorf("fetched anew: %q", got)
	}
	// What was evicted is forgotten.
	for i := range 300 {
		c.put(&entry{key: fmt.Sprint(i), status: 200, variants: []variant{{body: make([]byte, 16<<10)}}}, time.Hour)
	}
	if n := len(c.used(1000)); n == 0 || n > (1<<20)/(16<<10) {
		t.Errorf("%d are called cached in room for %d", n, (1<<20)/(16<<10))
	}
}

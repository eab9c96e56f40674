package edge

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// once lets a client do each thing once, for the length of a test.
var once = Limits{Browse: 0.001, Search: 0.001, CartWrites: 0.001, Checkouts: 0.001, SignIns: 0.001, Admin: 0.001}

// never is a server without limits.
var never = Limits{Browse: -1, Search: -1, CartWrites: -1, Checkouts: -1, SignIns: -1, Admin: -1}

// counted is the value of a counter with one label.
func counted(t *testing.T, s *Server, name, label string) float64 {
	t.Helper()
	all, err := s.cfg.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %s", name, label)
	return 0
}

// Every route of the shop counts for its class, says so in words and headers, and to the operator.
func TestEveryClassIsLimited(t *testing.T) {
	f := newShopFixture(t, nil)
	start := func(l Limits) *Server {
		return startServer(t, f.shop.Routes(), func(c *Config) { c.Limits, c.ErrorPage = l, f.shop.ErrorPage })
	}
	for _, c := range []struct{ class, method, first, second, body, accept string }{
		{"browse", "GET", "/products/mug", "/cart", "", "text/html"}, {"browse", "GET", "/api/v1/collections", "/api/v1/products?limit=3", "", ""},
		{"browse", "GET", "/account", "/products/none", "", "text/html"}, {"browse", "HEAD", "/products/mug", "/collections/kitchen", "", ""},
		{"search", "GET", "/search?q=a", "/api/v1/search?q=b", "", ""}, {"search", "GET", "/api/v1/search/suggest?q=a", "/search?q=b", "", "text/html"},
		{"cart_write", "POST", "/api/v1/carts", "/api/v1/carts", "{}", ""}, {"checkout", "POST", "/api/v1/carts/c/checkout", "/api/v1/carts/d/checkout", "{", ""},
		{"sign_in", "POST", "/api/v1/sessions", "/api/v1/customers", "{", ""}, {"admin", "GET", "/admin/api/v1/orders", "/admin/", "", "text/html"},
	} {
		for _, l := range []Limits{once, never} {
			s := start(l)
			header := []string{"Idempotency-Key", "k", "Content-Type", "application/json", "Accept", c.accept}
			if resp, body := do(t, s, c.method, c.first, c.body, header...); resp.StatusCode == 429 {
				t.Errorf("%s: the first was refused: %s", c.first, body)
			}
			resp, body := do(t, s, c.method, c.second, c.body, header...)
			n := counted(t, s, "meridian_edge_limited_total", c.class)
			if l == never {
				if resp.StatusCode == 429 || n != 0 {
					t.Errorf("%s: refused without a limit", c.second)
				}
				continue
			}
			if resp.StatusCode != 429 || len(resp.Header.Get("Retry-After")) != len("1000") || n != 1 {
				t.Errorf("%s: %d, Retry-After %q, counted %v", c.second, resp.StatusCode, resp.Header.Get("Retry-After"), n)
			}
			if page := strings.Contains(body, "<html"); c.method != "HEAD" && page != (c.accept != "") || !page && c.method != "HEAD" && !strings.Contains(body, `"code":"rate_limited"`) {
				t.Errorf("%s: %s", c.second, body)
			}
			// The limit of one class is none for the others.
			if resp, _ := get(t, s, map[bool]string{true: "/api/v1/search?q=z", false: "/api/v1/shipping-methods?country=DE"}[c.class == "browse"]); resp.StatusCode == 429 {
				t.Errorf("%s limits another class", c.class)
			}
		}
	}
}

// What the cache answers is free, and so is waiting for what another request fetches.
func TestHitsAreNotLimited(t *testing.T) {
	shop := newShopStub()
	shop.set("cup", 3)
	gate := make(chan struct{})
	shop.setGate(gate)
	s := startServer(t, shop.routes(), func(c *Config) { c.Limits = once })
	var wg sync.WaitGroup
	const herd = 50
	for range herd {
		wg.Go(func() {
			if resp, body := get(t, s, "/products/mug"); resp.StatusCode != 200 {
				t.Errorf("one of the herd got %d %s", resp.StatusCode, body)
			}
		})
	}
	eventually(t, "all wait", func() bool {
		s.flights.mu.Lock()
		defer s.flights.mu.Unlock()
		for _, fl := range s.flights.all {
			return fl.waiting == herd-1
		}
		return false
	})
	close(gate)
	wg.Wait()
	for range 20 {
		for _, c := range [][2]string{{"GET", "/products/mug"}, {"HEAD", "/products/mug"}, {"GET", "/products/mug?utm_source=x"}} {
			if resp, _ := do(t, s, c[0], c[1], ""); resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Status"), "; hit") {
				t.Fatalf("%s of a cached page: %d %s", c, resp.StatusCode, resp.Header.Get("Cache-Status"))
			}
		}
	}
	if resp, _ := get(t, s, "/products/cup"); resp.StatusCode != 429 {
		t.Errorf("another page: %d", resp.StatusCode)
	}
	if shop.count() != 1 {
		t.Errorf("%d fills", shop.count())
	}
}

// Answers that cannot be kept cost a fetch each, and each counts.
func TestUncacheableAnswersAreLimited(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.Limits = once })
	for i, want := range []int{200, 429, 429} {
		if resp, _ := get(t, s, "/uncached"); resp.StatusCode != want {
			t.Errorf("request %d: %d, want %d", i, resp.StatusCode, want)
		}
	}
}

// Clients behind a proxy have limits of their own; who pretends to be many has one.
func TestLimitsAreForEachClient(t *testing.T) {
	for _, c := range []struct {
		trusted string
		want    int
	}{{"127.0.0.0/8", 200}, {"10.0.0.0/8", 429}} {
		s := startServer(t, newShopStub().routes(), func(cfg *Config) {
			cfg.Limits, cfg.TrustedProxies = once, []netip.Prefix{netip.MustParsePrefix(c.trusted)}
		})
		get(t, s, "/cart", "X-Forwarded-For", "192.0.2.1")
		if resp, _ := get(t, s, "/cart", "X-Forwarded-For", "192.0.2.2"); resp.StatusCode != c.want {
			t.Errorf("trusting %s, the second client got %d, want %d", c.trusted, resp.StatusCode, c.want)
		}
	}
}

// Only networks that were named have no limits; loopback is not one by itself.
func TestUnlimitedNetworks(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) {
		c.Limits, c.Unlimited = once, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for range 5 {
		if resp, _ := get(t, s, "/cart"); resp.StatusCode != 200 {
			t.Fatalf("%d", resp.StatusCode)
		}
	}
}

// A large body is not waited for when its request is refused anyway.
func TestALimitedBodyIsNotRead(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.Limits = once })
	head := "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
	raw(t, s, fmt.Sprintf(head, 2, "{}"))
	if status, closed, text := raw(t, s, fmt.Sprintf(head, 60000, "{")); status != 429 || !closed {
		t.Errorf("%d, closed %v: %s", status, closed, text)
	}
}

// The limits nobody set let two hundred shoppers behind one address shop, at a quick pace and through a cold cache,
// and stop one program that takes all it can get.
func TestDefaultsAreForPeople(t *testing.T) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x"}, []string{"class"})
	start := time.Unix(1_800_000_000, 0)
	office, program := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	l := newLimits(Limits{}, nil, counter, start, nil)
	count := func(who netip.Addr, class LimitClass, at time.Duration, n int) (refused int) {
		for range n {
			if l.take(&bound{Route: Route{Limit: class}}, who, start.Add(at)) != nil {
				refused++
			}
		}
		return refused
	}
	// A page every 3 s with 4 reads or events of its own, a search every 10 s with 6 suggestions, a cart write every
	// 10 s; everybody signs in once within the minute, and buys once.
	const shoppers = 200
	for second := range 60 {
		at := time.Duration(second) * time.Second
		for class, n := range map[LimitClass]int{CountBrowse: shoppers * 5 / 3, CountSearch: shoppers * 7 / 10, CountCartWrite: shoppers / 10, CountSignIn: shoppers / 60, CountCheckout: shoppers / 60} {
			if refused := count(office, class, at, n); refused > 0 {
				t.Fatalf("second %d: %d of %d of class %d were refused", second, refused, n, class)
			}
		}
	}
	for class, most := range map[LimitClass]int{CountBrowse: 35_000, CountSearch: 14_000, CountCartWrite: 14_000, CountCheckout: 3500, CountSignIn: 700, CountAdmin: 35_000} {
		passed := 0
		for second := range 60 {
			passed += 2000 - count(program, class, time.Duration(second)*time.Second, 2000)
		}
		if passed > most {
			t.Errorf("class %d: a program got %d through in a minute, at most %d", class, passed, most)
		}
	}
}

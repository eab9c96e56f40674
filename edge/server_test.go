package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
)

func TestConfigNamesTheFlag(t *testing.T) {
	routes := newShopStub().routes()
	secret := []byte("0123456789abcdef")
	for want, cfg := range map[string]Config{
		"--id":     {Region: "eu", Routes: routes, Secret: secret},
		"--id \"":  {ID: "a b", Region: "eu", Routes: routes, Secret: secret},
		"--region": {ID: "e", Routes: routes, Secret: secret},
		"--secret": {ID: "e", Region: "eu", Routes: routes, Secret: []byte("short")},
		"routes":   {ID: "e", Region: "eu", Secret: secret},
		"--warm":   {ID: "e", Region: "eu", Secret: secret, Routes: routes, WarmFile: "/nowhere/at/all"},
		"twice":    {ID: "e", Region: "eu", Secret: secret, Routes: append(routes, routes[0])},
		"method":   {ID: "e", Region: "eu", Secret: secret, Routes: []Route{{Method: "get", Pattern: "/", Handler: routes[0].Handler}}},
	} {
		if _, err := NewServer(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestRouterPrefersExactSegments(t *testing.T) {
	h := func(context.Context, *Request) (*Answer, error) { return nil, nil }
	r, err := newRouter([]Route{
		{Method: "GET", Pattern: "/", Handler: h}, {Method: "GET", Pattern: "/a/{x}", Handler: h}, {Method: "GET", Pattern: "/a/b", Handler: h},
		{Method: "GET", Pattern: "/a/b/{y}/c", Handler: h}, {Method: "GET", Pattern: "/a/{x}/{y}/d", Handler: h}, {Method: "GET", Pattern: "/z/", Handler: h},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/": "/ []", "/a/b": "/a/b []", "/a/q": "/a/{x} [q]", "/a/b/1/c": "/a/b/{y}/c [1]", "/a/b/1/d": "/a/{x}/{y}/d [b 1]",
		"/a/": "none", "/a/q/": "slash", "/z": "slash", "/z/": "/z/ []", "/a/b/1/e": "none", "//": "slash", "/q": "none",
	} {
		m := r.find(path)
		got := "none"
		if m.leaf != nil {
			got = m.leaf.methods["GET"].Pattern + " " + fmt.Sprint(m.params)
		} else if m.slash {
			got = "slash"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestOperations(t *testing.T) {
	cores := 1
	s := startServer(t, newShopStub().routes(), func(c *Config) {
		c.OpsAddr, c.Cores, c.Feed = "127.0.0.1:0", func() int { return cores }, newFakeFeed()
	})
	ask := func(path string) (int, string) {
		resp, err := http.Get("http://" + s.OpsAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	get(t, s, "/products/mug")
	get(t, s, "/products/mug")
	code, text := ask("/metrics")
	for _, want := range []string{`meridian_edge_requests_total{status="200"} 2`, `meridian_edge_cache_results_total{result="hit"} 1`, "meridian_edge_feed_age_seconds", "meridian_edge_fill_seconds_count 1"} {
		if code != 200 || !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if code, _ := ask("/healthz"); code != 200 {
		t.Error("healthz", code)
	}
	if code, text := ask("/readyz"); code != 200 {
		t.Error("readyz", code, text)
	}
	cores = 0
	if code, text := ask("/readyz"); code != 503 || !strings.Contains(text, "core") {
		t.Error("readyz without a core", code, text)
	}
	if code, _ := ask("/debug/pprof/cmdline"); code != 200 {
		t.Error("pprof", code)
	}
	if resp, _ := get(t, s, "/metrics"); resp.StatusCode != 404 {
		t.Error("metrics are public")
	}
}

func TestCloseLetsRunningRequestsEnd(t *testing.T) {
	shop := newShopStub()
	shop.setGate(make(chan struct{}))
	s := startServer(t, shop.routes(), nil)
	got := make(chan int, 1)
	go func() { resp, _ := get(t, s, "/products/mug"); got <- resp.StatusCode }()
	eventually(t, "the request runs", func() bool { return shop.readingNow() == 1 })
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	eventually(t, "it drains", func() bool { return s.Ready() != nil })
	close(shop.gate)
	if status := <-got; status != 200 {
		t.Errorf("the running request got %d", status)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestProblemsAndPages(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) {
		c.ErrorPage = func(r *Request, e *api.Error) (string, []byte) {
			return "text/html; charset=utf-8", []byte(fmt.Sprintf("<h1>%s %s %s</h1>", e.Code, e.RequestID, r.Path))
		}
	})
	for _, c := range []struct {
		path, accept string
		html         bool
	}{
		{"/nowhere", "text/html,*/*;q=0.8", true}, {"/nowhere", "", true}, {"/nowhere", "*/*", true}, {"/nowhere", "application/json", false},
		{"/api/v1/nowhere", "text/html", false}, {"/admin/api/v1/nowhere", "text/html", false}, {"/panic", "text/html", true},
	} {
		resp, body := get(t, s, c.path, "Accept", c.accept, "X-Request-Id", "id-7")
		if html := strings.HasPrefix(body, "<h1>"); html != c.html || !strings.Contains(body, "id-7") || html != strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s %s: %s", c.path, c.accept, body)
		}
		if !c.html {
			var e api.Error
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Status != resp.StatusCode || resp.Header.Get("Content-Type") != problemType {
				t.Errorf("%s: %v %s", c.path, err, body)
			}
		}
	}
	for _, id := range []string{strings.Repeat("x", 65), "a b", "ü"} {
		if resp, _ := get(t, s, "/", "X-Request-Id", id); resp.Header.Get("X-Request-Id") == id {
			t.Errorf("took the request id %q", id)
		}
	}
}

func TestHandlersEndInTime(t *testing.T) {
	routes := []Route{
		{Method: "GET", Pattern: "/a", Class: Private, Timeout: 20 * time.Millisecond, Handler: slowHandler},
		{Method: "GET", Pattern: "/b", Timeout: 20 * time.Millisecond, Handler: slowHandler},
		{Method: "DELETE", Pattern: "/a", Class: Private, Timeout: 20 * time.Millisecond, Handler: slowHandler},
	}
	s := startServer(t, routes, nil)
	// A write that ran out of time may have happened.
	if resp, body := do(t, s, "DELETE", "/a", ""); resp.StatusCode != 504 || !strings.Contains(body, "outcome_unknown") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	for _, path := range []string{"/a", "/b"} {
		if resp, body := get(t, s, path); resp.StatusCode != 503 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func slowHandler(ctx context.Context, _ *Request) (*Answer, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("waiting: %w", ctx.Err())
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	shop := newShopStub()
	gate := make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	shop.setGate(gate)
	s := startServer(t, shop.routes(), func(c *Config) { c.MaxConnsPerIP = 3 })
	t.Cleanup(release) // before the server closes, which waits for its fills
	for range 3 {
		go func() { get(t, s, "/products/mug") }()
	}
	eventually(t, "three connections are open", func() bool { return s.connections() == 3 })
	req, err := http.NewRequest(http.MethodGet, "http://"+s.Addr()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	// The server answers and hangs up without reading; the client may see the answer or the reset.
	if resp, err := direct.RoundTrip(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode != 429 {
			t.Errorf("the fourth got %d", resp.StatusCode)
		}
	}
	release()
	eventually(t, "they are gone", func() bool { return s.connections() == 0 })
}

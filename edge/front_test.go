package edge

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// TestShortcutKeepsDeadlines: after a hit a connection may be silent for the idle time, and the head of its next request has as long
// as any other; who reads nothing is cut off.
func TestShortcutKeepsDeadlines(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) {
		c.ReadTimeout, c.IdleTimeout, c.LogSample = 300*time.Millisecond, 3*time.Second, 1<<40
	})
	get(t, s, "/products/mug")
	b := newKept(t, s)
	b.send(pageRequest)
	time.Sleep(600 * time.Millisecond)
	if !b.shortened() {
		t.Error("not the short cut")
	}
	began := time.Now()
	if _, err := io.WriteString(b.conn, "GET / HTTP/1.1\r\nX-A: "); err != nil {
		t.Fatal(err)
	}
	if told, err := io.ReadAll(b.r); err != nil || !strings.HasPrefix(string(told), "HTTP/1.1 408 ") {
		t.Errorf("half a head was answered %.60q, %v", told, err)
	}
	if took := time.Since(began); took < 200*time.Millisecond || took > 2500*time.Millisecond {
		t.Errorf("half a head was cut off after %v, the time is 300ms", took)
	}
	b = newKept(t, s)
	b.send(pageRequest)
	_ = b.conn.SetDeadline(time.Now().Add(10 * time.Second))
	began = time.Now()
	if _, err := b.r.ReadByte(); err != io.EOF {
		t.Errorf("a silent connection: %v", err)
	}
	if took := time.Since(began); took < 2*time.Second || took > 8*time.Second {
		t.Errorf("a silent connection was closed after %v, the time is 3 s", took)
	}
}

// largePage is a page that no connection's buffers hold.
const largePage = "GET /large HTTP/1.1\r\nHost: shop.example\r\n\r\n"

// serveLarge is a server that has a large page in its cache.
func serveLarge(t *testing.T, tune func(*Config)) *Server {
	t.Helper()
	body := make([]byte, 12<<20)
	routes := append(newShopStub().routes(), Route{Method: "GET", Pattern: "/large", Handler: func(context.Context, *Request) (*Answer, error) {
		return &Answer{ContentType: "application/octet-stream", Body: body, Tags: []string{api.TagCatalogue}}, nil
	}})
	s := startServer(t, routes, func(c *Config) { c.LogSample = 1 << 40; tune(c) })
	get(t, s, "/large")
	return s
}

// asksForLarge begins to read the large page, as an answer of the short cut.
func asksForLarge(t *testing.T, s *Server) *kept {
	t.Helper()
	b := newKept(t, s)
	if _, err := io.WriteString(b.conn, largePage); err != nil {
		t.Fatal(err)
	}
	if _, err := b.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestShortcutCutsOffSlowReaders: who asks for a page and does not read it is cut off.
func TestShortcutCutsOffSlowReaders(t *testing.T) {
	s := serveLarge(t, func(c *Config) { c.WriteTimeout = 300 * time.Millisecond })
	for range 20 {
		asksForLarge(t, s)
	}
	eventually(t, "the server has closed all of them", func() bool { return s.connections() <= 0 })
}

// TestShortcutCloses: an answer that is being sent when the server closes arrives whole, connections that wait are closed at once, and who
// does not read holds nothing up for longer than an answer may take.
func TestShortcutCloses(t *testing.T) {
	s := serveLarge(t, func(c *Config) { c.WriteTimeout, c.DrainTimeout = 5*time.Second, 10*time.Second })
	for range 20 {
		asksForLarge(t, s) // and nobody reads
	}
	idle, b := newKept(t, s), asksForLarge(t, s)
	idle.send(pageRequest)
	began := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	if _, err := idle.r.ReadByte(); err != io.EOF || time.Since(began) > 4*time.Second {
		t.Errorf("a connection that waits ends with %v after %v", err, time.Since(began))
	}
	resp, err := http.ReadResponse(b.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("%d of %d bytes arrived: %v", n, resp.ContentLength, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestShortcutDrains: a connection that lives on hits ends with its next answer when the server drains.
func TestShortcutDrains(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.LogSample = 1 << 40 })
	b := newKept(t, s)
	for range 3 {
		if b.send(pageRequest).Close {
			t.Fatal("closed too early")
		}
	}
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(5 * time.Second) }()
	eventually(t, "the server drains", s.draining.Load)
	if !b.send(pageRequest).Close {
		t.Error("the connection stays open")
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// TestFrontBoundsConnections: connections that have said nothing yet count, too.
func TestFrontBoundsConnections(t *testing.T) {
	for want, tune := range map[string]func(*Config){
		"HTTP/1.1 429 ": func(c *Config) { c.MaxConnsPerIP = 3 },
		"HTTP/1.1 503 ": func(c *Config) { c.Concurrency = 3 },
	} {
		s := startServer(t, newShopStub().routes(), tune)
		var all []*kept
		for range 3 {
			all = append(all, newKept(t, s))
		}
		eventually(t, "three are connected", func() bool { return s.connections() == 3 })
		if told, _ := io.ReadAll(newKept(t, s).r); !strings.HasPrefix(string(told), want) {
			t.Errorf("the fourth is told %q, want %q", told, want)
		}
		all[0].conn.Close()
		eventually(t, "one is gone", func() bool { return s.connections() == 2 })
		newKept(t, s).send(pageRequest)
	}
}

// TestFrontHoldsSmallBodies: a request with a small body is the server's when it is whole, and its body has time of its own; what will be
// refused, and whoever waits to be told to continue, is not waited for.
func TestFrontHoldsSmallBodies(t *testing.T) {
	const limit = 2 * time.Second
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.ReadTimeout, c.LogSample = limit, 1<<40 })
	const head = "POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n"
	atServer := func() int64 { return int64(s.connections()) - s.front.waiting.Load() }
	write := func(b *kept, text string) {
		t.Helper()
		if _, err := io.WriteString(b.conn, text); err != nil {
			t.Fatal(err)
		}
	}
	b := newKept(t, s)
	write(b, head[:20])
	time.Sleep(limit * 2 / 3)
	write(b, head[20:]+"Content-Length: 10\r\n\r\n{\"a\"")
	for range 20 {
		time.Sleep(limit / 30)
		if n := atServer(); n != 0 {
			t.Fatalf("%d requests are at the server before their bodies have come", n)
		}
	}
	if resp := b.send(":1234}"); resp.StatusCode != 200 {
		t.Errorf("a body that came in time: %d", resp.StatusCode)
	}
	if resp := newKept(t, s).send("DELETE /api/v1/carts/1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\n"); resp.StatusCode != 413 {
		t.Errorf("a body that nobody takes: %d", resp.StatusCode)
	}
	b = newKept(t, s)
	if resp := b.send(head + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"); resp.StatusCode != http.StatusContinue {
		t.Fatalf("who asks whether to continue is told %d", resp.StatusCode)
	}
	if resp := b.send("{}"); resp.StatusCode != 200 {
		t.Errorf("after that: %d", resp.StatusCode)
	}
	b = newKept(t, s)
	write(b, head+"Content-Length: 60000\r\n\r\n{")
	eventually(t, "the server has a request with a large body", func() bool { return atServer() == 1 })
}

// TestFrontClosesSilentOnes: a connection on which nothing is asked is closed, and told nothing.
func TestFrontClosesSilentOnes(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.ReadTimeout = 200 * time.Millisecond })
	began := time.Now()
	if told, err := io.ReadAll(newKept(t, s).r); len(told) > 0 || err != nil || time.Since(began) < 150*time.Millisecond {
		t.Errorf("after %v it is told %q, %v", time.Since(began), told, err)
	}
}

package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"meridian/edge/https"
	"meridian/edge/https/httpstest"
)

// overTLS serves shop.example at a free port, beside the plain listener.
func overTLS(t testing.TB, tune func(*Config)) (func(*Config), *httpstest.CA) {
	t.Helper()
	ca := httpstest.New(t)
	files, err := https.Open([]https.Pair{ca.Files(t, "shop.example")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) {
		c.HTTPS = HTTPS{Addr: "127.0.0.1:0", TLS: https.Config(files.Certificate)}
		if tune != nil {
			tune(c)
		}
	}, ca
}

// browser shakes hands with a server as a client for shop.example.
func browser(t testing.TB, c net.Conn, ca *httpstest.CA) *tls.Conn {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return tls.Client(c, &tls.Config{ServerName: "shop.example", RootCAs: ca.Pool()})
}

func connect(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// askTLS is one request on a connection of its own.
func askTLS(t testing.TB, s *Server, ca *httpstest.CA, method, path, body string, header ...string) *http.Response {
	t.Helper()
	c := browser(t, connect(t, s.HTTPSAddr()), ca)
	req, err := http.NewRequest(method, "https://shop.example"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if err := req.Write(c); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(b)))
	return resp
}

// TestTLS: the same shop and the same cache answer on both listeners, with cookies for TLS only.
func TestTLS(t *testing.T) {
	tune, ca := overTLS(t, nil)
	s := startServer(t, newShopStub().routes(), tune)
	if resp, _ := get(t, s, "/products/mug"); resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	resp := askTLS(t, s, ca, "GET", "/products/mug", "")
	if cs := resp.Header.Get("Cache-Status"); resp.StatusCode != 200 || !strings.Contains(cs, "; hit") {
		t.Errorf("%s, %s", resp.Status, cs)
	}
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers may come back without TLS")
	}
	resp = askTLS(t, s, ca, "POST", "/cart", "a=b", "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://shop.example")
	if resp.StatusCode != 303 {
		t.Errorf("a form: %s", resp.Status)
	}
	for _, c := range resp.Cookies() {
		if !c.Secure {
			t.Errorf("the cookie %s may be sent without TLS", c.Name)
		}
	}
	if n := s.connections(); n < 0 {
		t.Errorf("%d connections", n)
	}
	eventually(t, "nobody is connected", func() bool { return s.connections() == 0 })
}

// TestSilentHandshakes: clients that say nothing, or a byte at a time, hold up nobody and are cut off in time.
func TestSilentHandshakes(t *testing.T) {
	const limit = 500 * time.Millisecond
	tune, ca := overTLS(t, func(c *Config) { c.ReadTimeout = limit })
	s := startServer(t, newShopStub().routes(), tune)
	const many = 200
	start := time.Now()
	var silent []net.Conn
	for i := range many {
		c := connect(t, s.HTTPSAddr())
		if i%2 == 0 { // the beginning of a handshake, which never goes on
			if _, err := io.WriteString(c, "\x16\x03\x01\x02\x00\x01"); err != nil {
				t.Fatal(err)
			}
		}
		silent = append(silent, c)
	}
	if resp := askTLS(t, s, ca, "GET", "/", ""); resp.StatusCode != 200 {
		t.Errorf("behind silent clients: %s", resp.Status)
	}
	if n := counted(t, s, "meridian_edge_tls_handshakes_failed_total", "late"); n > 0 && time.Since(start) < limit {
		t.Errorf("%v were cut off before their time", n)
	}
	// Byte for byte, for as long as the server listens.
	drip := connect(t, s.HTTPSAddr())
	var written atomic.Int64
	cut := make(chan time.Duration, 1)
	go func() {
		begun := time.Now()
		for _, b := range []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 500)) {
			if _, err := drip.Write([]byte{b}); err != nil {
				break
			}
			written.Add(1)
			time.Sleep(10 * time.Millisecond)
		}
		cut <- time.Since(begun)
	}()
	for _, c := range silent {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); isTimeout(err) {
			t.Fatal("a silent client was not cut off")
		}
	}
	if took := <-cut; took > 4*time.Second {
		t.Errorf("%d bytes of a slow handshake were read for %v", written.Load(), took)
	}
	eventually(t, "all are counted", func() bool {
		return counted(t, s, "meridian_edge_tls_handshakes_failed_total", "late") == many+1
	})
	eventually(t, "nobody is connected", func() bool { return s.connections() == 0 })
	if n := counted(t, s, "meridian_edge_requests_total", "200"); n != 1 {
		t.Errorf("%v answers", n)
	}
}

// TestCloseDoesNotWaitForHandshakes: a client that is silent when the server stops does not keep it.
func TestCloseDoesNotWaitForHandshakes(t *testing.T) {
	t.Parallel()
	tune, _ := overTLS(t, func(c *Config) { c.ReadTimeout, c.DrainTimeout = time.Minute, 30*time.Second })
	s := startServer(t, newShopStub().routes(), tune)
	connect(t, s.HTTPSAddr())
	eventually(t, "it is connected", func() bool { return s.connections() == 1 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestPlainHTTPAtTheTLSListener(t *testing.T) {
	tune, _ := overTLS(t, nil)
	s := startServer(t, newShopStub().routes(), tune)
	c := connect(t, s.HTTPSAddr())
	if _, err := io.WriteString(c, plainGet); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(body), "https://") {
		t.Errorf("%s: %q, %v", resp.Status, body, err)
	}
	c = connect(t, s.HTTPSAddr())
	if _, err := io.WriteString(c, "SSH-2.0-x\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are counted", func() bool {
		return counted(t, s, "meridian_edge_tls_handshakes_failed_total", "plain") == 1 && counted(t, s, "meridian_edge_tls_handshakes_failed_total", "failed") == 1
	})
}

// TestTLSConnectionsOfOneAddressAreBounded: those that only shake hands, or do not, count, too.
func TestTLSConnectionsOfOneAddressAreBounded(t *testing.T) {
	tune, ca := overTLS(t, func(c *Config) { c.MaxConnsPerIP = 2 })
	s := startServer(t, newShopStub().routes(), tune)
	held := []net.Conn{connect(t, s.HTTPSAddr()), connect(t, s.HTTPSAddr())}
	eventually(t, "two are open", func() bool { return s.connections() == 2 })
	if err := browser(t, connect(t, s.HTTPSAddr()), ca).Handshake(); err == nil {
		t.Error("a third")
	}
	for _, c := range held {
		_ = c.Close()
	}
	eventually(t, "they are gone", func() bool { return s.connections() == 0 })
	if resp := askTLS(t, s, ca, "GET", "/", ""); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

// TestProxyProtocolBeforeTLS: a load balancer names the client before the handshake.
func TestProxyProtocolBeforeTLS(t *testing.T) {
	seen := make(chan string, 1)
	routes := []Route{{Method: "GET", Pattern: "/", Class: Private, Handler: func(_ context.Context, r *Request) (*Answer, error) {
		seen <- r.Client
		return &Answer{}, nil
	}}}
	tune, ca := overTLS(t, proxied4("127.0.0.0/8"))
	s := startServer(t, routes, tune)
	c := connect(t, s.HTTPSAddr())
	if _, err := io.WriteString(c, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x34\x00\x50"); err != nil {
		t.Fatal(err)
	}
	if status := say(t, browser(t, c, ca), plainGet); status != 200 {
		t.Fatal(status)
	}
	if got := <-seen; got != "192.0.2.1" {
		t.Errorf("it was seen as %s", got)
	}
	bare := connect(t, s.HTTPSAddr())
	if err := browser(t, bare, ca).Handshake(); err == nil {
		t.Error("a connection without a header from a network that sends one")
	}
}

// TestRedirect: plain text off this machine is sent to TLS, everything else is answered as ever.
func TestRedirect(t *testing.T) {
	tune, ca := overTLS(t, func(c *Config) {
		c.HTTPS.Redirect = "shop.example:8443"
		c.HTTPS.Challenge = func(host, path string) ([]byte, bool) {
			return []byte(host + path), strings.HasSuffix(path, "/known")
		}
	})
	s := startServer(t, newShopStub().routes(), tune)
	if resp, _ := get(t, s, "/products/mug", "Host", "x"); resp.StatusCode != 200 { // it is in the cache from here on
		t.Fatal(resp.Status)
	}
	for _, c := range []struct {
		what, request string
		status        int
		place         string
	}{
		{"a page", "GET /products/mug?color=red HTTP/1.1\r\nHost: shop.example\r\n\r\n", 308, "https://shop.example:8443/products/mug?color=red"},
		{"a page in the cache", "GET /products/mug HTTP/1.1\r\nHost: www.shop.example:80\r\n\r\n", 308, "https://www.shop.example:8443/products/mug"},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: shop.example\r\n\r\n", 308, "https://shop.example:8443/"},
		{"a write", "POST /cart HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b", 308, "https://shop.example:8443/cart"},
		{"no host", "GET / HTTP/1.0\r\n\r\n", 308, "https://shop.example:8443/"},
		{"an address", "GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n", 308, "https://shop.example:8443/"},
		{"a host that is none", "GET / HTTP/1.1\r\nHost: evil.example/x@\r\n\r\n", 400, ""},
		{"a host with a mark", "GET / HTTP/1.1\r\nHost: evil!example\r\n\r\n", 308, "https://shop.example:8443/"},
		{"two slashes", "GET //evil.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n", 308, "https://shop.example:8443//evil.example/"},
		{"this machine", "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", 200, ""},
		{"bad framing", "POST /cart HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
		{"a bad target", "GET /a/../b HTTP/1.1\r\nHost: shop.example\r\n\r\n", 400, ""},
		{"a CA's question", "GET /.well-known/acme-challenge/known HTTP/1.1\r\nHost: shop.example\r\n\r\n", 200, ""},
		{"a stranger's question", "GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: shop.example\r\n\r\n", 404, ""},
	} {
		conn := connect(t, s.Addr())
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: strings.Fields(c.request)[0]})
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if resp.StatusCode != c.status || resp.Header.Get("Location") != c.place {
			t.Errorf("%s: %s to %q, want %d to %q", c.what, resp.Status, resp.Header.Get("Location"), c.status, c.place)
		}
		if cc := resp.Header.Get("Cache-Control"); c.status != 200 && cc != "private, no-store" {
			t.Errorf("%s: %s may be kept: %q", c.what, resp.Status, cc)
		}
	}
	for range 2 { // never out of the cache
		resp := askTLS(t, s, ca, "GET", "/.well-known/acme-challenge/known", "")
		body, _ := io.ReadAll(resp.Body)
		if string(body) != "shop.example/.well-known/acme-challenge/known" || !strings.Contains(resp.Header.Get("Cache-Status"), "fwd=bypass") {
			t.Errorf("%s: %q, %q", resp.Status, body, resp.Header)
		}
	}
	if resp := askTLS(t, s, ca, "GET", "/products/mug", ""); resp.StatusCode != 200 {
		t.Errorf("with TLS: %s", resp.Status)
	}
}

// TestNoRedirectBehindAProxy: who is trusted to name clients has spoken TLS with them.
func TestNoRedirectBehindAProxy(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) {
		c.HTTPS.Redirect = "shop.example"
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	if status := say(t, connect(t, s.Addr()), plainGet); status != 200 {
		t.Error(status)
	}
}

// again is the same socket under a descriptor of its own, as a successor gets it.
func again(t *testing.T, ln net.Listener) net.Listener {
	t.Helper()
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// Not File: that makes the socket a blocking one for a moment, also for who accepts at it just then, and for ever.
	fd, failed := 0, error(nil)
	if err := raw.Control(func(of uintptr) { fd, failed = syscall.Dup(int(of)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	dup, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	return dup
}

// TestTheTLSListenerIsHandedOver: a successor answers at it, also for who connected before; and what a successor
// does not serve, it lets go of.
func TestTheTLSListenerIsHandedOver(t *testing.T) {
	tune, ca := overTLS(t, nil)
	old := startServer(t, newShopStub().routes(), tune)
	inherited := map[string]net.Listener{}
	for name, ln := range old.Sockets() {
		inherited[name] = again(t, ln)
	}
	next := startServer(t, newShopStub().routes(), func(c *Config) {
		tune(c)
		c.ID, c.Inherited = "edge-next", inherited
	})
	if old.HTTPSAddr() != next.HTTPSAddr() || old.Addr() != next.Addr() {
		t.Fatalf("it listens at %s and %s, not at %s and %s", next.Addr(), next.HTTPSAddr(), old.Addr(), old.HTTPSAddr())
	}
	if err := old.Drain(time.Second); err != nil {
		t.Fatal(err)
	}
	if resp := askTLS(t, next, ca, "GET", "/", ""); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	plain := startServer(t, newShopStub().routes(), func(c *Config) {
		c.Inherited = map[string]net.Listener{shopSocket: again(t, next.ln), httpsSocket: again(t, next.secure)}
	})
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", next.secure.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("a connection waits where nobody serves")
	}
	if resp, _ := get(t, plain, "/"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

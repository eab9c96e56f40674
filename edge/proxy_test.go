package edge

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// fromProxy opens a connection as a load balancer would, for a client.
func fromProxy(t *testing.T, s *Server, client string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	a := netip.MustParseAddr(client).As4()
	if _, err := io.WriteString(c, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"+string(a[:])+"\x0a\x00\x00\x01\x12\x34\x00\x50"); err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends a request and gives the answer's status, 0 if the connection was closed.
func say(t *testing.T, c net.Conn, request string) int {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if isTimeout(err) {
		t.Fatal("neither answered nor closed")
	}
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

const plainGet = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"

func proxied4(from string) func(*Config) {
	return func(c *Config) {
		c.ProxyProtocol, c.MaxConnsPerIP, c.ProxyTimeout = []netip.Prefix{netip.MustParsePrefix(from)}, 2, 200*time.Millisecond
	}
}

// Behind a load balancer the client is who it says, for handlers and for the bound of connections.
func TestProxyProtocolNamesTheClient(t *testing.T) {
	seen := make(chan string, 10)
	routes := []Route{{Method: "GET", Pattern: "/", Class: Private, Handler: func(_ context.Context, r *Request) (*Answer, error) {
		seen <- r.Client
		return &Answer{}, nil
	}}}
	s := startServer(t, routes, func(c *Config) {
		proxied4("127.0.0.0/8")(c)
		// The load balancer's own address would be believed; its clients' are not.
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for _, client := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		c := fromProxy(t, s, client)
		if status := say(t, c, "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"); status != 200 {
			t.Fatalf("%s got %d", client, status)
		}
		if got := <-seen; got != client {
			t.Errorf("%s was seen as %s", client, got)
		}
	}
	if status := say(t, fromProxy(t, s, "192.0.2.1"), plainGet); status != 429 && status != 0 {
		t.Errorf("a client's third connection got %d", status)
	}
	// The client's own header comes after the load balancer's, and is no HTTP.
	c := fromProxy(t, s, "192.0.2.4")
	if status := say(t, c, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x06\x06\x06\x06\x0a\x00\x00\x01\x12\x34\x00\x50"+plainGet); status != 400 && status != 0 {
		t.Errorf("a second header got %d", status)
	}
	if len(seen) != 0 {
		t.Errorf("it was served, as %s", <-seen)
	}
}

// Nobody else may: the connection is closed and counted, and so is a load balancer's without a header.
func TestProxyProtocolOfOthersIsRefused(t *testing.T) {
	elsewhere := startServer(t, newShopStub().routes(), proxied4("10.0.0.0/8"))
	if status := say(t, fromProxy(t, elsewhere, "192.0.2.1"), plainGet); status != 0 {
		t.Errorf("an untrusted header got %d", status)
	}
	if n := counted(t, elsewhere, "meridian_edge_proxy_protocol_refused_total", "untrusted"); n != 1 {
		t.Errorf("%v were counted", n)
	}
	if resp, _ := get(t, elsewhere, "/"); resp.StatusCode != 200 {
		t.Errorf("without a header: %d", resp.StatusCode)
	}
	trusted := startServer(t, newShopStub().routes(), proxied4("127.0.0.0/8"))
	silent, err := net.Dial("tcp", trusted.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if status := say(t, fromProxy(t, trusted, "192.0.2.1"), plainGet); status != 200 {
		t.Errorf("behind a silent connection: %d", status)
	}
	plain, err := net.Dial("tcp", trusted.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if status := say(t, plain, plainGet); status != 0 {
		t.Errorf("a trusted network without a header got %d", status)
	}
	eventually(t, "the silent one is closed, too", func() bool {
		return counted(t, trusted, "meridian_edge_proxy_protocol_refused_total", "late") == 1 && counted(t, trusted, "meridian_edge_proxy_protocol_refused_total", "missing") == 1
	})
}

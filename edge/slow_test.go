package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// dripPause is between two bytes of a drip: many of them fit into every deadline here.
const dripPause = 20 * time.Millisecond

// dripped is how a connection ended that sends a byte every so often.
type dripped struct {
	lasted time.Duration
	bytes  int
	answer string
}

// drip sends head at once and then a byte now and then, until the server hangs up.
func drip(addr, head string) (d dripped, err error) {
	began := time.Now()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return d, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, head); err != nil {
		return d, err
	}
	buf := make([]byte, 4096)
	for end := began.Add(time.Minute); time.Now().Before(end); {
		if err := c.SetReadDeadline(time.Now().Add(dripPause)); err != nil {
			return d, err
		}
		n, err := c.Read(buf)
		d.answer += string(buf[:n])
		switch {
		case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
			d.lasted = time.Since(began)
			return d, nil
		default:
			return d, err
		}
		if _, err := c.Write([]byte("a")); err == nil {
			d.bytes++
		}
	}
	return d, fmt.Errorf("not cut off within a minute, after %d bytes", d.bytes)
}

// TestDripsAreCutOff: no byte prolongs the time that a head, or a body, has to arrive.
func TestDripsAreCutOff(t *testing.T) {
	const deadline = 500 * time.Millisecond
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.ReadTimeout = deadline })
	for name, c := range map[string]struct {
		head   string
		many   int
		answer bool
	}{
		"head":                {"GET /products/mug HTTP/1.1\r\nHost: shop.example\r\nX-A: ", 250, false},
		"head after a page":   {"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\nGET / HTTP/1.1\r\nX-A: ", 50, false},
		"body":                {"POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", 150, true},
		"body in chunks":      {"POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfff0\r\n{", 50, true},
		"body of a wrong key": {"POST /api/v1/checkout HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wg sync.WaitGroup
			for range c.many {
				wg.Go(func() {
					d, err := drip(s.Addr(), c.head)
					switch {
					case err != nil:
						t.Error(err)
					case c.answer && d.lasted < deadline:
						t.Errorf("cut off after %v, with %v to arrive: %q", d.lasted, deadline, d.answer)
					case c.answer && (len(d.answer) < 12 || d.answer[:12] != "HTTP/1.1 408"):
						t.Errorf("it was told %q", d.answer)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestSlowReadersAreCutOff: reading a byte now and then does not prolong the time an answer has.
func TestSlowReadersAreCutOff(t *testing.T) {
	large := make([]byte, 8<<20) // more than a connection's buffers hold
	routes := append(newShopStub().routes(), Route{Method: "GET", Pattern: "/large", Class: Private, Handler: func(context.Context, *Request) (*Answer, error) {
		return &Answer{ContentType: "text/plain", Body: large}, nil
	}})
	s := startServer(t, routes, func(c *Config) { c.WriteTimeout = 500 * time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var began atomic.Int64
	for range 20 {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			if _, err := io.WriteString(c, "GET /large HTTP/1.1\r\nHost: shop.example\r\n\r\n"); err != nil {
				t.Error(err)
			}
			for b := make([]byte, 1); ; time.Sleep(dripPause) {
				if n, err := c.Read(b); err != nil {
					return
				} else if n > 0 && b[0] == 'H' {
					began.Add(1)
				}
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	eventually(t, "everybody has the first byte", func() bool { return began.Load() >= 20 })
	eventually(t, "the server has closed all of them", func() bool { return s.connections() <= 0 })
}

// TestFilesHaveTimeToArrive: what is a page's time is not enough for a film on a slow line.
func TestFilesHaveTimeToArrive(t *testing.T) {
	large := make([]byte, 8<<20) // more than a connection's buffers hold
	film := func(context.Context, *Request) (*Answer, error) {
		return &Answer{ContentType: "video/mp4", Body: large, Immutable: true}, nil
	}
	routes := append(newShopStub().routes(), Route{Method: "GET", Pattern: "/films/{name}", Class: File, Handler: film}, Route{Method: "GET", Pattern: "/large", Class: Private, Handler: film})
	const page = 300 * time.Millisecond
	s := startServer(t, routes, func(c *Config) { c.WriteTimeout = page })
	arrives := func(path string) int {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * page) // the line is slow
		n, _ := io.Copy(io.Discard, c)
		return int(n)
	}
	if n := arrives("/films/a"); n < len(large) {
		t.Errorf("%d bytes of a film arrived", n)
	}
	if n := arrives("/large"); n >= len(large) {
		t.Error("a page has as much time as a film: the test of films shows nothing")
	}
}

// TestDripsTakeNobodysTurn: clients whose bodies trickle in keep nobody else from being served.
func TestDripsTakeNobodysTurn(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.MaxServed = 2 })
	for range 20 {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{\"a\""); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all of them are connected", func() bool { return s.connections() >= 20 })
	for range 20 {
		if resp, body := get(t, s, "/cart"); resp.StatusCode != http.StatusOK {
			t.Fatalf("beside slow bodies, a cart is %d %s", resp.StatusCode, body)
		}
	}
}

package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The table of requests that two servers could read in two ways, and what must become of them.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.ReadTimeout = time.Second })
	post := "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	for _, c := range []struct {
		name, raw string
		status    int
		open      bool // the connection may go on
	}{
		{"length and chunks", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smug HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"two lengths", post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, false},
		{"length +5", post + "Content-Length: +5\r\n\r\nhello", 400, false},
		{"two codings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false},
		{"coding identity", post + "Transfer-Encoding: identity\r\n\r\n", 400, false},
		{"coding identity on GET", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400, false},
		{"coding xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, false},
		{"coding gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, false},
		{"coding on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false},
		{"space before colon", "GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", 400, false},
		{"folded header", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", 400, false},
		{"folded with a tab", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n", 400, false},
		{"folded host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", 400, false},
		{"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 408, false},
		{"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n", 400, false},
		{"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n", 400, false},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400, false},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, false},
		{"host with a path", "GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n", 400, false},
		{"absolute target", "GET http://evil/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 400, false},
		{"GET with chunks", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400, false},
		{"line feed in a chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nZ\r\n0\r\n\r\n", 400, false},
		{"encoded slash", "GET /a/..%2fadmin HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded slash, upper case", "GET /a/..%2Fadmin HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded backslash", "GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"dot segments", "GET /a/../admin HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"dot segment at the end", "GET /products/.. HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded dots", "GET /a/%2e%2e/admin HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded letter", "GET /%61dmin HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded twice", "GET /%2561dmin HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded NUL", "GET /x%00y.css HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"encoded line feed", "GET /x%0Ay HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"cut encoding", "GET /x%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"not UTF-8", "GET /products/%FF HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"overlong UTF-8", "GET /products/%C0%AF HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"raw UTF-8", "GET /products/caf\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"query not UTF-8", "GET /products/mug?color=%FF HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
		{"query with NUL", "GET /products/mug?color=%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
		{"backslash", "GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"fragment", "GET /a#b.css HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"method junk", "GeT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"method with a tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, false},
		{"HTTP/2.0 as text", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400, false},
		{"17 KB of headers", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", 431, false},
		{"900 headers", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A:\r\n", 900) + "\r\n", 400, false},
		{"too long a target", "GET /" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
		{"too many parameters", "GET /?" + strings.Repeat("a=b&", 200) + " HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	} {
		status, closed, head := raw(t, s, c.raw)
		if status != c.status || closed == c.open {
			t.Errorf("%s: %d, closed %v, want %d", c.name, status, closed, c.status)
		}
		for _, want := range []string{"X-Request-Id", "Server-Timing", "Content-Security-Policy", "request_id", `"code"`} {
			if !strings.Contains(head, want) {
				t.Errorf("%s: no %s in %s", c.name, want, head)
			}
		}
	}
	// The same server goes on answering.
	if resp, _ := get(t, s, "/"); resp.StatusCode != 200 {
		t.Fatalf("after all that: %d", resp.StatusCode)
	}
}

func TestNormalFormsRedirect(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	for path, want := range map[string]string{
		"/products/mug/":           "/products/mug",
		"//products//mug":          "/products/mug",
		"/products//mug?color=red": "/products/mug?color=red",
		"/admin":                   "/admin/",
		"/cart/?a=b":               "/cart?a=b",
	} {
		status, _, head := raw(t, s, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		if status != 308 || !strings.Contains(head, "Location:["+want+"]") {
			t.Errorf("%s: %d %s", path, status, head)
		}
	}
	if status, _, head := raw(t, s, "GET //evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n"); strings.Contains(head, "Location:[//") {
		t.Errorf("a redirect leads to another host: %d %s", status, head)
	}
}

func TestMethodsAndUnknownPaths(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	if resp, body := get(t, s, "/nowhere"); resp.StatusCode != 404 || !strings.Contains(body, `"not_found"`) {
		t.Errorf("unknown path: %d %s", resp.StatusCode, body)
	}
	if resp, body := do(t, s, "DELETE", "/products/mug", ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD, OPTIONS" || !strings.Contains(body, "method_not_allowed") {
		t.Errorf("wrong method: %d %v %s", resp.StatusCode, resp.Header, body)
	}
	if resp, _ := do(t, s, "OPTIONS", "/cart", ""); resp.StatusCode != 204 || resp.Header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("OPTIONS: %d %v", resp.StatusCode, resp.Header)
	}
	if status, _, head := raw(t, s, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"); status != 204 || !strings.Contains(head, "Allow") {
		t.Errorf("OPTIONS *: %d %s", status, head)
	}
	full, body := get(t, s, "/products/mug")
	head, none := do(t, s, "HEAD", "/products/mug", "")
	if head.StatusCode != 200 || none != "" || head.ContentLength != int64(len(body)) || head.Header.Get("ETag") != full.Header.Get("ETag") {
		t.Errorf("HEAD: %d, length %d of %d", head.StatusCode, head.ContentLength, len(body))
	}
	for _, m := range []string{"TRACE", "CONNECT"} {
		if resp, _ := do(t, s, m, "/cart", ""); resp.StatusCode != 405 {
			t.Errorf("%s: %d", m, resp.StatusCode)
		}
	}
}

func TestBodiesAreLimitedBeforeTheyAreRead(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	// 5 MB are announced and none are sent: only a server that does not wait for them can answer.
	start := time.Now()
	status, closed, head := raw(t, s, "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5242880\r\n\r\n")
	if status != 413 || !closed || !strings.Contains(head, "too_large") || !strings.Contains(head, "close=true") {
		t.Errorf("announced too large: %d, closed %v, %s", status, closed, head)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the answer took %v", took)
	}
	if status, _, _ := raw(t, s, "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5242880\r\n\r\n"); status != 413 {
		t.Errorf("with Expect: %d", status)
	}
	// Chunks say no length: the limit holds while they come.
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 4096, strings.Repeat("a", 4096))
	status, closed, _ = raw(t, s, "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 40))
	if status != 413 || !closed {
		t.Errorf("chunks: %d, closed %v", status, closed)
	}
	if status, _, _ := raw(t, s, "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5242880\r\n\r\n"); status != 404 {
		t.Errorf("unknown path with a body: %d", status)
	}
	if resp, _ := do(t, s, "DELETE", "/api/v1/carts/1", "{}"); resp.StatusCode != 413 {
		t.Errorf("a body where none is taken: %d", resp.StatusCode)
	}
	limit := strings.Repeat("a", 64<<10)
	if resp, body := do(t, s, "POST", "/api/v1/carts", limit, "Content-Type", "application/json"); resp.StatusCode != 200 || !strings.Contains(body, `"body":65536`) {
		t.Errorf("exactly the limit: %d %s", resp.StatusCode, body)
	}
	if status, _, head := raw(t, s, "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"); status != 200 || !strings.Contains(head, `"body":2`) {
		t.Errorf("chunks within the limit: %d %s", status, head)
	}
}

// A client that sends its whole body before it reads must see the 413, not a reset.
func TestLargeUploadStillSeesItsRefusal(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n"+strings.Repeat("a", 900000)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 413 {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestContentTypes(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	for _, c := range []struct {
		path, ct, body string
		want           int
	}{
		{"/api/v1/carts", "application/json; charset=utf-8", "{}", 200},
		{"/api/v1/carts", "Application/JSON", "{}", 200},
		{"/api/v1/carts", "text/plain", "{}", 415},
		{"/api/v1/carts", "", "{}", 415},
		{"/api/v1/carts", "application/jsonx", "{}", 415},
		{"/cart", "application/x-www-form-urlencoded", "sku=a&quantity=2", 303},
		{"/cart", "application/x-www-form-urlencoded", "sku=%FF", 400},
		{"/cart", "application/x-www-form-urlencoded", strings.Repeat("a=b&", 101), 400},
		{"/cart", "multipart/form-data; boundary=x", "--x--", 415},
	} {
		if resp, body := do(t, s, "POST", c.path, c.body, "Content-Type", c.ct); resp.StatusCode != c.want {
			t.Errorf("%s %q: %d, want %d: %s", c.path, c.ct, resp.StatusCode, c.want, body)
		}
	}
	if resp, _ := do(t, s, "POST", "/api/v1/carts", "{}", "Content-Type", "application/json", "Content-Encoding", "gzip"); resp.StatusCode != 415 {
		t.Errorf("an encoded body: %d", resp.StatusCode)
	}
}

func TestSlowClientsAreCut(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.ReadTimeout = 400 * time.Millisecond })
	drip := func(name, first string) {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		_, _ = io.WriteString(c, first)
		gone := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, c); close(gone) }()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-gone:
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("%s: cut after %v", name, took)
				}
				return
			case <-tick.C:
				_, _ = io.WriteString(c, "X")
				if time.Since(start) > 5*time.Second {
					t.Errorf("%s: never cut", name)
					return
				}
			}
		}
	}
	drip("headers", "GET / HTTP/1.1\r\nHost: a\r\n")
	drip("body", "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n")
	drip("body over the limit", "POST /api/v1/carts HTTP/1.1\r\nHost: a\r\nContent-Length: 6000000\r\n\r\n")
	drip("nothing", "")
}

func TestPanicsAreInternalErrors(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	for _, path := range []string{"/panic", "/panic-public", "/panic-public"} {
		resp, body := get(t, s, path)
		if resp.StatusCode != 500 || strings.Contains(body, "boom") || !strings.Contains(body, `"internal"`) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"/", "/a/b?c=d", "/a%2fb", "/caf%C3%A9", "//x", "/a/./b", "/%25", "/a#b", "*", "http://x/", "/ü", "/a%c3%a9", "/..", "/a?%00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, rawTarget []byte) {
		got, err := parseTarget(rawTarget)
		if err != nil {
			if err.Status != 400 {
				t.Fatalf("%q: %v", rawTarget, err)
			}
			return
		}
		p := got.path
		if p == "" || p[0] != '/' || strings.ContainsAny(p, "\\\x00%") || strings.Contains(p+"/", "/../") || strings.Contains(p+"/", "/./") {
			t.Fatalf("%q became %q", rawTarget, p)
		}
		// One normal form: encoding the path again gives the bytes that were sent.
		sent, _, _ := strings.Cut(string(rawTarget), "?")
		if again := encodePath(p); again != sent {
			t.Fatalf("%q is %q, which is sent as %q", sent, p, again)
		}
		if got.collapse != "" && (strings.Contains(got.collapse, "//") || got.collapse[0] != '/') {
			t.Fatalf("%q redirects to %q", rawTarget, got.collapse)
		}
		_, _ = parsePairs(got.query, false, func(string) bool { return true })
	})
}

// encodePath is the normal form, written independently of the parser.
func encodePath(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if c := p[i]; c < 0x80 && (c == '/' || strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@", c) >= 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func FuzzParsePairs(f *testing.F) {
	f.Add([]byte("a=b&c=%41&d=+"), true)
	f.Add([]byte("%=&&=="), false)
	f.Fuzz(func(t *testing.T, b []byte, form bool) {
		m, err := parsePairs(b, form, func(n string) bool { return n != "drop" })
		n := 0
		for k, vs := range m {
			for _, v := range vs {
				n++
				if strings.ContainsAny(k+v, "\x00\x01\x7f") || k == "drop" {
					t.Fatalf("%q gave %q=%q", b, k, v)
				}
			}
		}
		if n > maxPairs || err != nil && m != nil {
			t.Fatalf("%d pairs, %v", n, err)
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=9-2", "bytes=0-1,3-4", "bytes=99999999999999999999-", "x"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, spec string, size int64) {
		if size < 0 {
			return
		}
		from, to, ok, outside := parseRange(spec, size)
		if ok && (from < 0 || to > size || from >= to) || ok && outside {
			t.Fatalf("%q of %d: %d-%d, outside %v", spec, size, from, to, outside)
		}
	})
}

// TestBodiesAreNotRequests: a body that is not read, whatever the answer is, ends the connection; what stands in it is not answered.
func TestBodiesAreNotRequests(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	const inner = "GET /products/mug HTTP/1.1\r\nHost: shop.example\r\n\r\n"
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS"} {
		for _, target := range []string{"/", "/products/mug", "/products//mug", "/products/mug/", "/none", "/api/v1//carts", "//", "*"} {
			head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: shop.example\r\nContent-Length: %d\r\n\r\n", method, target, len(inner))
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(c, head)
			time.Sleep(5 * time.Millisecond) // the head alone, and then what looks like a request
			_, _ = io.WriteString(c, inner)
			_ = c.(*net.TCPConn).CloseWrite()
			told, _ := io.ReadAll(c)
			c.Close()
			if n := bytes.Count(told, []byte("HTTP/1.1 ")); n != 1 {
				t.Errorf("%s %s is answered %d times: %q", method, target, n, told)
			}
		}
	}
}

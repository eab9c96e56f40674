package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// encodedWell waits until an address is kept in its final encodings.
func encodedWell(t testing.TB, s *Server, paths ...string) {
	t.Helper()
	for _, path := range paths {
		eventually(t, path+" is compressed well", func() bool {
			r, _ := get(t, s, path, "Accept-Encoding", "br")
			return r.Header.Get("Content-Encoding") == "br"
		})
	}
}

// conversation is what a client sends on one connection, in pieces; after each the client waits for so many answers.
type conversation struct {
	pieces  [][]byte
	methods []string
	await   []int
	slowly  bool // there is time to answer between the pieces
}

// converse makes up a conversation.
func converse(rng *rand.Rand) conversation {
	targets := []string{"/products/mug", "/products/mug", "/products/mug", "/products/mug/", "/products//mug", "/products/m%75g", "/products/none", "/products/mug?color=red",
		"/", "/", "/assets/a.jpg", "/assets/a.jpg", "/cart", "/uncached", "/products/mug#x"}
	headers := []string{"Accept: */*", "Accept: application/json", "accept: text/html", "Accept-Encoding: gzip", "Accept-Encoding: br;q=0, gzip;q=0.5", "If-None-Match: *", "Range: bytes=2-4",
		"Connection: keep-alive", "Connection: close", "Content-Length: 0", "Content-Length: 5", " folded: 1", "X-A: \tb", "X-\xc3: b", "Expect: 100-continue", "Transfer-Encoding: identity",
		"If-None-Match: \"x\"", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)", "COOKIE: mj=x", "Upgrade: h2c", "X-Request-Id: " + strings.Repeat("a", 70), "Accept-Encoding:"}
	var c conversation
	var out []byte
	sent := 0
	for range 1 + rng.IntN(6) {
		method := []string{"GET", "GET", "GET", "GET", "HEAD", "POST"}[rng.IntN(6)]
		target := targets[rng.IntN(len(targets))]
		var body string
		if method == "POST" {
			target, body = "/api/v1/carts", `{"a":"`+strings.Repeat("x", []int{0, 100, 5000}[rng.IntN(3)])+`"}`
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %s HTTP/1.%d\r\nHost: %s\r\n", method, target, min(1, rng.IntN(20)), []string{"127.0.0.1", "shop.example", "localhost:1", "[::1]:8080", "a b"}[rng.IntN(5)])
		for range rng.IntN(4) {
			if rng.IntN(2) == 0 {
				b.WriteString(headers[rng.IntN(len(headers))] + "\r\n")
			}
		}
		b.WriteString("X-Request-Id: mine\r\n")
		switch {
		case body == "":
			b.WriteString("\r\n")
		case rng.IntN(4) == 0:
			fmt.Fprintf(&b, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		default:
			fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		out = append(out, b.Bytes()...)
		c.methods = append(c.methods, method)
		sent++
		if rng.IntN(5) > 0 { // else the next is sent with it
			for rng.IntN(3) == 0 && len(out) > 2 { // in pieces
				n := 1 + rng.IntN(len(out)-1)
				c.pieces, c.await, out = append(c.pieces, out[:n]), append(c.await, 0), out[n:]
			}
			c.pieces, c.await, out = append(c.pieces, out), append(c.await, sent), nil
			sent = 0
		}
	}
	c.pieces, c.await = append(c.pieces, out), append(c.await, sent)
	return c
}

// ofTheMoment are how long an answer holds, and whether an address is still known for answers that are not kept.
var ofTheMoment = regexp.MustCompile(`ttl=[0-9]+|fwd=(miss|bypass)`)

// hold has a conversation and tells what was answered, without what differs from one moment to the next.
func (c conversation) hold(t *testing.T, s *Server) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	methods := c.methods
	var told strings.Builder
	var again func() bool
	answer := func() bool {
		method := "GET"
		if len(methods) > 0 {
			method, methods = methods[0], methods[1:]
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return false
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%q: %v", c.pieces, err)
		}
		if resp.StatusCode == http.StatusContinue {
			methods = append([]string{method}, methods...)
			told.WriteString("continue\n")
			return again()
		}
		var lines []string
		for name, values := range resp.Header {
			switch value := strings.Join(values, "|"); {
			case name == "Server-Timing" || name == "Date" || name == "Age":
			case name == "Cache-Status":
				if resp.StatusCode != 404 { // is soon forgotten
					lines = append(lines, name+": "+ofTheMoment.ReplaceAllString(value, "N"))
				}
			case name == "X-Request-Id" && len(value) == 24 && !strings.Contains(value, "a a"):
				lines = append(lines, name+": some")
			default:
				lines = append(lines, name+": "+value)
			}
		}
		slices.Sort(lines)
		if i := bytes.Index(body, []byte("request_id")); i >= 0 { // a problem names its request
			body = body[:i]
		}
		fmt.Fprintf(&told, "%s\n%s\n%d close=%v %s\n\n", resp.Status, strings.Join(lines, "\n"), resp.ContentLength, resp.Close, body)
		return !resp.Close
	}
	again = answer
	for i, p := range c.pieces {
		if _, err := conn.Write(p); err != nil {
			break
		}
		switch {
		case c.slowly:
			time.Sleep(50 * time.Millisecond)
		case c.await[i] == 0:
			time.Sleep(200 * time.Microsecond)
		}
		for range c.await[i] {
			if !answer() && !c.slowly {
				return told.String()
			}
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	for answer() {
	}
	if c.slowly {
		rest, _ := io.ReadAll(r) // after the last answer there should be none
		fmt.Fprintf(&told, "and then %q", rest)
	}
	return told.String()
}

// TestShortcutAnswersAsTheLongWay: whatever is sent on a connection, in whatever pieces, its answers are those of a
// server without the short cut.
func TestShortcutAnswersAsTheLongWay(t *testing.T) {
	stub := newShopStub()
	quiet := func(c *Config) { c.LogSample = 1 << 40 }
	with := startServer(t, stub.routes(), quiet)
	without := startServer(t, stub.routes(), func(c *Config) { quiet(c); c.longWay = true })
	for _, s := range []*Server{with, without} {
		encodedWell(t, s, "/products/mug", "/products/mug?color=red")
		for _, path := range []string{"/", "/assets/a.jpg", "/uncached"} {
			get(t, s, path, "Accept", "text/html")
			get(t, s, path, "Accept", "application/json")
		}
		get(t, s, "/products/mug", "Accept", "application/json")
		get(t, s, "/products/mug", "Accept", "application/json", "Accept-Encoding", "gzip")
		eventually(t, "also for programs", func() bool {
			r, _ := get(t, s, "/products/mug", "Accept", "application/json", "Accept-Encoding", "br")
			return r.Header.Get("Content-Encoding") == "br"
		})
	}
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 1500 {
		c := converse(rng)
		if got, want := c.hold(t, with), c.hold(t, without); got != want {
			t.Fatalf("%q, answers awaited %d\nthe long way:\n%s\nthe short cut:\n%s", c.pieces, c.await, want, got)
		}
	}
}

// kept is a connection on which one request follows another.
type kept struct {
	t    *testing.T
	s    *Server
	conn net.Conn
	r    *bufio.Reader
}

func newKept(t *testing.T, s *Server) *kept {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &kept{t, s, conn, bufio.NewReader(conn)}
}

func (b *kept) send(text string) *http.Response {
	b.t.Helper()
	_ = b.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(b.conn, text); err != nil {
		b.t.Fatal(err)
	}
	resp, err := http.ReadResponse(b.r, nil)
	if err != nil {
		b.t.Fatalf("%.60q: %v", text, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.t.Fatal(err)
	}
	return resp
}

const pageRequest = "GET /products/mug HTTP/1.1\r\nHost: shop.example\r\n\r\n"

// shortened reports whether a page is answered by the short cut: Date is the last of its prepared lines.
func (b *kept) shortened() bool {
	b.t.Helper()
	_ = b.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(b.conn, pageRequest); err != nil {
		b.t.Fatal(err)
	}
	var head strings.Builder
	for {
		line, err := b.r.ReadString('\n')
		if err != nil {
			b.t.Fatal(err)
		}
		head.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(head.String()), b.r)), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		b.t.Fatal(err)
	}
	return strings.Index(head.String(), "Date:") > strings.Index(head.String(), "X-Region:")
}

// TestShortcutIsFoundAgain: after requests that the server answered, bodies included, hits are short cuts again; where it
// is not sure where a request begins they are not, and neither are they with the short cut switched off.
func TestShortcutIsFoundAgain(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.LogSample = 1 << 40 })
	get(t, s, "/products/mug")
	post := func(n int) string {
		return fmt.Sprintf("POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n))
	}
	for name, c := range map[string]struct {
		before string
		want   bool
	}{
		"nothing":       {"", true},
		"a hit":         {pageRequest, true},
		"a cart":        {"GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n", true},
		"a small body":  {post(100), true},
		"a large body":  {post(50_000), true},
		"a HEAD":        {"HEAD /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n", true},
		"chunks":        {"POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", false},
		"a lone LF":     {"GET /cart HTTP/1.1\r\nHost: shop.example\nX-A: b\r\n\r\n", false},
		"another Range": {"GET /products/mug HTTP/1.1\r\nHost: shop.example\r\nRange: bytes=1-2\r\n\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newKept(t, s)
			if c.before != "" {
				if name == "a HEAD" {
					_, _ = io.WriteString(b.conn, c.before)
					if _, err := http.ReadResponse(b.r, &http.Request{Method: "HEAD"}); err != nil {
						t.Fatal(err)
					}
				} else {
					b.send(c.before)
				}
			}
			if got := b.shortened(); got != c.want {
				t.Errorf("shortened: %v, want %v", got, c.want)
			}
		})
	}
	off := startServer(t, newShopStub().routes(), func(c *Config) { c.LogSample, c.longWay = 1<<40, true })
	get(t, off, "/products/mug")
	if newKept(t, off).shortened() {
		t.Error("this test cannot tell the short cut from the long way")
	}
}

// TestShortcutCountsAndLogs: hits of the short cut are in the metrics, and the log's sample holds some.
func TestShortcutCountsAndLogs(t *testing.T) {
	var log safeBuffer
	s := startServer(t, newShopStub().routes(), func(c *Config) {
		c.LogSample, c.OpsAddr, c.Logger = 10, "127.0.0.1:0", slog.New(slog.NewTextHandler(&log, nil))
	})
	b := newKept(t, s)
	b.send(pageRequest)
	for range 99 {
		b.send(pageRequest)
	}
	if n := strings.Count(log.String(), "msg=answered"); n != 10 {
		t.Errorf("%d of 100 answers are in the log, want 10", n)
	}
	resp, err := http.Get("http://" + s.OpsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	for _, want := range []string{`meridian_edge_requests_total{status="200"} 100`, `meridian_edge_cache_results_total{result="stale"} 99`, "meridian_edge_request_seconds_count 100"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// TestShortcutLogsAsTheLongWay: a line of the log says the same on both ways, also who asked through a proxy.
func TestShortcutLogsAsTheLongWay(t *testing.T) {
	lines := map[bool]string{}
	for _, longWay := range []bool{false, true} {
		var log safeBuffer
		s := startServer(t, newShopStub().routes(), func(c *Config) {
			c.LogSample, c.longWay, c.TrustedProxies = 1, longWay, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		b := newKept(t, s)
		head := strings.Replace(pageRequest, "\r\n\r\n", "\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 203.0.113.9\r\nX-Request-Id: asked\r\n\r\n", 1)
		b.send(head)
		b.send(head)
		eventually(t, "the answer is in the log", func() bool { return strings.Count(log.String(), "msg=answered") == 2 })
		last := log.String()[strings.LastIndex(log.String(), "level="):]
		lines[longWay] = regexp.MustCompile(`(ms|ttl)=[0-9.]+`).ReplaceAllString(last, "$1")
		if b.shortened() == longWay {
			t.Fatal("not the way that is tested")
		}
	}
	if lines[false] != lines[true] || !strings.Contains(lines[false], "client=203.0.113.9") || !strings.Contains(lines[false], "request_id=asked") {
		t.Errorf("the short cut logs\n%s, the long way\n%s", lines[false], lines[true])
	}
}

// TestShortcutIsNotFooled: what looks like a request for a page, but is part of another one's head or body, is not answered.
func TestShortcutIsNotFooled(t *testing.T) {
	stub := newShopStub()
	quiet := func(c *Config) { c.LogSample = 1 << 40 }
	with := startServer(t, stub.routes(), quiet)
	without := startServer(t, stub.routes(), func(c *Config) { quiet(c); c.longWay = true })
	get(t, with, "/products/mug")
	get(t, without, "/products/mug")
	const post = "POST /api/v1/carts HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(pageRequest))
	for name, before := range map[string][]string{
		"half a head":                  {"GET /none HTTP/1.1\r\nHost: shop.example\r\nX-A: "},
		"half a head after a whole":    {"GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\nGET /none HTTP/1.1\r\nHost: shop.example\r\nX-A: "},
		"half a head after a hit":      {pageRequest, "GET /none HTTP/1.1\r\nHost: shop.example\r\nX-A: "},
		"a body":                       {post + length + "\r\n"},
		"a body after a hit":           {pageRequest, post + length + "\r\n"},
		"a body after half of it":      {post + "Content-Length: 1000\r\n\r\n" + strings.Repeat("x", 500), strings.Repeat("x", 500-len(pageRequest))},
		"a large body and half a head": {post + "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 15000), strings.Repeat("x", 5000) + "GET /none HTTP/1.1\r\nHost: shop.example\r\nX-A: "},
		"a body of a HEAD":             {"HEAD /cart HTTP/1.1\r\nHost: shop.example\r\n" + length + "\r\n"},
		"a body of a page":             {"GET /products/mug HTTP/1.1\r\nHost: shop.example\r\n" + length + "\r\n"},
		"a body in chunks":             {post + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(pageRequest))},
		"chunks":                       {post + "Transfer-Encoding: chunked\r\n\r\n"},
		"a body of two lengths":        {post + length + "Content-Length: 0\r\n\r\n"},
		"a body too large for a route": {"DELETE /api/v1/carts/1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc"},
		"a body far too large":         {post + "Content-Length: 9000000\r\n\r\n"},
		"a bare LF":                    {"GET /cart HTTP/1.1\nHost: shop.example\n\nPOST /api/v1/carts HTTP/1.1\nHost: shop.example\nContent-Type: application/json\n" + strings.TrimSpace(length) + "\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := conversation{pieces: [][]byte{}, await: []int{}}
			for _, p := range append(before, pageRequest) {
				c.pieces, c.await = append(c.pieces, []byte(p)), append(c.await, 0)
			}
			c.slowly = true
			if got, want := c.hold(t, with), c.hold(t, without); got != want {
				t.Errorf("the long way:\n%s\nthe short cut:\n%s", want, got)
			}
		})
	}
}

// FuzzShortcut: whatever the short cut takes for a request, the server reads as the same request and answers the same.
func FuzzShortcut(f *testing.F) {
	for _, seed := range []string{pageRequest, browserHead + lastLine, browserHead + "If-None-Match: *\r\n" + lastLine, browserHead + "Range: bytes=1-2\r\n" + lastLine,
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nX-Request-Id: mine\r\n\r\n", "GET /assets/a.jpg HTTP/1.1\r\nHost: [::1]:80\r\nConnection: Keep-Alive\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	s, err := NewServer(Config{ID: "edge-1", Region: "eu", Secret: []byte("0123456789abcdef"), Routes: newShopStub().routes(), Logger: slog.New(slog.DiscardHandler), LogSample: 1 << 40})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	s.epochs.apply(api.FeedBatch{Next: at(100)}, time.Now().Add(time.Hour))
	for _, head := range []string{pageRequest, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /assets/a.jpg HTTP/1.1\r\nHost: a\r\n\r\n"} {
		for _, accept := range []string{"text/html", "application/json"} {
			answerTo(f, strings.Replace(head, "Host: ", "Accept: "+accept+"\r\nHost: ", 1), s.handle)
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		end := bytes.Index(p, endOfHead) + len(endOfHead)
		if ok, size, skip := framed(p, end); ok && (skip < 0 || skip > size) {
			t.Fatalf("%d of %d bytes are still to come", skip, size)
		}
		v := &vector{}
		e, found := s.shorten(v, p, netip.Addr{}, time.Now())
		if e == nil {
			return
		}
		var body []byte
		if found != nil {
			body = found.body
		}
		if ok, size, _ := framed(p, end); !ok || size != 0 {
			t.Fatalf("%q is answered, and not one request without a body", p)
		}
		resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(v.head), bytes.NewReader(body))), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		ctx := &requestCtx{}
		ctx.Init(&ctx.Request, nil, nil)
		if err := ctx.Request.Read(bufio.NewReader(bytes.NewReader(p))); err != nil {
			t.Fatalf("%q is answered, and no request: %v", p, err)
		}
		s.handle(ctx)
		long := &ctx.Response
		if ctx.Request.Header.ConnectionClose() || long.ConnectionClose() {
			t.Fatalf("%q ends its connection", p)
		}
		if long.StatusCode() != resp.StatusCode || !long.SkipBody && !bytes.Equal(long.Body(), got) || long.SkipBody && len(got) > 0 {
			t.Fatalf("%q\nis answered %d %q\nthe long way %d %q", p, resp.StatusCode, got, long.StatusCode(), long.Body())
		}
		for _, name := range []string{"Content-Type", "Content-Encoding", "ETag", "Vary", "Strict-Transport-Security", "Cache-Control", "Accept-Ranges", "X-Index"} {
			if want, got := string(long.Header.Peek(name)), resp.Header.Get(name); got != want {
				t.Fatalf("%q: %s is %q, the long way %q", p, name, got, want)
			}
		}
		if want := string(long.Header.Peek("X-Request-Id")); len(want) != 24 && resp.Header.Get("X-Request-Id") != want {
			t.Fatalf("%q: the request's id is %q, the long way %q", p, resp.Header.Get("X-Request-Id"), want)
		}
	})
}

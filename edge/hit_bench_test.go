package edge

import (
	"bufio"
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// What a browser sends for a page it has not seen, and for one it has.
const (
	browserHead = "GET /products/mug HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: de,en;q=0.5\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n"
	lastLine = "\r\n"
)

// hitServer is a server whose cache holds one product page, in touch with its feed.
func hitServer(b *testing.B) *Server {
	b.Helper()
	stub := newShopStub()
	s, err := NewServer(Config{ID: "edge-1", Region: "eu", Secret: []byte("0123456789abcdef"), Routes: stub.routes(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	s.epochs.apply(api.FeedBatch{Next: at(100)}, time.Now())
	return s
}

// parsed is a context with a request as the server reads it off a connection.
func parsed(b testing.TB, head string) *fasthttp.RequestCtx {
	b.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(head))); err != nil {
		b.Fatal(err)
	}
	return ctx
}

func benchmarkAnswer(b *testing.B, handler fasthttp.RequestHandler, head string, status int, touch func()) {
	ctx := parsed(b, head)
	handler(ctx)
	var buf []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i&0xfff == 0 {
			touch()
		}
		ctx.Response.Reset()
		handler(ctx)
		buf = ctx.Response.Header.AppendBytes(buf[:0])
	}
	if ctx.Response.StatusCode() != status {
		b.Fatalf("%d\n%s", ctx.Response.StatusCode(), buf)
	}
}

func BenchmarkHit(b *testing.B) {
	s := hitServer(b)
	touch := func() { s.epochs.apply(api.FeedBatch{Next: at(100)}, time.Now()) }
	b.Run("gzip", func(b *testing.B) {
		benchmarkAnswer(b, s.handle, browserHead+lastLine, 200, touch)
		ctx := parsed(b, browserHead+lastLine)
		s.handle(ctx)
		if got := string(ctx.Response.Header.Peek("Cache-Status")); !strings.HasPrefix(got, "meridian-eu; hit; ttl=") || strings.Contains(got, "detail") {
			b.Errorf("not a hit: %q", got)
		}
	})
	ctx := parsed(b, browserHead+lastLine)
	s.handle(ctx)
	etag := string(ctx.Response.Header.Peek("ETag"))
	b.Run("304", func(b *testing.B) {
		benchmarkAnswer(b, s.handle, browserHead+"If-None-Match: "+etag+"\r\n"+lastLine, 304, touch)
	})
}

// BenchmarkBare is the least a server can do: the same page out of memory, without any check.
func BenchmarkBare(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 4000)
	gzip, tag := []byte("gzip"), []byte(`"tag"`)
	benchmarkAnswer(b, func(ctx *fasthttp.RequestCtx) {
		h := &ctx.Response.Header
		h.SetContentType("text/html; charset=utf-8")
		h.Set("Cache-Control", "public, max-age=3600")
		h.Set("ETag", `"tag"`)
		h.Set("Vary", "Accept-Encoding")
		if bytes.Equal(ctx.Request.Header.Peek("If-None-Match"), tag) {
			ctx.SetStatusCode(304)
			return
		}
		if bytes.Contains(ctx.Request.Header.Peek("Accept-Encoding"), gzip) {
			h.Set("Content-Encoding", "gzip")
		}
		ctx.Response.SetBodyRaw(body)
	}, browserHead+lastLine, 200, func() {})
}

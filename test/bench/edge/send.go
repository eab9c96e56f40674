package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/internal/flagenv"
)

// The commands of this program that serve: the page out of memory with nothing around it, and what
// caches fetch it from.
const (
	bareCommand   = "bare"
	originCommand = "origin"
)

// fetchesPath answers how often the origin has been asked for anything else.
const fetchesPath = "/fetches"

// sender answers every path with the page.
type sender struct {
	page    *page
	fetches atomic.Int64
}

func servePage(ctx context.Context, command string, args []string) error {
	fs := flag.NewFlagSet("bench-edge "+command, flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:0", "where to answer")
	path := fs.String("page", "", "file with the page")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return err
	}
	p, err := readPage(*path)
	if err != nil {
		return flagenv.Errorf("page", "%v", err)
	}
	s := &sender{page: p}
	srv := &fasthttp.Server{Handler: s.send, Name: "bare", ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	if command == originCommand {
		srv.Name, srv.Handler = "origin", s.count
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe(*addr) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return srv.Shutdown()
	}
}

// send is what a page costs at the least: the variant, its four headers, 304.
func (s *sender) send(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	v, gzip := &s.page.Plain, false
	if bytes.Contains(ctx.Request.Header.Peek("Accept-Encoding"), []byte("gzip")) {
		v, gzip = &s.page.Gzip, true
	}
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", v.ETag)
	h.Set("Vary", "Accept-Encoding")
	if string(ctx.Request.Header.Peek("If-None-Match")) == v.ETag {
		h.SetNoDefaultContentType(true)
		ctx.SetStatusCode(http.StatusNotModified)
		return
	}
	h.SetContentType(s.page.ContentType)
	if gzip {
		h.Set("Content-Encoding", "gzip")
	}
	ctx.Response.SetBodyRaw(v.Bytes)
}

// count is the origin.
func (s *sender) count(ctx *fasthttp.RequestCtx) {
	if string(ctx.Path()) == fetchesPath {
		ctx.SetBodyString(strconv.FormatInt(s.fetches.Load(), 10))
		return
	}
	s.fetches.Add(1)
	if bytes.HasPrefix(ctx.Path(), []byte(slowPath)) {
		time.Sleep(upstream) // this is what an origin far away takes
	}
	s.send(ctx)
}

// fetches asks an origin for its count.
func fetches(ctx context.Context, base string) (int64, error) {
	_, b, err := ask(ctx, base, fetchesPath, nil)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the origin's count: %w", err)
	}
	return n, nil
}

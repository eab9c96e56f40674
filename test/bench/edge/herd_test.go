package main

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func listen(t *testing.T, handler fasthttp.RequestHandler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &fasthttp.Server{Handler: handler}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// All callers are there at once: the server answers nobody before the last has asked.
func TestHerdAsksAtOnce(t *testing.T) {
	const callers = 150
	var asked atomic.Int64
	all := make(chan struct{})
	addr := listen(t, func(ctx *fasthttp.RequestCtx) {
		if asked.Add(1) == callers {
			close(all)
		}
		select {
		case <-all:
			ctx.SetBodyString(string(ctx.Path()) + string(ctx.Host()))
		case <-time.After(30 * time.Second):
			ctx.SetStatusCode(504)
		}
	})
	r, err := herd(t.Context(), addr, "/page", callers)
	if err != nil {
		t.Fatal(err)
	}
	if r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Most || asked.Load() != callers {
		t.Errorf("%+v, %d asked", r, asked.Load())
	}
}

func TestHerdRefusesOddAnswers(t *testing.T) {
	var n atomic.Int64
	for want, handler := range map[string]fasthttp.RequestHandler{
		"another page": func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString(strings.Repeat("x", int(n.Add(1)))) },
		"status 503":   func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(503) },
	} {
		if r, err := herd(t.Context(), listen(t, handler), "/", 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v %v", want, r, err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	if _, err := herd(t.Context(), addr, "/", 3); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestHerdLines(t *testing.T) {
	f := func(fetches float64, p99, cached time.Duration) herdFigures {
		return herdFigures{fetches: fetches, waiters: herdResult{P99: p99}, afterwards: herdResult{P99: cached}}
	}
	b := &bench{o: options{systems: []string{nginxName}}, herded: map[herdKey][]herdFigures{
		{oursName, 100}:     {f(1, 58*time.Millisecond, 5*time.Millisecond)},
		{oursName, 10_000}:  {f(2, 200*time.Millisecond, 120*time.Millisecond)},
		{nginxName, 10_000}: {f(4, time.Second, 130*time.Millisecond)},
	}}
	var got []string
	for _, l := range b.herdLines() {
		got = append(got, l.Verdict())
	}
	if s := strings.Join(got, ","); s != "ok,ok,,SHORT,SHORT," {
		t.Error(s)
	}
	if table := b.herdTable(); !strings.Contains(table, "| 10,000 | nginx | 4.00 |") || !strings.Contains(table, "| 100 | ours | 1.00 |") {
		t.Error(table)
	}
}

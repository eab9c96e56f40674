package main

import (
	"bytes"
	"compress/gzip"
	"errors"
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

func TestHerdCountsBadAnswers(t *testing.T) {
	var n atomic.Int64
	addr := listen(t, func(ctx *fasthttp.RequestCtx) {
		switch n.Add(1) {
		case 1, 2:
			ctx.SetBodyString("the page")
		case 3:
			ctx.SetStatusCode(503)
		default:
			ctx.HijackSetNoResponse(true)
			ctx.Hijack(func(net.Conn) {}) // closed without a word
		}
	})
	if r, err := herd(t.Context(), addr, "/", 4); err != nil || r.Failed != 2 || r.Why == "" || r.Most <= 0 {
		t.Errorf("%+v %v, want 2 failures", r, err)
	}
	if r, err := herd(t.Context(), addr, "/", 2); err == nil || !strings.Contains(err.Error(), "all 2 callers failed") {
		t.Errorf("%+v %v", r, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	ln.Close()
	if _, err := herd(t.Context(), addr, "/", 3); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
}

// The same page in other bytes is the same page; another page is not.
func TestJudge(t *testing.T) {
	zip := func(text string, level int) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, level)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	text := strings.Repeat("a page of some length ", 100)
	bodies := [][]byte{zip(text, 1), zip(text, 9), []byte(text), zip(text+"!", 9), {0x1f, 0x8b, 0}, nil}
	waits := []time.Duration{3, 1, 2, 100, 100, 100}
	r, err := judge(waits, bodies, []error{nil, nil, nil, nil, nil, errors.New("reset")})
	if err != nil || r.Failed != 3 || r.P50 != 2 || r.Most != 3 || !strings.Contains(r.Why, "caller 4: another page") {
		t.Errorf("%+v %v", r, err)
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
	if s := strings.Join(got, ","); s != "ok,ok,ok,,ok,SHORT,SHORT," {
		t.Error(s)
	}
	if table := b.herdTable(); !strings.Contains(table, "| 10,000 | nginx | 4.00 |") || !strings.Contains(table, "| 100 | ours | 1.00 |") {
		t.Error(table)
	}
}

package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// shopStub is a small real shop: a price list that changes under an index, and handlers that read it.
type shopStub struct {
	mu     sync.Mutex
	index  api.Index
	prices map[string]int
	fills  int
	fail   bool
	// gate, when set, blocks fills after they read and before they answer.
	gate chan struct{}
	// reading counts fills that have read.
	reading int
	// lag delays a fill between reading and answering.
	lag func() time.Duration
}

func newShopStub() *shopStub {
	return &shopStub{index: at(100), prices: map[string]int{"mug": 10}}
}

func at(n uint64) api.Index { return api.Index{Timeline: 1, Raft: n} }

// set changes a price and returns what the feed says about it.
func (s *shopStub) set(handle string, price int) api.FeedBatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.Raft++
	s.prices[handle] = price
	return api.FeedBatch{Next: s.index, Entries: []api.FeedEntry{{Index: s.index, Tags: []string{api.TagProduct(handle)}}}}
}

func (s *shopStub) product(_ context.Context, r *Request) (*Answer, error) {
	s.mu.Lock()
	s.fills++
	index, fail, gate, lag := s.index, s.fail, s.gate, s.lag
	price, ok := s.prices[r.Params["handle"]]
	s.reading++
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if lag != nil {
		time.Sleep(lag())
	}
	switch {
	case fail:
		return nil, api.NewError(api.CodeUnavailable, "The core is down.")
	case !ok:
		return nil, api.NewError(api.CodeNotFound, "No such product.")
	}
	return &Answer{ContentType: "text/html; charset=utf-8", Index: index, Tags: []string{api.TagProduct(r.Params["handle"])},
		Body: []byte(fmt.Sprintf("<p>price=%d</p>%s", price, strings.Repeat("<p>a mug is a mug</p>", 100)))}, nil
}

func (s *shopStub) setGate(g chan struct{}) {
	s.mu.Lock()
	s.gate = g
	s.mu.Unlock()
}

func (s *shopStub) setFail(f bool) {
	s.mu.Lock()
	s.fail = f
	s.mu.Unlock()
}

func (s *shopStub) readingNow() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reading
}

func (s *shopStub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fills
}

func (s *shopStub) routes() []Route {
	echo := func(_ context.Context, r *Request) (*Answer, error) {
		return &Answer{ContentType: "application/json", Index: at(120),
			Body: []byte(fmt.Sprintf(`{"cred":%q,"key":%q,"min":%q,"body":%d,"form":%q,"query":%q,"cart":%q}`,
				r.Call.Credential, r.Call.Key, r.Call.Min, len(r.Body), fmt.Sprint(r.Form), fmt.Sprint(r.Query), r.Jar.Cart))}, nil
	}
	return []Route{
		{Method: "GET", Pattern: "/", Handler: func(context.Context, *Request) (*Answer, error) {
			return &Answer{ContentType: "text/html", Body: []byte("home"), Tags: []string{api.TagCatalogue}}, nil
		}},
		{Method: "GET", Pattern: "/products/{handle}", Query: []string{"color", "facet.*"}, Handler: s.product},
		{Method: "GET", Pattern: "/admin/", Class: Staff, Handler: echo},
		{Method: "GET", Pattern: "/uncached", Handler: func(context.Context, *Request) (*Answer, error) {
			s.mu.Lock()
			s.fills++
			gate := s.gate
			s.reading++
			s.mu.Unlock()
			if gate != nil {
				<-gate
			}
			return &Answer{ContentType: "text/plain", Body: []byte("now")}, nil
		}},
		{Method: "GET", Pattern: "/panic", Class: Private, Handler: func(context.Context, *Request) (*Answer, error) { panic("boom") }},
		{Method: "GET", Pattern: "/panic-public", Handler: func(context.Context, *Request) (*Answer, error) { panic("boom") }},
		{Method: "GET", Pattern: "/assets/{file}", Class: File, Handler: func(context.Context, *Request) (*Answer, error) {
			return &Answer{ContentType: "image/jpeg", Body: []byte("0123456789"), Immutable: true}, nil
		}},
		{Method: "GET", Pattern: "/cart", Class: Private, Handler: echo},
		{Method: "POST", Pattern: "/cart", Class: Private, MaxBody: 4096, Types: []string{"application/x-www-form-urlencoded"},
			Handler: func(_ context.Context, r *Request) (*Answer, error) {
				j := r.Jar
				j.Cart, j.CartCount, j.Flash = "c-1", 3, "Added."
				return &Answer{Status: 303, Header: [][2]string{{"Location", "/cart"}}, Index: at(130), Jar: &j}, nil
			}},
		{Method: "GET", Pattern: "/api/v1/carts/{id}", Class: Private, API: true, Handler: echo},
		{Method: "POST", Pattern: "/api/v1/carts", Class: Private, API: true, MaxBody: 64 << 10, Handler: echo},
		{Method: "POST", Pattern: "/api/v1/checkout", Class: Private, API: true, MaxBody: 64 << 10, NeedKey: true, Handler: echo},
		{Method: "DELETE", Pattern: "/api/v1/carts/{id}", Class: Private, API: true, Handler: echo},
	}
}

// fakeFeed is a feed that the test writes.
type fakeFeed struct {
	batches chan api.FeedBatch
	acks    chan api.Index
	mute    chan struct{} // closed: no more heartbeats
}

func newFakeFeed() *fakeFeed {
	return &fakeFeed{batches: make(chan api.FeedBatch, 1024), acks: make(chan api.Index, 1024), mute: make(chan struct{})}
}

func (f *fakeFeed) Follow(ctx context.Context, cursor api.Index, fn func(api.FeedBatch, time.Duration)) {
	fn(api.FeedBatch{Next: at(100)}, 0)
	last := at(100)
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-f.batches:
			last = b.Next
			fn(b, 0)
		case <-beat.C:
			select {
			case <-f.mute:
			default:
				fn(api.FeedBatch{Next: last}, 0)
			}
		}
	}
}

func (f *fakeFeed) Ack(_ context.Context, cursor api.Index) error {
	f.acks <- cursor
	return nil
}

func (f *fakeFeed) Renew(_ context.Context, cursor api.Index) (api.Index, error) { return cursor, nil }

// startServer runs a server on a free port until the test ends.
func startServer(t testing.TB, routes []Route, tune func(*Config)) *Server {
	t.Helper()
	cfg := Config{ID: "edge-eu", Region: "eu", Addr: "127.0.0.1:0", Routes: routes, Secret: []byte("0123456789abcdef"),
		DrainTimeout: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if tune != nil {
		tune(&cfg)
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	if s.follower != nil {
		eventually(t, "the feed is followed", func() bool { return !s.epochs.position().IsZero() && s.epochs.inTouch(time.Now()) })
	}
	return s
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// get asks without following redirects or decoding.
func get(t testing.TB, s *Server, path string, header ...string) (*http.Response, string) {
	t.Helper()
	return do(t, s, "GET", path, "", header...)
}

func do(t testing.TB, s *Server, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, "http://"+s.Addr()+path, rd)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := direct.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, string(b)
}

var direct = &http.Transport{DisableCompression: true, DisableKeepAlives: true}

// raw sends bytes and reads the first answer, and whether the connection was closed after it.
func raw(t testing.TB, s *Server, bytes string) (status int, closed bool, head string) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, bytes); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("%.60q: %v", bytes, err)
	}
	b, _ := io.ReadAll(resp.Body)
	wait := 250 * time.Millisecond
	if resp.Close {
		wait = 3 * time.Second
	}
	_ = c.SetReadDeadline(time.Now().Add(wait))
	_, err = r.ReadByte()
	return resp.StatusCode, err != nil && !isTimeout(err), fmt.Sprint(resp.Header, " close=", resp.Close) + string(b)
}

type requestCtx = fasthttp.RequestCtx

var seconds = regexp.MustCompile(`\b[0-9]+$|ttl=[0-9]+`)

// answerTo is what a handler says to a request, without what differs from one moment to the next.
func answerTo(t testing.TB, head string, handler func(*requestCtx)) (answer string, ok bool) {
	t.Helper()
	ctx := &requestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(head))); err != nil {
		return "", false
	}
	handler(ctx)
	var lines []string
	for name, value := range ctx.Response.Header.All() {
		switch n := string(name); n {
		case "Server-Timing", "Date":
		case "Age", "Cache-Status":
			lines = append(lines, n+": "+seconds.ReplaceAllString(string(value), "N"))
		default:
			lines = append(lines, n+": "+string(value))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d\n%s\n\n%s", ctx.Response.StatusCode(), strings.Join(lines, "\n"), ctx.Response.Body()), true
}

// safeBuffer takes a log while it is read.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

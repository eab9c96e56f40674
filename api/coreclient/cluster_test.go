package coreclient

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
)

// wire is a cluster of HTTP servers that speak the wire between edge and core. They share one state:
// a counter, and the answers stored under keys.
type wire struct {
	t *testing.T

	mu      sync.Mutex
	leader  string
	hide    bool // followers do not say who leads
	count   int
	answers map[string]int
	applied map[string]api.Index // what each node has applied
	frames  []int                // sizes
	paths   []string
	headers []http.Header
	// after runs when a write was applied, before it is answered; true drops the connection.
	after func(node string) bool
	// busy says that a write is refused as overloaded, before anything is done.
	busy func() bool
	// hold blocks writes until it is closed.
	hold chan struct{}
	// arrived counts writes that are being handled.
	arrived int
	feed    []api.FeedBatch
	polls   []api.Index
	servers map[string]*httptest.Server
}

func newWire(t *testing.T, ids ...string) *wire {
	w := &wire{t: t, leader: ids[0], answers: map[string]int{}, applied: map[string]api.Index{}, servers: map[string]*httptest.Server{}}
	for _, id := range ids {
		w.applied[id] = api.Index{Timeline: 1, Raft: 100}
		srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(id, rw, r) }))
		w.servers[id] = srv
		t.Cleanup(srv.Close)
	}
	return w
}

func (w *wire) client(t *testing.T, tune func(*Config)) *Client {
	cfg := Config{Region: "eu", Token: "secret", Edge: "edge-eu", AttemptTimeout: 500 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, id := range []string{"core-eu", "core-us", "core-ap"} {
		if s := w.servers[id]; s != nil {
			cfg.Nodes = append(cfg.Nodes, Node{ID: id, Region: strings.TrimPrefix(id, "core-"), Addr: s.Listener.Addr().String()})
		}
	}
	if tune != nil {
		tune(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *wire) lead(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leader = id
}

func (w *wire) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

type step struct {
	status int
	body   any
	raw    []byte // instead of body
	replay bool
	leader string
	drop   bool
}

func refusal(e *api.Error) step { return step{status: e.Status, body: e} }

func (w *wire) serve(id string, rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := strings.TrimPrefix(r.URL.Path, "/v1/")
	w.mu.Lock()
	w.paths = append(w.paths, id+" "+name)
	w.headers = append(w.headers, r.Header.Clone())
	at := w.applied[id]
	w.mu.Unlock()
	var s step
	switch {
	case r.Header.Get("Authorization") != "Bearer secret":
		rw.Header().Set(api.HeaderClusterToken, "refused")
		s = refusal(api.NewError(api.CodeUnauthorized, "not an edge"))
	case name == "frame" || name == api.ReadFrame:
		s = w.frame(id, body)
	default:
		s = w.call(id, name, r.Header.Get(api.HeaderKey), body)
	}
	if s.drop {
		conn, _, err := rw.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return
	}
	rw.Header().Set(api.HeaderIndex, at.String())
	rw.Header().Set(api.HeaderLeader, s.leader)
	if s.replay {
		rw.Header().Set(api.HeaderReplay, "true")
	}
	rw.WriteHeader(s.status)
	if s.raw != nil {
		_, _ = rw.Write(s.raw)
		return
	}
	_ = json.NewEncoder(rw).Encode(s.body)
}

func (w *wire) frame(id string, body []byte) step {
	f, err := api.ParseFrame(string(body), 256)
	if err != nil {
		return refusal(api.NewError(api.CodeMalformed, "%v", err))
	}
	w.mu.Lock()
	w.frames = append(w.frames, len(f.Calls))
	w.mu.Unlock()
	var out api.FrameResults
	for _, c := range f.Calls {
		body := []byte(c.Body)
		if c.Compact {
			var req api.AdjustStock
			if err := req.ParseCompact(c.Body); err != nil {
				return refusal(api.NewError(api.CodeMalformed, "%v", err))
			}
			body, _ = json.Marshal(req)
		}
		s := w.call(id, c.Name, c.Key, body)
		if s.drop {
			return s
		}
		b, _ := json.Marshal(s.body)
		out.Results = append(out.Results, api.FrameResult{Status: s.status, Index: api.Index{Timeline: 1, Raft: 100}, Replay: s.replay, Leader: s.leader, Body: b})
	}
	return step{status: 200, raw: out.Append(nil)}
}

// call answers: stock.adjust adds to the counter (a negative delta is refused), stock.get and
// cluster.get tell it, products.get is a read.
func (w *wire) call(id, name, key string, body []byte) step {
	if name == "feed.poll" {
		return w.poll(body)
	}
	if name == "products.get" && strings.Contains(string(body), `"not-at-`+id) {
		return refusal(api.NewError(api.CodeOverloaded, "another knows"))
	}
	if name == "products.get" || name == "status" {
		return step{status: 200, body: api.Product{Handle: id}}
	}
	w.mu.Lock()
	leads, hint, hold := w.leader == id, w.leader, w.hold
	if w.hide {
		hint = ""
	}
	w.arrived++
	w.mu.Unlock()
	if !leads {
		s := refusal(api.NewError(api.CodeNotLeader, "ask %s", hint))
		s.leader = hint
		return s
	}
	if name == "stock.get" {
		return step{status: 200, body: api.StockLevel{OnHand: int64(w.total())}}
	}
	if hold != nil {
		<-hold
	}
	var req api.AdjustStock
	_ = json.Unmarshal(body, &req)
	if req.Delta < 0 {
		return refusal(api.NewError(api.CodeStockReserved, "no"))
	}
	if req.Delta > 1000 || w.busy != nil && w.busy() {
		return refusal(api.NewError(api.CodeOverloaded, "no"))
	}
	w.mu.Lock()
	n, seen := w.answers[key]
	if !seen {
		w.count += int(req.Delta)
		n = w.count
		if key == "" {
			w.t.Error("a write came without a key")
		}
		w.answers[key] = n
	}
	after := w.after
	w.mu.Unlock()
	if after != nil && after(id) {
		return step{drop: true}
	}
	return step{status: 200, body: api.StockLevel{SKU: req.SKU, OnHand: int64(n)}, replay: seen}
}

func (w *wire) poll(body []byte) step {
	var q api.FeedQuery
	_ = json.Unmarshal(body, &q)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polls = append(w.polls, q.Cursor)
	if len(w.feed) == 0 {
		return refusal(api.NewError(api.CodeUnavailable, "no feed"))
	}
	b := w.feed[0]
	w.feed = w.feed[1:]
	return step{status: 200, body: b}
}

// deadAddr is an address where nobody listens.
func deadAddr(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// until polls a condition.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

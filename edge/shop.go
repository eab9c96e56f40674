package edge

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/edge/waiting"
)

// ShopConfig configures a Shop.
type ShopConfig struct {
	// Core answers everything the shop knows. Required.
	Core *coreclient.Client
	// Clicks takes events; nil: they are accepted and dropped, and the newest products count as popular.
	Clicks Clicks
	// Reports answers the merchandiser's reports; nil: they are unavailable.
	Reports Reports
	// Recommendations are the tables of what goes together; nil: what is popular is recommended.
	Recommendations Recommendations
	// Holdout is how many percent of the visits get what is popular in place of the tables, to compare.
	Holdout int
	// Rooms are the waiting rooms; nil: this edge knows of none, and only the core keeps them.
	Rooms *waiting.Rooms
	// Files holds pictures and clips; nil: they are unavailable.
	Files Files
	// BaseURL is the public address in canonical links and the site map. Default http://localhost:8080.
	BaseURL string
	// Region names this edge's region in the foot of pages.
	Region string
	// Consent is what the silence of a browser means. Default ConsentAsk.
	Consent Consent
	// Provider names the payment provider that checkout pages use. Default sandbox.
	Provider string
	// TestCards offers the sandbox's cards on the checkout page.
	TestCards bool
	// Now is the clock for delivery promises and events. Default time.Now.
	Now func() time.Time
	// Log takes what people are not told. Default slog.Default().
	Log *slog.Logger
}

// Shop holds the handlers: pages, the JSON API, the staff's API and files. It keeps no state of its
// own but a short memory of the navigation for private pages. Routes lists what it answers.
type Shop struct {
	cfg       ShopConfig
	nav       navMemory
	anonymous anonymity
}

// NewShop makes a Shop.
func NewShop(cfg ShopConfig) *Shop {
	if cfg.BaseURL == "" {
		cfg.BaseURL = "http://localhost:8080"
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	if cfg.Provider == "" {
		cfg.Provider = sandbox
	}
	if cfg.Consent == "" {
		cfg.Consent = ConsentAsk
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Shop{cfg: cfg, nav: navMemory{lists: map[api.Locale]navEntry{}}}
	s.anonymous.now = func() time.Time { return s.cfg.Now() }
	return s
}

// sandbox is the provider of the demo, see package core.
const sandbox = "sandbox"

// Routes lists every route of the shop: the described API, then pages and files.
func (s *Shop) Routes() []Route {
	var routes []Route
	for _, op := range s.operations() {
		rt := op.completed().Route
		if rt.Class == Staff {
			rt.Guard = s.staffGuard(rt.MaxBody > 0, op.Roles)
		}
		routes = append(routes, rt)
	}
	routes = append(routes, s.pageRoutes()...)
	routes = append(routes, s.deskRoutes()...)
	routes = append(routes, s.seoRoutes()...)
	return append(routes, s.fileRoutes()...)
}

// operations is the table of the JSON API. The OpenAPI description is made from it.
func (s *Shop) operations() []operation {
	ops := s.catalogueOperations()
	ops = append(ops, s.cartOperations()...)
	ops = append(ops, s.orderOperations()...)
	ops = append(ops, s.waitingOperations()...)
	ops = append(ops, s.accountOperations()...)
	ops = append(ops, s.eventOperations()...)
	ops = append(ops, s.traceOperations()...)
	ops = append(ops, s.staffProductOperations()...)
	ops = append(ops, s.staffStockOperations()...)
	ops = append(ops, s.staffLocationOperations()...)
	ops = append(ops, s.staffOrderOperations()...)
	ops = append(ops, s.staffRoomOperations()...)
	ops = append(ops, s.outboxOperations()...)
	ops = append(ops, s.reportOperations()...)
	ops = append(ops, s.recommendationOperations()...)
	ops = append(ops, s.clusterOperations()...)
	return append(ops, s.backupOperations()...)
}

// trip is the dealings of one request with the core. It may be used by several goroutines.
type trip struct {
	shop *Shop
	r    *Request
	call api.Call

	mu     sync.Mutex
	lowest api.Index
	newest api.Index
	replay bool
	ended  bool // the client's session is none any more
	flying int
	since  time.Time
	spent  time.Duration
}

// public is a trip without a person: what it brings back may be cached.
func (s *Shop) public(r *Request) *trip {
	t := &trip{shop: s, r: r, call: r.Call}
	t.call.Credential = ""
	return t
}

// private is a trip for one customer, who sees what they wrote before.
func (s *Shop) private(r *Request) *trip {
	t := &trip{shop: s, r: r, call: r.Call}
	t.call.Min = api.Max(r.Call.Min, r.Jar.Min)
	if t.call.Credential == "" && r.Jar.Session != "" {
		t.call.Credential = "session:" + r.Jar.Session
	}
	return t
}

// staff is a trip for a member of staff: by the Authorization header, else by the cookie.
func (s *Shop) staff(r *Request) *trip {
	t := &trip{shop: s, r: r, call: r.Call}
	t.call.Min = api.Max(r.Call.Min, r.Jar.Min)
	if !strings.HasPrefix(t.call.Credential, "staff:") {
		t.call.Credential = ""
		if r.Jar.Staff != "" {
			t.call.Credential = "staff:" + r.Jar.Staff
		}
	}
	return t
}

// nobody is a private trip of someone who is about to say who they are.
func (s *Shop) nobody(r *Request) *trip {
	t := s.private(r)
	t.call.Credential = ""
	return t.alone()
}

// alone keeps the idempotency keys of people the core does not know apart: two strangers who chose
// the same key must never get each other's cart or account.
func (t *trip) alone() *trip {
	if t.call.Key != "" && t.call.Credential == "" {
		t.call.Key = t.r.Client + " " + t.call.Key
	}
	return t
}

// ask makes one call to the core and keeps account of index, replay and time. A session that has
// ended must not keep a shopper from their cart: the call is made again without it.
func ask[Req, Resp any](ctx context.Context, t *trip, e api.Endpoint[Req, Resp], req Req) (Resp, error) {
	resp, used, err := askOnce(ctx, t, e, req)
	if api.CodeOf(err) == api.CodeUnauthorized && t.forget(used) {
		resp, _, err = askOnce(ctx, t, e, req)
	}
	return resp, err
}

func askOnce[Req, Resp any](ctx context.Context, t *trip, e api.Endpoint[Req, Resp], req Req) (resp Resp, credential string, err error) {
	call := t.leave()
	if e.Kind != api.Write {
		call.Key = ""
	}
	resp, meta, err := coreclient.Do(ctx, t.shop.cfg.Core, e, req, call)
	t.back(meta, e.Kind)
	if err == nil {
		fillNil(&resp)
	}
	return resp, call.Credential, err
}

// forget drops the cookie's session from the trip and, with its answer, from the client's jar. It says
// whether that was the credential.
func (t *trip) forget(credential string) bool {
	if t.r.Jar.Session == "" || credential != "session:"+t.r.Jar.Session {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.call.Credential = true, ""
	return true
}

func (t *trip) leave() api.Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.flying == 0 {
		t.since = time.Now()
	}
	t.flying++
	return t.call
}

func (t *trip) back(meta api.Meta, kind api.Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flying--
	if t.flying == 0 {
		t.spent += time.Since(t.since)
	}
	if meta.Replay {
		t.replay = true
	}
	if meta.Index.IsZero() {
		return
	}
	if t.lowest.IsZero() || api.Max(t.lowest, meta.Index) == t.lowest {
		t.lowest = meta.Index
	}
	if kind == api.Write {
		t.newest = api.Max(t.newest, meta.Index)
		t.call.Min = api.Max(t.call.Min, meta.Index)
	}
}

// answer begins an answer with what the trip learned. After a write the client's jar gets the new index.
func (t *trip) answer() *Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &Answer{Index: t.lowest, Core: t.spent, Replay: t.replay}
	if !t.newest.IsZero() {
		j := t.r.Jar
		j.Min = api.Max(j.Min, t.newest)
		a.Jar = &j
		a.Index = t.newest
	}
	if t.ended {
		a.jar(t.r).Session = ""
	}
	return a
}

// refused is the outcome of a call that failed. A refusal that the core answered from its memory
// becomes an answer, since only answers can say that they are replays.
func (t *trip) refused(err error) (*Answer, error) {
	a := t.answer()
	if !a.Replay {
		return a, err
	}
	e := *api.AsError(err)
	e.RequestID = t.r.Call.RequestID
	a.Status, a.ContentType, a.Body = e.Status, problemType, problemJSON(&e)
	return a, nil
}

// jar is the answer's jar, to be changed: a copy of the client's where the answer has none yet.
func (a *Answer) jar(r *Request) *Jar {
	if a.Jar == nil {
		j := r.Jar
		a.Jar = &j
	}
	return a.Jar
}

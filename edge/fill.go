package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"meridian/api"
)

// flights lets one request fetch what many wait for.
type flights struct {
	maxWaiting int

	mu  sync.Mutex // guards all and the waiting counts
	all map[string]*flight
	wg  sync.WaitGroup
}

// flight is one fetch of one key. entry and err are set before done is closed.
type flight struct {
	done    chan struct{}
	entry   *entry // nil if the fetch failed
	err     *api.Error
	waiting int
}

// join gives the flight of a key, starting it with fetch if there is none and the caller may; may is quick, and nil
// allows it. joined says that somebody else started it; nil: too many wait already, or the caller may not.
func (f *flights) join(key string, may func() bool, fetch func() (*entry, *api.Error)) (fl *flight, joined bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.all[key]; fl != nil {
		if fl.waiting >= f.maxWaiting {
			return nil, true
		}
		fl.waiting++
		return fl, true
	}
	if may != nil && !may() {
		return nil, false
	}
	fl = &flight{done: make(chan struct{})}
	f.all[key] = fl
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		entry, err := fetch()
		f.mu.Lock()
		delete(f.all, key)
		f.mu.Unlock()
		fl.entry, fl.err = entry, err
		close(fl.done)
	}()
	return fl, false
}

// fetch runs a public route's handler for nobody in particular and keeps the answer if it may.
func (s *Server) fetch(b *bound, r *Request, key string) (*entry, *api.Error) {
	// The position is taken before the handler runs: the core answers from there on, so a change
	// that the feed tells later outdates this answer, however the two race.
	from := s.epochs.position()
	r.Call.Min = from
	start := time.Now()
	ans, err := s.run(s.background, b, r)
	s.metrics.fill.Observe(time.Since(start).Seconds())
	now := time.Now()
	if err != nil {
		if err.Status != 404 {
			return nil, err
		}
		e := s.negative(r, key, err, from, now)
		s.cache.put(e, s.cfg.NegativeTTL)
		return e, nil
	}
	if ans.Jar != nil {
		return nil, api.Internal(fmt.Errorf("%s is public and sets cookies: its class must be Private", b.Pattern))
	}
	index := ans.Index
	if index.IsZero() {
		index = from
	}
	e := &entry{key: key, status: ans.Status, contentType: ans.ContentType, file: b.Class == File, header: ans.Header, tags: append(slices.Clip(ans.Tags), pathTag(r.Path)), index: index,
		fetched: now, immutable: ans.Immutable, core: ans.Core, control: controlRevalidate}
	if e.status == 0 {
		e.status = 200
	}
	if ans.Tags == nil && !ans.Immutable || e.status != 200 {
		return s.unkept(e, ans), nil
	}
	variants, rough, verr := newVariants(ans.ContentType, ans.Body)
	if verr != nil {
		return nil, api.Internal(fmt.Errorf("compress %s: %w", r.Path, verr))
	}
	e.variants, e.rough = variants, rough && !e.file // files are sent as they are
	ttl := ans.TTL
	if ttl <= 0 {
		ttl = s.tuned.Load().TTL
	}
	if ans.Immutable {
		ttl, e.control = immutableTTL, controlImmutable
	}
	e.freshUntil = now.Add(ttl)
	// An answer from before our position is shown to those who asked, and never kept: the feed told
	// us of changes that it may lack.
	if ans.Immutable || s.cfg.ignoreEpochs || !later(from, index) {
		s.cache.put(e, ttl+s.cfg.StaleMax)
	}
	return e, nil
}

// pathTag is the tag of what is kept of a path, for purges by address. A long path is named by its hash: tags are short.
func pathTag(path string) string {
	const longest = 150
	if len(path) <= longest {
		return "path:" + path
	}
	sum := sha256.Sum256([]byte(path))
	return "path:#" + hex.EncodeToString(sum[:])
}

const immutableTTL = 365 * 24 * time.Hour

// unkept makes an entry of an answer that is not to be kept. Unless it is a failure, its address is
// marked, so that the next requests do not queue up behind each other.
func (s *Server) unkept(e *entry, ans *Answer) *entry {
	if e.status < 500 {
		s.cache.put(&entry{key: e.key, pass: true, fetched: e.fetched, freshUntil: e.fetched.Add(passTTL)}, passTTL)
		e.pass = true
	}
	e.control = controlPrivate
	e.variants = []variant{{body: ans.Body}}
	return e
}

const passTTL = 10 * time.Second

// negative remembers that there is nothing here. A new product touches the catalogue, which ends it.
func (s *Server) negative(r *Request, key string, err *api.Error, from api.Index, now time.Time) *entry {
	e := &entry{key: key, status: err.Status, fetched: now, freshUntil: now.Add(s.cfg.NegativeTTL), index: from,
		tags: []string{api.TagCatalogue, pathTag(r.Path)}, control: controlPrivate}
	anyone := *r
	anyone.Call.RequestID = ""
	ct, body := s.refusal(&anyone, err)
	e.contentType = ct
	e.variants = []variant{{body: body}}
	if ct == problemType {
		e.problem = err
	}
	return e
}

// run calls a handler with its time limit; a panic becomes an internal error.
func (s *Server) run(ctx context.Context, b *bound, r *Request) (ans *Answer, err *api.Error) {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.log.Error("a handler panicked", "panic", fmt.Sprint(p), "pattern", b.Pattern, "request_id", r.Call.RequestID, "stack", string(debug.Stack()))
			ans, err = nil, api.Internal(fmt.Errorf("panic: %v", p))
		}
	}()
	a, herr := b.Handler(ctx, r)
	if herr != nil {
		return a, timedOut(b, herr)
	}
	if a == nil {
		return nil, api.Internal(fmt.Errorf("%s %s answered nothing", b.Method, b.Pattern))
	}
	s.saw(a.Index)
	return a, nil
}

// admit asks the route's guard.
func (s *Server) admit(b *bound, r *Request) *api.Error {
	ctx, cancel := context.WithTimeout(s.background, b.Timeout)
	defer cancel()
	if err := b.Guard(ctx, r); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return api.NewError(api.CodeUnavailable, "This took too long. Try again in a moment.").WithCause(err)
		}
		return api.AsError(err)
	}
	return nil
}

// timedOut is a handler's error as an *api.Error. One that only says that time ran out is told as
// that; what a write did until then is not known.
func timedOut(b *bound, err error) *api.Error {
	var e *api.Error
	switch {
	case errors.As(err, &e) || !errors.Is(err, context.DeadlineExceeded):
		return api.AsError(err)
	case b.Method == "GET":
		return api.NewError(api.CodeUnavailable, "This took too long. Try again in a moment.").WithCause(err)
	}
	return api.NewError(api.CodeOutcomeUnknown, "It is not known yet whether this happened. Repeat it with the same Idempotency-Key to find out.").WithCause(err)
}

// anonymous is the request as a cached answer may depend on it: without anything personal, so that
// nothing outside the key can get into the answer.
func anonymous(r *Request) *Request {
	return &Request{Method: "GET", Path: strings.Clone(r.Path), Params: r.Params, Query: r.Query, Locale: r.Locale, Region: r.Region, HTML: r.HTML,
		Call: api.Call{RequestID: r.Call.RequestID, Edge: r.Call.Edge}}
}

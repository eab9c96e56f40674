package edge

import (
	"cmp"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

const (
	// joinMax is how often a request joins flights whose answers turn out to be outdated before it
	// fetches for itself.
	joinMax = 3
	// retryPause is how long after a failed refresh the next one is tried; until then the old answer
	// is shown at once.
	retryPause = time.Second
)

// appendKeyHead begins the name of an answer: what it is made for beside its address.
func appendKeyHead(b []byte, l api.Locale, html bool) []byte {
	b = append(b, l.Currency...)
	b = append(b, '/')
	b = append(b, l.Country...)
	if html {
		b = append(b, 'h')
	}
	return append(b, 0)
}

// cacheKey names an answer. It is built from the canonical request and nothing else. No part can
// hold a control character, so the separators are safe.
func cacheKey(r *Request) []byte {
	b := appendKeyHead(make([]byte, 0, 128), r.Locale, r.HTML)
	b = append(b, r.Path...)
	if len(r.Query) > 0 {
		names := make([]string, 0, len(r.Query))
		for name := range r.Query {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, value := range r.Query[name] {
				b = append(b, 0)
				b = append(b, name...)
				b = append(b, 1)
				b = append(b, value...)
			}
		}
	}
	return b
}

// cached answers what is the same for everyone.
func (s *Server) cached(ctx *fasthttp.RequestCtx, b *bound, r *Request, t timing) {
	name := cacheKey(r)
	key, doubt, old := string(name), s.doubt(t.start), s.cache.get(name)
	if old != nil {
		if old.pass {
			s.alone(ctx, b, r, key, cacheStatus{fwd: "bypass", detail: doubt}, t)
			return
		}
		switch s.judge(old) {
		case valid:
			if t.start.Before(old.freshUntil) {
				s.stored(ctx, r, old, cacheStatus{hit: true, detail: doubt}, t)
				return
			}
		case soft:
			if t.start.Before(old.freshUntil) {
				s.refresh(b, r, key, old)
				s.stored(ctx, r, old, cacheStatus{hit: true, detail: cmp.Or(doubt, "refreshing")}, t)
				return
			}
		}
		if !s.keepable(old, t.start) {
			old = nil
		} else if next := old.retry.Load(); next != 0 {
			// The core failed a moment ago: nobody waits for it to fail again.
			if now := t.start.UnixNano(); now >= next && old.retry.CompareAndSwap(next, now+int64(retryPause)) {
				s.refresh(b, r, key, old)
			}
			s.stored(ctx, r, old, cacheStatus{fwd: "stale", detail: "core-failed"}, t)
			return
		}
	}
	s.miss(ctx, b, r, key, doubt, old, t)
}

// doubt is the detail of an answer that may be older than an acknowledged change: without the feed nobody
// waited for this edge. That is true of what it fetches, too: it does not know how new a core must be. It is asked
// before the epochs are: in touch, they know by then of every change acknowledged before now.
func (s *Server) doubt(now time.Time) string {
	if s.epochs.inTouch(now) {
		return ""
	}
	return "stale"
}

// judge holds an entry against the feed.
func (s *Server) judge(e *entry) verdict {
	if s.cfg.ignoreEpochs {
		return valid
	}
	generation := s.epochs.generation.Load()
	if e.heldAt.Load() == generation {
		return valid
	}
	v := s.epochs.judge(e.tags, e.index)
	if v == valid {
		e.heldAt.Store(generation)
	}
	return v
}

// keepable reports whether an outdated entry may still be shown if the core fails.
func (s *Server) keepable(e *entry, now time.Time) bool {
	return e.status < 400 && now.Before(e.freshUntil.Add(s.cfg.StaleMax))
}

// refresh fetches anew without anybody waiting, unless that is already going on.
func (s *Server) refresh(b *bound, r *Request, key string, old *entry) {
	s.flights.join(key, nil, s.fetcher(b, r, key, old))
}

// fetcher is the flight of a key. A failure is noted in the entry it should have replaced.
func (s *Server) fetcher(b *bound, r *Request, key string, old *entry) func() (*entry, *api.Error) {
	anyone := anonymous(r)
	return func() (*entry, *api.Error) {
		e, err := s.admitted(b, anyone, key)
		if old != nil && (err != nil && err.Status >= 500 || e != nil && e.status >= 500) {
			old.retry.Store(time.Now().Add(retryPause).UnixNano())
		}
		return e, err
	}
}

// admitted fetches if there is a turn for it.
func (s *Server) admitted(b *bound, r *Request, key string) (*entry, *api.Error) {
	if !s.gates.fills.Enter() {
		return nil, tooMany()
	}
	defer s.gates.fills.Leave()
	return s.fetch(b, r, key)
}

// miss waits for the one flight of the key. old, if any, is outdated and shown only if that fails.
func (s *Server) miss(ctx *fasthttp.RequestCtx, b *bound, r *Request, key, doubt string, old *entry, t timing) {
	fwd := "miss"
	if old != nil {
		fwd = "stale"
	}
	deadline := time.NewTimer(b.Timeout + time.Second)
	defer deadline.Stop()
	// Waiting for what others fetch costs nobody anything and is not counted.
	var limited *api.Error
	who := s.client(ctx)
	may := func() bool {
		limited = s.tuned.Load().limits.take(b, who, t.start)
		return limited == nil
	}
	for range joinMax {
		fl, joined := s.flights.join(key, may, s.fetcher(b, r, key, old))
		if fl == nil {
			if limited != nil {
				s.refuse(ctx, r, limited, t)
				return
			}
			s.refuse(ctx, r, api.NewError(api.CodeOverloaded, "Too many people are asking for this right now. Try again in a moment."), t)
			return
		}
		select {
		case <-fl.done:
		case <-deadline.C:
			if old != nil {
				s.stored(ctx, r, old, cacheStatus{fwd: fwd, detail: "core-slow"}, t)
				return
			}
			s.refuse(ctx, r, api.NewError(api.CodeUnavailable, "This took too long. Try again in a moment."), t)
			return
		}
		if fl.err != nil || fl.entry.status >= 500 {
			s.failed(ctx, b, r, fl, old, t)
			return
		}
		if fl.entry.pass && joined {
			break
		}
		// A flight may have left before a change that this request came after.
		if joined && s.judge(fl.entry) == stale {
			continue
		}
		t.core = fl.entry.core
		s.stored(ctx, r, fl.entry, cacheStatus{fwd: fwd, fwdStatus: fl.entry.status, stored: !fl.entry.pass && !joined, collapsed: joined, detail: doubt}, t)
		return
	}
	s.alone(ctx, b, r, key, cacheStatus{fwd: fwd, detail: doubt}, t)
}

// failed answers when the flight brought nothing: with the old entry if there is one.
func (s *Server) failed(ctx *fasthttp.RequestCtx, b *bound, r *Request, fl *flight, old *entry, t timing) {
	status := 0
	if fl.entry != nil {
		status = fl.entry.status
	} else {
		status = fl.err.Status
	}
	c := cacheStatus{fwd: "miss", fwdStatus: status}
	switch {
	case old != nil && status >= 500:
		c.fwd, c.detail = "stale", "core-failed"
		s.stored(ctx, r, old, c, t)
	case fl.entry != nil:
		t.core = fl.entry.core
		s.stored(ctx, r, fl.entry, c, t)
	default:
		s.cacheStatus(&ctx.Response.Header, c)
		s.metrics.answered(c)
		s.refuse(ctx, r, fl.err, t)
	}
}

// alone fetches for this request only and keeps nothing.
func (s *Server) alone(ctx *fasthttp.RequestCtx, b *bound, r *Request, key string, c cacheStatus, t timing) {
	if err := s.tuned.Load().limits.take(b, s.client(ctx), t.start); err != nil {
		s.refuse(ctx, r, err, t)
		return
	}
	if !s.gates.fills.Enter() {
		s.refuse(ctx, r, tooMany(), t)
		return
	}
	defer s.gates.fills.Leave()
	anyone := anonymous(r)
	anyone.Call.Min = s.epochs.position()
	a, err := s.run(s.background, b, anyone)
	if err != nil {
		c.fwdStatus = err.Status
		s.cacheStatus(&ctx.Response.Header, c)
		s.refuse(ctx, r, err, t)
		return
	}
	e := &entry{key: key, status: a.Status, contentType: a.ContentType, header: a.Header, pass: true, index: a.Index, fetched: time.Now(),
		file: b.Class == File, control: controlPrivate, variants: []variant{{body: a.Body}}}
	if e.status == 0 {
		e.status = 200
	}
	c.fwdStatus = e.status
	t.core = a.Core
	s.stored(ctx, r, e, c, t)
}

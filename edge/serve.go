package edge

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// handle answers one request, whatever it is.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	t := timing{start: time.Now()}
	defer func() {
		if p := recover(); p != nil {
			s.common(ctx)
			id := requestID(ctx)
			s.metrics.panics.Inc()
			s.log.Error("the server panicked", "panic", fmt.Sprint(p), "request_id", id, "stack", string(debug.Stack()))
			s.refuse(ctx, s.basic(ctx, id), api.Internal(fmt.Errorf("panic: %v", p)), t)
		}
		s.account(ctx, t)
		if s.draining.Load() {
			ctx.SetConnectionClose()
		}
	}()
	if s.guarded && s.before(ctx, t) {
		return
	}
	if !s.quick(ctx, t) {
		s.common(ctx)
		s.route(ctx, requestID(ctx), t)
	}
}

// route refuses what must not be read any further, and finds out who answers.
func (s *Server) route(ctx *fasthttp.RequestCtx, id string, t timing) {
	h := &ctx.Request.Header
	method := string(ctx.Method())
	if err := checkFraming(h); err != nil {
		s.cutOff(ctx, id, err, t)
		return
	}
	if method == "OPTIONS" && string(h.RequestURI()) == "*" {
		s.options(ctx, "OPTIONS, GET, HEAD, POST, PUT, PATCH, DELETE", t)
		return
	}
	at, err := parseTarget(h.RequestURI())
	if err != nil {
		r := s.basic(ctx, id)
		r.Path = "/"
		r.HTML = !underAPI(string(h.RequestURI())) && wantsHTML(h.Peek("Accept"))
		s.refuse(ctx, r, err, t)
		ctx.SetConnectionClose()
		return
	}
	if at.collapse != "" {
		s.redirect(ctx, at.collapse, at.query, t)
		if strings.HasPrefix(method, refusedPrefix) { // its body is on its way, and must not be taken for a request
			s.hangUp(ctx)
		}
		return
	}
	m := s.router.find(at.path)
	if sent, ok := strings.CutPrefix(method, refusedPrefix); ok {
		s.unread(ctx, id, sent, at, m, t)
		return
	}
	if !plainMethod(method) {
		s.cutOff(ctx, id, malformed("The method is not one of HTTP's."), t)
		return
	}
	lookup := method
	if method == "HEAD" {
		lookup = "GET"
	}
	if (method == "GET" || method == "HEAD") && h.ContentLength() == -1 {
		s.cutOff(ctx, id, malformed("A GET takes no body."), t)
		return
	}
	var b *bound
	switch {
	case m.leaf != nil:
		b = m.leaf.of(lookup)
	case m.slash:
		raw, _, _ := strings.Cut(string(h.RequestURI()), "?")
		other, had := strings.CutSuffix(raw, "/")
		if !had {
			other += "/"
		}
		s.redirect(ctx, other, at.query, t)
		return
	}
	if b == nil {
		s.missing(ctx, id, method, at, m, t)
		return
	}
	r := s.basic(ctx, id)
	r.Path = at.path
	r.HTML = !b.API && wantsHTML(h.Peek("Accept"))
	r.Params = m.named(b)
	if len(at.query) > 0 {
		if r.Query, err = parsePairs(at.query, false, b.allows); err != nil {
			s.refuse(ctx, r, err, t)
			return
		}
	}
	if lookup == "GET" && (b.Class == Public || b.Class == File) {
		s.cached(ctx, b, r, t)
		return
	}
	s.personal(ctx, b, r, t)
}

// personal answers what belongs to one client.
func (s *Server) personal(ctx *fasthttp.RequestCtx, b *bound, r *Request, t timing) {
	h := &ctx.Request.Header
	who := s.client(ctx)
	r.Client = told(who)
	if b.Method != "GET" {
		k, err := key(h, b.NeedKey)
		if err == nil {
			err = s.crossSite(h)
		}
		if err != nil {
			s.refuse(ctx, r, err, t)
			return
		}
		r.Call.Key = k
	}
	if err := s.tuned.Load().limits.take(b, who, t.start); err != nil {
		s.turnAway(ctx, r, err, t)
		return
	}
	if err := s.complete(ctx, b, r); err != nil {
		s.refuse(ctx, r, err, t)
		return
	}
	if err := s.mayBegin(b, r); err != nil {
		s.turnAway(ctx, r, err, t)
		return
	}
	// Nobody is inside the gate while a body arrives, or a few clients that send slowly would keep all others out.
	if more, err := s.body(ctx, b, r); err != nil {
		s.refuse(ctx, r, err, t)
		if more {
			s.hangUp(ctx)
		}
		return
	}
	gate := s.gates.of(b)
	if !gate.Enter() {
		s.refuse(ctx, r, tooMany(), t)
		return
	}
	defer gate.Leave()
	a, err := s.run(s.background, b, r)
	if err != nil {
		if a != nil {
			t.core = a.Core
		}
		s.refuse(ctx, r, err, t)
		return
	}
	s.private(ctx, r, a, t)
}

// mayBegin asks the route's guard, if it has one, before a body is read.
func (s *Server) mayBegin(b *bound, r *Request) *api.Error {
	if b.Guard == nil {
		return nil
	}
	gate := s.gates.of(b)
	if !gate.Enter() {
		return tooMany()
	}
	defer gate.Leave()
	return s.admit(b, r)
}

// turnAway refuses a request before its body is read; a large one is not waited for.
func (s *Server) turnAway(ctx *fasthttp.RequestCtx, r *Request, e *api.Error, t timing) {
	s.refuse(ctx, r, e, t)
	if size := ctx.Request.Header.ContentLength(); size == -1 || size > smallBody {
		s.hangUp(ctx)
	}
}

// underAPI reports whether a path is of the JSON API, where a refusal is never a page.
func underAPI[T string | []byte](path T) bool {
	return len(path) >= len("/api/") && string(path[:len("/api/")]) == "/api/" || len(path) >= len("/admin/api/") && string(path[:len("/admin/api/")]) == "/admin/api/"
}

// cutOff refuses a request whose framing cannot be trusted: nothing more is read from its
// connection.
func (s *Server) cutOff(ctx *fasthttp.RequestCtx, id string, e *api.Error, t timing) {
	s.refuse(ctx, s.basic(ctx, id), e, t)
	ctx.SetConnectionClose()
}

// unread refuses a request whose announced body the header hook left unread.
func (s *Server) unread(ctx *fasthttp.RequestCtx, id, method string, at target, m match, t timing) {
	r := s.basic(ctx, id)
	r.Method, r.Path = method, at.path
	var e *api.Error
	switch b := m.leaf.of(method); {
	case method == "GET" || method == "HEAD":
		e = malformed("A GET takes no body.")
	case m.leaf == nil || b == nil:
		s.missing(ctx, id, method, at, m, t)
		s.hangUp(ctx)
		return
	default:
		r.HTML = !b.API && wantsHTML(ctx.Request.Header.Peek("Accept"))
		e = tooLarge(b.MaxBody)
	}
	s.refuse(ctx, r, e, t)
	s.hangUp(ctx)
}

// missing answers for a path or method that no route has.
func (s *Server) missing(ctx *fasthttp.RequestCtx, id, method string, at target, m match, t timing) {
	r := s.basic(ctx, id)
	r.Path = at.path
	if m.leaf == nil {
		r.HTML = !underAPI(at.path) && wantsHTML(ctx.Request.Header.Peek("Accept"))
		s.refuse(ctx, r, api.NewError(api.CodeNotFound, "There is nothing at this address."), t)
		return
	}
	if method == "OPTIONS" {
		s.options(ctx, m.leaf.allow, t)
		return
	}
	r.HTML = !m.leaf.api && wantsHTML(ctx.Request.Header.Peek("Accept"))
	ctx.Response.Header.Set("Allow", m.leaf.allow)
	s.refuse(ctx, r, api.NewError(api.CodeMethodNotAllowed, "This address answers %s.", m.leaf.allow), t)
}

func (s *Server) options(ctx *fasthttp.RequestCtx, allow string, t timing) {
	h := &ctx.Response.Header
	ctx.SetStatusCode(204)
	h.Set("Allow", allow)
	h.SetCanonical(nameCacheControl, controlPrivate)
	s.cacheStatus(h, cacheStatus{fwd: "method"})
	timed(h, t)
}

// redirect sends the client to the normal form of its address. The place is a path that starts with
// exactly one slash, so it cannot lead to another host.
func (s *Server) redirect(ctx *fasthttp.RequestCtx, place string, query []byte, t timing) {
	if len(query) > 0 {
		place += "?" + string(query)
	}
	h := &ctx.Response.Header
	ctx.SetStatusCode(308)
	h.Set("Location", place)
	h.SetCanonical(nameCacheControl, controlPrivate)
	s.cacheStatus(h, cacheStatus{fwd: "bypass"})
	timed(h, t)
}

func plainMethod(m string) bool {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return true
	}
	// Methods that we do not answer but know get 405 with what we do answer.
	return m == "TRACE" || m == "CONNECT"
}

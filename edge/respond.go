package edge

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// refuse answers with an error.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, r *Request, e *api.Error, t timing) {
	h := &ctx.Response.Header
	ctx.Response.ResetBody()
	ct, body := s.refusal(r, e)
	ctx.SetStatusCode(e.Status)
	h.SetContentType(ct)
	h.SetCanonical(nameCacheControl, controlPrivate)
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	if e.Code == api.CodeUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if len(h.Peek("Cache-Status")) == 0 {
		s.cacheStatus(h, cacheStatus{fwd: "bypass"})
	}
	ctx.Response.SetBodyRaw(body)
	timed(h, t)
	if e.Status >= 500 {
		level := slog.LevelWarn
		if e.Code == api.CodeInternal {
			level = slog.LevelError
		}
		s.log.Log(context.Background(), level, "a request failed", "request_id", r.Call.RequestID, "method", r.Method, "path", r.Path,
			"status", e.Status, "code", string(e.Code), "ms", float64(time.Since(t.start).Microseconds())/1000, "err", e.Error())
	}
}

// private answers one client.
func (s *Server) private(ctx *fasthttp.RequestCtx, r *Request, a *Answer, t timing) {
	h := &ctx.Response.Header
	status := a.Status
	if status == 0 {
		status = 200
	}
	ctx.SetStatusCode(status)
	if a.ContentType != "" {
		h.SetContentType(a.ContentType)
	}
	for _, kv := range a.Header {
		h.Set(kv[0], kv[1])
	}
	if a.Replay {
		h.Set(api.HeaderReplay, "true")
	}
	h.SetCanonical(nameCacheControl, controlPrivate)
	if a.Immutable {
		h.SetCanonical(nameCacheControl, controlImmutable)
	}
	s.cacheStatus(h, cacheStatus{fwd: "bypass"})
	next := r.Jar
	if a.Jar != nil {
		next = *a.Jar
	}
	if r.Method != "GET" && r.Method != "HEAD" {
		// What this client wrote, it sees from now on, on any edge.
		next.Min = api.Max(next.Min, a.Index)
	}
	s.jar.write(h, r.Jar, next, !loopback(ctx.Host()))
	if at := api.Max(next.Min, a.Index); !at.IsZero() {
		h.Set(api.HeaderIndex, at.String())
	}
	ctx.Response.SetBodyRaw(a.Body)
	t.core = a.Core
	timed(h, t)
}

// stored answers from an entry. It makes no garbage for what is in the cache, and needs r for nothing but a
// refusal.
func (s *Server) stored(ctx *fasthttp.RequestCtx, r *Request, e *entry, c cacheStatus, t timing) {
	v := s.variant(e, ctx.Request.Header.PeekCanonical(nameAcceptEncoding), c.hit)
	h := &ctx.Response.Header
	var id [maxRequestID]byte
	n := copy(id[:], h.PeekCanonical(nameRequestID))
	s.head(e, v, loopback(ctx.Host())).CopyTo(h)
	setRequestID(ctx, id[:n])
	now := t.start
	if !c.hit {
		now = time.Now() // the fill took its time
	}
	if e.freshUntil.After(now) && !e.pass && c.fwd != "stale" {
		c.ttl, c.hasTTL = e.freshUntil.Sub(now), true
	}
	s.cacheStatus(h, c)
	s.metrics.answered(c)
	if c.hit || c.fwd == "stale" {
		var b [20]byte
		h.SetCanonical(nameAge, strconv.AppendInt(b[:0], int64(max(0, now.Sub(e.fetched))/time.Second), 10))
	}
	switch {
	case e.problem != nil:
		_, body := s.refusal(r, e.problem)
		s.send(ctx, e.status, problemType, body, t)
	case len(v.etag) > 0 && matches(ctx.Request.Header.PeekCanonical(nameIfNoneMatch), v.etag):
		ctx.SetStatusCode(304)
		h.SetContentTypeBytes(nil)
		h.SetContentEncodingBytes(nil)
		ctx.Response.SkipBody = true
		timed(h, t)
	case e.file && e.status == 200 && s.ranged(ctx, e, v, t):
	default:
		ctx.Response.SetBodyRaw(v.body)
		timed(h, t)
	}
}

// variant is the encoding of an entry that a client gets who accepts these. Those that are used are made well.
func (s *Server) variant(e *entry, accept []byte, hit bool) *variant {
	if !e.used.Load() { // mostly it is set, and nothing is written
		e.used.Store(true)
	}
	all := e.variants
	if better := e.better.Load(); better != nil {
		all = *better
	} else if hit && e.rough {
		s.polisher.ask(e)
	}
	if e.file {
		return &all[0]
	}
	return pickVariant(all, accept)
}

// head is newHead, kept for the next answer.
func (s *Server) head(e *entry, v *variant, local bool) *fasthttp.ResponseHeader {
	place := &v.public
	if local {
		place = &v.local
	}
	if h := place.Load(); h != nil {
		return h
	}
	h := s.newHead(e, v, local)
	place.Store(h)
	return h
}

// newHead is the part of an answer's headers that does not change while its entry lives.
func (s *Server) newHead(e *entry, v *variant, local bool) *fasthttp.ResponseHeader {
	common := s.public
	if local {
		common = s.local
	}
	h := &fasthttp.ResponseHeader{}
	common.CopyTo(h)
	h.SetStatusCode(e.status)
	h.SetContentType(e.contentType)
	h.SetCanonical(nameCacheControl, e.control)
	if !e.index.IsZero() {
		h.Set(api.HeaderIndex, e.index.String())
	}
	if e.file {
		h.Set("Accept-Ranges", "bytes")
	} else if e.problem == nil {
		h.Set("Vary", "Accept-Encoding")
	}
	if len(v.etag) > 0 {
		h.SetCanonical(nameETag, v.etag)
	}
	if v.encoding != "" && !e.file {
		h.SetContentEncoding(v.encoding)
	}
	for _, kv := range e.header {
		h.Set(kv[0], kv[1])
	}
	return h
}

func (s *Server) send(ctx *fasthttp.RequestCtx, status int, contentType string, body []byte, t timing) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType(contentType)
	ctx.Response.SetBodyRaw(body)
	timed(&ctx.Response.Header, t)
}

// matches reports whether If-None-Match names the tag, or is a star.
func matches(header, etag []byte) bool {
	for len(header) > 0 {
		item, rest, _ := bytes.Cut(header, []byte{','})
		header = rest
		item = bytes.TrimPrefix(bytes.TrimSpace(item), []byte("W/"))
		if bytes.Equal(item, etag) || len(item) == 1 && item[0] == '*' {
			return true
		}
	}
	return false
}

// ranged answers a single range of a file. Several ranges, or a range of another version of the
// file, get the whole.
func (s *Server) ranged(ctx *fasthttp.RequestCtx, e *entry, v *variant, t timing) bool {
	spec := string(ctx.Request.Header.Peek("Range"))
	if spec == "" || !ctx.IsGet() {
		return false
	}
	if cond := string(ctx.Request.Header.Peek("If-Range")); cond != "" && cond != string(v.etag) {
		return false
	}
	size := int64(len(v.body))
	from, to, ok, outside := parseRange(spec, size)
	switch {
	case outside:
		ctx.Response.Header.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		ctx.SetStatusCode(416)
		timed(&ctx.Response.Header, t)
		return true
	case !ok:
		return false
	}
	ctx.Response.Header.Set("Content-Range", "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(to-1, 10)+"/"+strconv.FormatInt(size, 10))
	s.send(ctx, 206, e.contentType, v.body[from:to], t)
	return true
}

// parseRange reads a single byte range as [from, to). ok is false for what is to be ignored, outside
// true for a range beyond the end.
func parseRange(spec string, size int64) (from, to int64, ok, outside bool) {
	list, found := strings.CutPrefix(spec, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(list), "-")
	if !found || !dash || !digits(first) || !digits(last) || first == "" && last == "" {
		return 0, 0, false, false
	}
	a, err1 := strconv.ParseInt(orZero(first), 10, 64)
	z, err2 := strconv.ParseInt(orZero(last), 10, 64)
	switch {
	case err1 != nil || err2 != nil:
		return 0, 0, false, false
	case first == "":
		if z == 0 || size == 0 {
			return 0, 0, false, true
		}
		return max(0, size-z), size, true, false
	case a >= size:
		return 0, 0, false, true
	case last == "" || z >= size:
		return a, size, true, false
	case z < a:
		return 0, 0, false, false
	}
	return a, z + 1, true, false
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

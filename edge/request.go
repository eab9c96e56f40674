package edge

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
	"meridian/edge/waiting"
)

const (
	headerCredential = "Authorization"
	headerTicket     = "Waiting-Ticket"
	headerFetchSite  = "Sec-Fetch-Site"
	sameOrigin       = "same-origin" // of Sec-Fetch-Site
	maxRequestID     = 64
	maxKey           = 128
	maxHeaderValue   = 1024 // of the few headers that handlers see
	maxUserAgent     = 512
)

// setRequestID sets the answer's request id: the given one, else what appendRequestID makes of the client's.
func setRequestID(ctx *fasthttp.RequestCtx, given []byte) {
	if len(given) == 0 {
		var b [maxRequestID]byte
		given = appendRequestID(b[:0], ctx.Request.Header.PeekCanonical(nameRequestID))
	}
	ctx.Response.Header.SetCanonical(nameRequestID, given)
}

// appendRequestID writes the client's request id if it is fit for logs and headers, else a new one, which must
// differ from others and need not be hard to guess.
func appendRequestID(b, sent []byte) []byte {
	if len(sent) > 0 && len(sent) <= maxRequestID && visible(sent) {
		return append(b, sent...)
	}
	var raw [12]byte
	binary.BigEndian.PutUint64(raw[:], rand.Uint64())
	binary.BigEndian.PutUint32(raw[8:], rand.Uint32())
	return hex.AppendEncode(b, raw[:])
}

// requestID is the id that common set.
func requestID(ctx *fasthttp.RequestCtx) string {
	return string(ctx.Response.Header.PeekCanonical(nameRequestID))
}

// wantsHTML reports whether a refusal should be a page: yes unless the client names only other types.
func wantsHTML(accept []byte) bool {
	return len(accept) == 0 || bytes.Contains(accept, []byte("text/html")) || bytes.Contains(accept, []byte("*/*"))
}

// short copies a header for a handler, dropping what is absurdly long.
func short(b []byte, limit int) string {
	if len(b) > limit {
		return ""
	}
	return string(b)
}

// basic is the part of a Request that needs no route: enough for a refusal.
func (s *Server) basic(ctx *fasthttp.RequestCtx, id string) *Request {
	return &Request{Method: string(ctx.Method()), Locale: s.cfg.Locale, Region: s.cfg.Region,
		Call: api.Call{RequestID: id, Edge: s.cfg.ID}}
}

// complete fills a Request for a handler that answers one client.
func (s *Server) complete(ctx *fasthttp.RequestCtx, b *bound, r *Request) *api.Error {
	h := &ctx.Request.Header
	r.IfMatch = short(h.Peek("If-Match"), maxHeaderValue)
	r.Range = short(h.Peek("Range"), maxHeaderValue)
	r.Referer = short(h.Peek("Referer"), maxHeaderValue)
	r.Ticket = short(h.Peek(headerTicket), waiting.MaxTicket)
	agent := h.UserAgent()
	r.Source, r.Agent = source(agent), string(agent[:min(len(agent), maxUserAgent)])
	r.Host = short(h.Host(), maxHeaderValue)
	r.Unfollowed = string(h.Peek("DNT")) == "1" || string(h.Peek("Sec-GPC")) == "1"
	r.SameOrigin = string(h.Peek(headerFetchSite)) == sameOrigin
	r.Jar = s.jar.read(h)
	r.Jar.Min = s.believable(r.Jar.Min)
	r.Call.Min = r.Jar.Min
	if raw := h.Peek(api.HeaderIndex); len(raw) > 0 {
		at, err := api.ParseIndex(string(raw))
		if err != nil {
			return malformed("X-Index is not an index that we gave.")
		}
		r.Call.Min = api.Max(r.Call.Min, s.believable(at))
	}
	switch {
	case r.Jar.Staff != "" && b.Class == Staff:
		r.Call.Credential = "staff:" + r.Jar.Staff
	case r.Jar.Session != "":
		r.Call.Credential = "session:" + r.Jar.Session
	}
	if auth := h.Peek(headerCredential); len(auth) > 0 {
		scheme, tok, _ := bytes.Cut(auth, []byte{' '})
		t := token(bytes.TrimSpace(tok))
		if !strings.EqualFold(string(scheme), "Bearer") || t == "" {
			return api.NewError(api.CodeUnauthorized, "The Authorization header must be Bearer and a token.")
		}
		r.Call.Credential = "staff:" + t
	}
	return nil
}

// key checks the Idempotency-Key. It comes before anything else is asked of a write.
func key(h *fasthttp.RequestHeader, needed bool) (string, *api.Error) {
	k := h.Peek(api.HeaderKey)
	switch {
	case len(k) == 0 && needed:
		return "", api.Invalid(api.HeaderKey, "This request needs an Idempotency-Key: 1 to 128 visible ASCII characters of your choice, the same when you repeat it.")
	case len(k) > maxKey || !visible(k):
		return "", api.Invalid(api.HeaderKey, "An Idempotency-Key is 1 to 128 visible ASCII characters.")
	}
	return string(k), nil
}

// source reads a User-Agent. Tablets of Apple's say that they are desktops.
func source(agent []byte) (e EventSource) {
	if len(agent) == 0 {
		return e
	}
	a := bytes.ToLower(agent[:min(len(agent), maxUserAgent)])
	has := func(mark string) bool { return bytes.Contains(a, []byte(mark)) }
	for _, mark := range []string{"bot", "crawl", "spider", "slurp", "headless", "preview", "monitor"} {
		e.Bot = e.Bot || has(mark)
	}
	switch {
	case has("ipad"), has("tablet"), has("android") && !has("mobi"):
		e.Device = "tablet"
	case has("mobi"), has("iphone"):
		e.Device = "mobile"
	default:
		e.Device = "desktop"
	}
	return e
}

// crossSite refuses writes that a page of another site made the browser send. Browsers that say
// nothing about a request's origin send no cookies across sites either (SameSite=Lax), and programs
// say nothing, so silence passes; a bearer token is never sent by itself.
func (s *Server) crossSite(h *fasthttp.RequestHeader) *api.Error {
	if len(h.Peek(headerCredential)) > 0 {
		return nil
	}
	origin := h.Peek("Origin")
	switch site := string(h.Peek(headerFetchSite)); {
	case site == sameOrigin, site == "none":
		return nil
	case site == "" && len(origin) == 0:
		return nil
	case len(origin) > 0 && s.sameOrigin(string(origin), string(h.Host())):
		return nil
	}
	return api.NewError(api.CodeForbidden, "This form was sent from another site. Open the page here and send it again.")
}

func (s *Server) sameOrigin(origin, host string) bool {
	for _, o := range s.tuned.Load().Origins {
		if o == origin {
			return true
		}
	}
	_, authority, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(authority, host)
}

// loopback reports whether a Host header names this machine, where there is no TLS.
func loopback(host []byte) bool {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && host[len(host)-1] != ']' {
		host = host[:i]
	}
	if v4, ok := bytes.CutPrefix(host, loopbackV4); ok {
		for _, c := range v4 {
			if c != '.' && (c < '0' || c > '9') {
				return false
			}
		}
		return true
	}
	return string(host) == "localhost" || string(host) == "[::1]" || bytes.HasSuffix(host, loopbackZone)
}

var loopbackV4, loopbackZone = []byte("127."), []byte(".localhost")

// believable is an index a client may have seen. One of another timeline, or far beyond what this
// edge knows, would only make reads wait in vain.
func (s *Server) believable(at api.Index) api.Index {
	known := s.known()
	if at.IsZero() || known.IsZero() {
		return at
	}
	if at.Timeline != known.Timeline || at.Raft > known.Raft+maxAhead {
		return api.Index{}
	}
	return at
}

// maxAhead is how far another edge may be ahead of this one: more than a minute of writes.
const maxAhead = 1_000_000

// known is the newest index seen here.
func (s *Server) known() api.Index {
	s.newestMu.Lock()
	defer s.newestMu.Unlock()
	return api.Max(s.newest, s.epochs.position())
}

// saw remembers the newest index of any answer.
func (s *Server) saw(at api.Index) {
	s.newestMu.Lock()
	s.newest = api.Max(s.newest, at)
	s.newestMu.Unlock()
}

// body reads the body of a request, at most the route's limit, and checks its type. more says that
// the client is still sending what nobody will read.
func (s *Server) body(ctx *fasthttp.RequestCtx, b *bound, r *Request) (more bool, err *api.Error) {
	h := &ctx.Request.Header
	size := h.ContentLength()
	if size == 0 || size == -2 {
		return false, nil
	}
	if b.MaxBody == 0 || size > b.MaxBody {
		return true, tooLarge(b.MaxBody)
	}
	r.ContentType = short(h.ContentType(), maxHeaderValue)
	if !b.accepts(r.ContentType) {
		return true, api.NewError(api.CodeUnsupportedMedia, "Send %s.", strings.Join(b.Types, " or "))
	}
	if enc := h.Peek("Content-Encoding"); len(enc) > 0 {
		return true, api.NewError(api.CodeUnsupportedMedia, "Send the body without a Content-Encoding.")
	}
	data, rerr := readBody(ctx, size, b.MaxBody)
	switch {
	case rerr == errTooLarge:
		return true, tooLarge(b.MaxBody)
	case isTimeout(rerr): // it had its time: the connection is closed without waiting for more
		ctx.SetConnectionClose()
		return false, tooSlow()
	case rerr != nil:
		return true, malformed("The body ended early or was not framed as announced.")
	}
	r.Body = data
	if strings.HasPrefix(strings.ToLower(r.ContentType), "application/x-www-form-urlencoded") {
		r.Form, err = parsePairs(data, true, func(string) bool { return true })
	}
	return false, err
}

// timeout of a body on its way: routes that take much get longer.
func (s *Server) readTimeout(b *bound) time.Duration {
	if b.MaxBody > 1<<20 {
		return max(s.cfg.ReadTimeout, time.Minute)
	}
	return s.cfg.ReadTimeout
}

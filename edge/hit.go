package edge

import (
	"time"

	"github.com/valyala/fasthttp"
)

// maxQuick bounds the targets that are looked up before they are parsed.
const maxQuick = 512

// quick answers a page or file out of the cache, for a plain target without a query, without making any garbage.
// It answers what the long way would, and leaves everything else to that: what is stored was stored under the
// normal form of its address, so a plain target that leads to an entry needs no router to be known as normal.
func (s *Server) quick(ctx *fasthttp.RequestCtx, t timing) bool {
	h := &ctx.Request.Header
	target := h.RequestURI()
	if !ctx.IsGet() || h.ContentLength() == -1 {
		return false
	}
	if !isPlain(target) || checkFraming(h) != nil {
		return false
	}
	e, doubt := s.hit(target, h.PeekCanonical(nameAccept), t.start)
	if e == nil {
		return false
	}
	s.stored(ctx, nil, e, cacheStatus{hit: true, detail: doubt}, t)
	return true
}

// hit is the entry that answers a GET of a plain target, nil if the long way must. It is shown with the detail doubt.
func (s *Server) hit(target, accept []byte, now time.Time) (e *entry, doubt string) {
	var buf [maxQuick + 64]byte
	key := append(buf[:0], s.keyHead...)
	if !underAPI(target) && wantsHTML(accept) {
		key = append(buf[:0], s.keyHeadHTML...)
	}
	doubt = s.doubt(now)
	e = s.cache.get(append(key, target...))
	if e == nil || e.pass || e.problem != nil || !now.Before(e.freshUntil) || s.judge(e) != valid {
		return nil, ""
	}
	return e, doubt
}

// isPlain reports whether a target's bytes all stand for themselves, and there are few of them.
func isPlain(target []byte) bool {
	if len(target) > maxQuick {
		return false
	}
	for _, c := range target {
		if !plain[c] {
			return false
		}
	}
	return true
}

// plain are the bytes that stand for themselves in a path.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c < 0x80 && literal(byte(c))
	}
	return table
}()

package edge

import (
	"bufio"
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// shorten finds the answer to a request out of the cache: its head is put into v, what has its body is returned, nil for none. A head that came
// whole and alone is scanned once, more strictly than anything behind it would; the answer is a prepared head, the lines of the moment, and the
// body. No entry: the long way must answer. The request came over a connection from an address.
func (s *Server) shorten(v *vector, p []byte, from netip.Addr, start time.Time) (e *entry, body *variant) {
	if s.draining.Load() {
		return nil, nil // connections end on the long way
	}
	q, ok := scan(p)
	if !ok {
		return nil, nil
	}
	e, doubt := s.hit(q.target, q.accept, start)
	if e == nil || e.file && q.ranged {
		return nil, nil
	}
	enc := s.variant(e, q.acceptEncoding, true)
	unchanged := len(enc.etag) > 0 && matches(q.ifNoneMatch, enc.etag)
	head := s.readyHead(e, enc, loopback(q.host), unchanged)
	if head == nil {
		return nil, nil
	}
	c := cacheStatus{hit: true, detail: doubt, ttl: e.freshUntil.Sub(start), hasTTL: true}
	b := append(v.head[:0], head...)
	b = append(b, s.date(start)...)
	b = append(b, "\r\nX-Request-Id: "...)
	id := len(b)
	b = appendRequestID(b, q.requestID)
	idEnd := len(b)
	b = append(b, "\r\nCache-Status: "...)
	cached := len(b)
	b = s.appendCacheStatus(b, c)
	cachedEnd := len(b)
	b = append(b, "\r\nAge: "...)
	b = strconv.AppendInt(b, int64(max(0, start.Sub(e.fetched))/time.Second), 10)
	b = append(b, "\r\nServer-Timing: "...)
	took := time.Since(start)
	b = appendTiming(b, took, 0)
	v.head = append(b, "\r\n\r\n"...)
	status, size := e.status, 0
	if unchanged {
		status = fasthttp.StatusNotModified
	} else {
		body, size = enc, len(enc.body)
	}
	s.metrics.answered(c)
	s.metrics.status(status)
	s.metrics.latency.Observe(took.Seconds())
	if s.sampled() {
		s.tell("GET", string(q.target), status, size, took, string(b[id:idEnd]), s.clientOf(p, from), string(b[cached:cachedEnd]))
	}
	return e, body
}

// clientOf is client for a head that was scanned, of a request from an address.
func (s *Server) clientOf(head []byte, from netip.Addr) netip.Addr {
	t := s.tuned.Load()
	if !t.trusted(from) {
		return from
	}
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReader(bytes.NewReader(head))); err != nil {
		return from
	}
	return t.client(&h, from)
}

// readyHead is newHead as it is sent, with everything up to the value of Date, which comes last. Nil: there is none that
// could be prepared.
func (s *Server) readyHead(e *entry, v *variant, local, unchanged bool) []byte {
	i := 0
	if local {
		i = 1
	}
	if unchanged {
		i += 2
	}
	if b := v.ready[i].Load(); b != nil {
		return *b
	}
	if e.status < 200 || e.status == fasthttp.StatusNoContent || e.status == fasthttp.StatusNotModified {
		return nil
	}
	h := s.newHead(e, v, local)
	h.SetContentLength(len(v.body))
	if unchanged {
		h.SetStatusCode(fasthttp.StatusNotModified)
		h.SetContentTypeBytes(nil)
		h.SetContentEncodingBytes(nil)
	}
	var b []byte
	for line := range bytes.Lines(h.AppendBytes(nil)) {
		if !bytes.HasPrefix(line, []byte("Date:")) && len(line) > len("\r\n") && !(unchanged && bytes.HasPrefix(line, []byte("Content-Length:"))) {
			b = append(b, line...)
		}
	}
	b = bytes.Clone(append(b, "Date: "...))
	v.ready[i].Store(&b)
	return b
}

// dated is the value of Date in a second.
type dated struct {
	second int64
	value  []byte
}

// date is the value of Date now.
func (s *Server) date(now time.Time) []byte {
	d := s.today.Load()
	if second := now.Unix(); d == nil || d.second != second {
		d = &dated{second, fasthttp.AppendHTTPDate(nil, now)}
		s.today.Store(d)
	}
	return d.value
}

package edge

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// shorten finds the answer to a request out of the cache: its head is put into v, its body is returned. A head that came whole and alone is
// scanned once, more strictly than anything behind it would; the answer is a prepared head, the lines of the moment, and the
// body. No entry: the long way must answer.
func (s *Server) shorten(v *vector, p []byte, start time.Time) (e *entry, body []byte) {
	if s.draining.Load() || (s.answers.Load()+1)%s.cfg.LogSample == 0 {
		return nil, nil // connections end, and logs are written, on the long way
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
	b = appendRequestID(b, q.requestID)
	b = append(b, "\r\nCache-Status: "...)
	b = s.appendCacheStatus(b, c)
	b = append(b, "\r\nAge: "...)
	b = strconv.AppendInt(b, int64(max(0, start.Sub(e.fetched))/time.Second), 10)
	b = append(b, "\r\nServer-Timing: "...)
	took := time.Since(start)
	b = appendTiming(b, took, 0)
	v.head = append(b, "\r\n\r\n"...)
	status := e.status
	if unchanged {
		status = fasthttp.StatusNotModified
	} else {
		body = enc.body
	}
	s.answers.Add(1)
	s.metrics.answered(c)
	s.metrics.status(status)
	s.metrics.latency.Observe(took.Seconds())
	return e, body
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

// asked is what an answer out of the cache depends on. The bytes are the connection's.
type asked struct {
	target, host, accept, acceptEncoding, ifNoneMatch, requestID []byte
	ranged                                                       bool
}

// scan reads the head of a GET that can be read in one way only and leaves nothing to decide. It is stricter than the
// long way, which gets what is not ok.
func scan(p []byte) (q asked, ok bool) {
	rest, isGet := bytes.CutPrefix(p, []byte("GET "))
	end := bytes.IndexByte(rest, ' ')
	if !isGet || end <= 0 || end > maxQuick || rest[0] != '/' {
		return q, false
	}
	q.target, rest = rest[:end], rest[end+1:]
	rest, isHTTP := bytes.CutPrefix(rest, []byte("HTTP/1.1\r\n"))
	if !isHTTP || !isPlain(q.target) {
		return q, false
	}
	for range maxLines {
		if len(rest) == 2 && rest[0] == '\r' && rest[1] == '\n' {
			return q, len(q.host) > 0
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 3 || rest[end-1] != '\r' {
			return q, false
		}
		line := rest[:end-1]
		rest = rest[end+1:]
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !printable(line) {
			return q, false
		}
		if !q.header(line[:colon], line[colon+1:]) {
			return q, false
		}
	}
	return q, false
}

// header takes one header line. It refuses what is not for the short cut.
func (q *asked) header(name, value []byte) bool {
	for _, c := range name {
		if !tokens[c] {
			return false
		}
	}
	value = bytes.Trim(value, " ")
	var place *[]byte
	switch len(name) {
	case len("Host"):
		if is(name, "host") {
			for _, c := range value {
				if !hosts[c] {
					return false
				}
			}
			place = &q.host
		}
	case len("Range"):
		q.ranged = q.ranged || is(name, "range")
	case len("Accept"): // and Expect
		if is(name, "accept") {
			place = &q.accept
		} else if is(name, "expect") {
			return false
		}
	case len("Connection"):
		return !is(name, "connection") || is(value, "keep-alive")
	case len("X-Request-Id"):
		if is(name, "x-request-id") {
			place = &q.requestID
		}
	case len("If-None-Match"):
		if is(name, "if-none-match") {
			place = &q.ifNoneMatch
		}
	case len("Content-Length"):
		return !is(name, "content-length")
	case len("Accept-Encoding"):
		if is(name, "accept-encoding") {
			place = &q.acceptEncoding
		}
	case len("Transfer-Encoding"):
		return !is(name, "transfer-encoding")
	}
	if place == nil {
		return true
	}
	if *place != nil || len(value) == 0 {
		return false
	}
	*place = value
	return true
}

// is reports whether b is a word, which is given in lower case, in any case of letters.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// tokens are the bytes of a header's name (RFC 9110, 5.6.2), hosts those of the hosts that the short cut reads.
var tokens, hosts = func() (tokens, hosts [256]bool) {
	for c := range 256 {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		tokens[c] = letter || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0
		hosts[c] = letter || bytes.IndexByte([]byte("-._:[]"), byte(c)) >= 0
	}
	return tokens, hosts
}()

// printable reports whether all bytes are from space to tilde, eight at a time (Warren, "Hacker's Delight", section 6-1).
func printable(b []byte) bool {
	const ones = 0x0101010101010101
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		if (x-ones*' '|x|x+ones)&(ones*0x80) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

package edge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// shortened gives out connections that answer hits themselves.
type shortened struct {
	net.Listener
	s *Server
}

// Accept implements net.Listener.
func (l shortened) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &shortcut{TCPConn: tcp, s: l.s, between: true}, nil
	}
	return c, err
}

// shortcut is a connection that answers what the cache holds while it is read, before the server sees a request: a
// head that came whole is scanned once, and the answer is a prepared head, the lines of the moment and the body, sent in one
// go. Everything else is handed on unchanged. It must know where requests begin, so it follows the framing of what it
// hands on; where it cannot be sure, it hands on everything from there to the end of the connection.
type shortcut struct {
	*net.TCPConn
	s *Server
	// between: what is read next, after skip bytes of a body, begins a request, and nothing waits to be answered or sent.
	between bool
	skip    int
	// readBy and writeBy are the deadlines that were set here, which are moved when there is a second to move.
	// Zero: the server's own are in force.
	readBy, writeBy time.Time
	sending         sync.Mutex // held while an answer is sent, which Close lets end
}

// Read implements net.Conn.
func (c *shortcut) Read(p []byte) (int, error) {
	if c.skip > 0 {
		n, err := c.TCPConn.Read(p[:min(len(p), c.skip)])
		c.skip -= n
		return n, err
	}
	for {
		n, err := c.TCPConn.Read(p)
		if err != nil && !c.readBy.IsZero() {
			return n, io.EOF // after an answer: to the server it seems to be the first request that does not come
		}
		if err != nil || !c.between {
			return n, err
		}
		answered, err := c.answer(p[:n])
		if err != nil {
			return 0, err
		}
		if !answered {
			return n, c.handOn(p[:n])
		}
	}
}

// handOn prepares for the server to read a request that begins with p.
func (c *shortcut) handOn(p []byte) error {
	c.between, c.skip = framed(p)
	c.writeBy = time.Time{}
	if c.readBy.IsZero() {
		return nil
	}
	c.readBy = time.Time{}
	return c.SetReadDeadline(time.Now().Add(c.s.cfg.ReadTimeout))
}

// SetDeadline implements net.Conn. It is called where the connection is taken over: what comes then is no request.
func (c *shortcut) SetDeadline(t time.Time) error {
	c.between, c.skip = false, 0
	return c.TCPConn.SetDeadline(t)
}

// closeGrace is how long an answer that is being sent may take when the connection is closed.
const closeGrace = time.Second

// Close implements net.Conn. The server takes a connection that waits for its first request, as all of ours seem to it, for idle.
func (c *shortcut) Close() error {
	if c.sending.TryLock() {
		defer c.sending.Unlock()
		return c.TCPConn.Close()
	}
	_ = c.SetWriteDeadline(time.Now().Add(closeGrace))
	go func() {
		c.sending.Lock()
		defer c.sending.Unlock()
		_ = c.TCPConn.Close()
	}()
	return nil
}

// vector is an answer on its way.
type vector struct {
	head  []byte
	parts [2][]byte
	bufs  net.Buffers
}

var vectors = sync.Pool{New: func() any { return &vector{head: make([]byte, 0, 2048)} }}

// answer sends the answer to a head, if that is whole and alone in p, and the answer is in the cache.
func (c *shortcut) answer(p []byte) (answered bool, err error) {
	start := time.Now()
	v := vectors.Get().(*vector)
	defer func() {
		v.parts, v.bufs = [2][]byte{}, nil
		vectors.Put(v)
	}()
	e, body := c.s.shorten(v, p, start)
	if e == nil {
		return false, nil
	}
	wait := c.s.cfg.WriteTimeout
	if e.file {
		wait = c.s.slowSending()
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.writeBy.Sub(start) < wait {
		c.writeBy = start.Add(wait + time.Second)
		if err := c.SetWriteDeadline(c.writeBy); err != nil {
			return false, err
		}
	}
	if len(body) == 0 {
		_, err = c.TCPConn.Write(v.head)
	} else {
		v.parts = [2][]byte{v.head, body}
		v.bufs = v.parts[:]
		_, err = v.bufs.WriteTo(c.TCPConn)
	}
	if err != nil {
		return false, io.EOF // half an answer was sent: there is nothing to add
	}
	if c.readBy.Sub(start) < c.s.cfg.IdleTimeout {
		c.readBy = start.Add(c.s.cfg.IdleTimeout + time.Second)
		return true, c.SetReadDeadline(c.readBy)
	}
	return true, nil
}

// shorten finds the answer to a request out of the cache: its head is put into v, its body is returned. No entry: the long way
// must answer.
func (s *Server) shorten(v *vector, p []byte, start time.Time) (e *entry, body []byte) {
	defer func() {
		if problem := recover(); problem != nil { // the long way has not begun
			e = nil
			s.metrics.panics.Inc()
			s.log.Error("the short cut panicked", "panic", fmt.Sprint(problem), "stack", string(debug.Stack()))
		}
	}()
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

// framed reports whether p holds the whole head of one request and nothing of another, and how much of its body is still to come.
func framed(p []byte) (ok bool, skip int) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end <= 0 {
		return false, 0
	}
	body, length, lengths := len(p)-end-len("\r\n\r\n"), 0, 0
	first := true
	for line := range bytes.SplitSeq(p[:end], []byte("\r\n")) {
		if first {
			first = false
			continue
		}
		name, value, _ := bytes.Cut(line, colon)
		switch name = bytes.TrimSpace(name); {
		case bytes.IndexByte(line, '\n') >= 0, bytes.EqualFold(name, transferEncoding):
			return false, 0
		case bytes.EqualFold(name, contentLength):
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
			if lengths++; err != nil || lengths > 1 {
				return false, 0
			}
			length = int(n)
		}
	}
	if body > length {
		return false, 0
	}
	return true, length - body
}

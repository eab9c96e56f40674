package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// front serves the connections of a listener: hits it answers itself, see shorten; a request that needs more goes to
// the server once it is here, and the connection comes back when that is answered. A connection that waits has no buffers, one whose
// request trickles in holds what came.
type front struct {
	net.Listener
	s *Server

	mu      sync.Mutex // guards all and of
	all     map[*conn]struct{}
	of      map[netip.Addr]int // connections by the client's address
	closing atomic.Bool
	waiting atomic.Int64 // connections that are not at the server
	runs    sync.WaitGroup
}

func newFront(ln net.Listener, s *Server) *front {
	return &front{Listener: ln, s: s, all: map[*conn]struct{}{}, of: map[netip.Addr]int{}}
}

// Accept implements net.Listener for the server, which gets no connections this way. It returns when the listener ends.
func (f *front) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		f.take(tcp)
	}
}

// take serves a connection, if there is room for it.
func (f *front) take(tcp *net.TCPConn) {
	c := &conn{TCPConn: tcp, front: f, s: f.s, addr: addressOf(tcp)}
	f.mu.Lock()
	switch cfg := &f.s.cfg; {
	case f.closing.Load():
		f.mu.Unlock()
		_ = tcp.Close()
	case len(f.all) >= cfg.Concurrency:
		f.mu.Unlock()
		reject(tcp, "503 Service Unavailable", "There are too many connections. Try again in a moment.\n")
	case f.of[c.addr] >= cfg.MaxConnsPerIP:
		f.mu.Unlock()
		reject(tcp, "429 Too Many Requests", "There are too many connections from your address.\n")
	default:
		f.all[c] = struct{}{}
		f.of[c.addr]++
		f.runs.Add(1)
		f.waiting.Add(1)
		f.mu.Unlock()
		go c.serve()
	}
}

func addressOf(c *net.TCPConn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// reject refuses a connection without reading from it. The answer fits into the buffer of a new one.
func reject(c net.Conn, status, text string) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %s\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", status, len(text), text)
	_ = c.Close()
}

// gone forgets a connection.
func (f *front) gone(c *conn) {
	f.mu.Lock()
	delete(f.all, c)
	if f.of[c.addr]--; f.of[c.addr] <= 0 {
		delete(f.of, c.addr)
	}
	f.mu.Unlock()
	f.waiting.Add(-1)
	f.runs.Done()
}

// end closes the connections that wait for a request; the others end with their answers, since the server drains.
func (f *front) end() {
	f.closing.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.all {
		if c.idle.CompareAndSwap(true, false) {
			_ = c.SetReadDeadline(past)
		}
	}
}

var past = time.Unix(1, 0)

// wait returns when all connections have ended, or done is closed.
func (f *front) wait(done <-chan struct{}) error {
	ended := make(chan struct{})
	go func() {
		f.runs.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-done:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.all {
		_ = c.TCPConn.Close()
	}
	return fmt.Errorf("edge: drain: %d connections were cut off", len(f.all))
}

// conn is a connection of a front. To the server it is one on which a single request comes.
type conn struct {
	*net.TCPConn
	front *front
	s     *Server
	addr  netip.Addr
	raw   syscall.RawConn

	// idle: it waits for the first byte of a request. Whoever makes it false may set the deadline.
	idle    atomic.Bool
	served  bool // a request was answered
	read    int  // how much the last read brought
	readErr error
	in      *vector // where it is
	// pending is what came of a request that is not whole; its head ends at head (0: not yet).
	pending []byte
	head    int
	// readBy and writeBy are the deadlines that were set for hits, which are moved when there is a second to move. Zero: others are
	// in force.
	readBy, writeBy time.Time
	out             sending
	writable        func(uintptr) bool // sends out

	// While the server has it: known says that it ends after skip more bytes; failed is how reading ends instead. wrote says that the server
	// has begun to answer, and returned that it has ended.
	known    bool
	skip     int
	failed   error
	wrote    bool
	returned atomic.Bool
}

// serve answers requests until the connection ends.
func (c *conn) serve() {
	defer c.front.gone(c)
	defer func() {
		if problem := recover(); problem != nil {
			c.s.metrics.panics.Inc()
			c.s.log.Error("a connection panicked", "panic", fmt.Sprint(problem), "stack", string(debug.Stack()))
			_ = c.TCPConn.Close()
		}
	}()
	raw, err := c.SyscallConn()
	if err == nil {
		err = c.SetReadDeadline(time.Now().Add(c.s.cfg.ReadTimeout))
	}
	if err != nil {
		_ = c.TCPConn.Close()
		return
	}
	c.raw = raw
	readable := c.readable
	for c.next(readable) {
	}
}

// readable reads what is there. A buffer is needed only then.
func (c *conn) readable(fd uintptr) (done bool) {
	v := vectors.Get().(*vector)
	c.read, c.readErr = syscall.Read(int(fd), v.in[:])
	for c.readErr == syscall.EINTR {
		c.read, c.readErr = syscall.Read(int(fd), v.in[:])
	}
	if c.read > 0 && c.readErr == nil {
		c.in = v
		return true
	}
	vectors.Put(v)
	return c.readErr != syscall.EAGAIN
}

// next reads, and answers what has come whole. It reports whether the connection goes on; if not, it is closed or somebody
// else's.
func (c *conn) next(readable func(uintptr) bool) (more bool) {
	if len(c.pending) == 0 {
		c.idle.Store(true)
		if c.front.closing.Load() {
			_ = c.TCPConn.Close()
			return false
		}
	}
	err := c.raw.Read(readable)
	ending := len(c.pending) == 0 && !c.idle.CompareAndSwap(true, false)
	if err == nil {
		if err = c.readErr; err == nil && c.read == 0 {
			err = io.EOF
		}
	}
	if err != nil {
		return c.broken(err, ending)
	}
	start := time.Now()
	v := c.in
	c.in = nil
	p := v.in[:c.read]
	first, before := len(c.pending) == 0, len(c.pending)
	if !first {
		c.pending = append(c.pending, p...)
		p = c.pending
	}
	if c.head == 0 && bytes.HasSuffix(p, endOfHead) {
		if answered, err := c.answer(v, p, start); answered || err != nil {
			c.pending, c.served = nil, true
			v.release()
			if err != nil {
				_ = c.TCPConn.Close()
			}
			return err == nil
		}
	}
	whole, wait := c.whole(p, before)
	if first {
		c.pending = bytes.Clone(p)
		if wait == 0 && (c.served || ending) {
			wait = c.s.cfg.ReadTimeout // the head's; a first one has the connection's
		}
	}
	v.release()
	if whole {
		return c.handOver(nil)
	}
	if wait > 0 {
		c.readBy = time.Time{}
		if err := c.SetReadDeadline(start.Add(wait)); err != nil {
			_ = c.TCPConn.Close()
			return false
		}
	}
	return true
}

// whole reports whether the server should have what has come, p, of which the first bytes were known before. It gets a request with a small body
// when all of it is here, and others when their head is. wait is how long a body that begins to be waited for may take.
func (c *conn) whole(p []byte, before int) (whole bool, wait time.Duration) {
	if c.head > 0 {
		c.skip -= len(p) - before
		return c.skip <= 0, 0
	}
	from := max(0, before-len(endOfHead))
	i := bytes.Index(p[from:], endOfHead)
	if i < 0 {
		return len(p) >= maxHeaders, 0
	}
	c.head = from + i + len(endOfHead)
	ok, size, skip := framed(p, c.head)
	if c.skip = skip; !ok || skip == 0 || size > smallBody {
		return true, 0
	}
	method, rest, _ := bytes.Cut(p, []byte{' '})
	target, _, _ := bytes.Cut(rest, []byte{' '})
	limit, wait := c.s.bodyLimit(method, target)
	return size > limit, wait
}

// broken ends a connection on which no more can be read. What has come of a request is the server's to refuse; one that says nothing, as browsers
// open them in advance, is told nothing.
func (c *conn) broken(err error, ending bool) (more bool) {
	if !ending && len(c.pending) > 0 && (err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded)) {
		return c.handOver(err)
	}
	_ = c.TCPConn.Close()
	return false
}

// handOver gives the server the request that is pending. Reading beyond it fails with failed, if that is set.
func (c *conn) handOver(failed error) (more bool) {
	c.known, c.failed, c.wrote = false, failed, false
	if c.head > 0 && failed == nil {
		c.known, _, c.skip = framed(c.pending, c.head)
	}
	c.head = 0
	c.front.waiting.Add(-1)
	_ = c.s.http.ServeConn(c) // it has told the client, and the log
	c.front.waiting.Add(1)
	if !c.returned.Swap(false) {
		return false
	}
	c.pending, c.skip, c.served, c.writeBy = nil, 0, true, time.Time{}
	c.readBy = time.Now().Add(c.s.cfg.IdleTimeout + time.Second)
	if err := c.SetReadDeadline(c.readBy); err != nil {
		_ = c.TCPConn.Close()
		return false
	}
	return true
}

// Read implements net.Conn for the server. After the answer to the request it says that there is no other; where it is not sure
// where the request ends, the connection stays with the server.
func (c *conn) Read(p []byte) (n int, err error) {
	switch {
	case len(c.pending) > 0:
		n = copy(p, c.pending)
		if c.pending = c.pending[n:]; len(c.pending) == 0 {
			c.pending = nil
		}
	case c.failed != nil:
		err = c.failed
	case !c.known:
		n, err = c.TCPConn.Read(p)
	case c.skip > 0:
		n, err = c.TCPConn.Read(p[:min(len(p), c.skip)])
		c.skip -= n
	default:
		if c.wrote {
			c.returned.Store(true)
		}
		err = io.EOF
	}
	return n, err
}

// Write implements net.Conn for the server.
func (c *conn) Write(p []byte) (int, error) {
	c.wrote = true
	return c.TCPConn.Write(p)
}

// SetDeadline implements net.Conn for the server, which calls it where the connection is taken over: what comes then is no request.
func (c *conn) SetDeadline(t time.Time) error {
	c.known = false
	return c.TCPConn.SetDeadline(t)
}

// Close implements net.Conn for the server.
func (c *conn) Close() error {
	if c.returned.Load() {
		return nil
	}
	return c.TCPConn.Close()
}

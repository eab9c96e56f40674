// Package proxied is a listener for servers behind load balancers that speak the PROXY protocol, version 2: the
// connections it gives out have their clients' addresses.
//
// It promises that an address is believed of trusted networks only, that nobody who is silent holds up the
// others, and that what is read of a connection is its header and not a byte more. It refuses to guess: from
// trusted networks a connection without a header is closed, from all others one with a header. Read Listener.
package proxied

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Config describes a Listener.
type Config struct {
	// From are the networks whose connections begin with a header. Required.
	From []netip.Prefix
	// Timeout bounds how long a header may take. Default 3 s.
	Timeout time.Duration
	// MaxPending bounds the connections whose header is awaited; further ones of trusted networks are closed.
	// Default 4096.
	MaxPending int
	// Refused is told of every connection that was closed. It is called by several goroutines. Default: nobody.
	Refused func(Reason)
}

// Reason says why a connection was closed.
type Reason string

// The reasons.
const (
	Untrusted Reason = "untrusted" // a header from elsewhere
	Missing   Reason = "missing"   // something else than a header of version 2 from a trusted network
	Malformed Reason = "malformed" // a header that names no TCP client
	Late      Reason = "late"      // no whole header in time, or the connection ended before
	Busy      Reason = "busy"      // too many headers are awaited
)

// Reasons lists them all, for metrics.
func Reasons() []Reason { return []Reason{Untrusted, Missing, Malformed, Late, Busy} }

// Listener accepts connections and gives out those that may be served. Headers are read by goroutines of their
// own: a server such as fasthttp asks for the client's address in the loop that accepts, and one that is
// silent there would hold up everybody.
type Listener struct {
	net.Listener
	cfg   Config
	slots chan struct{}
	ready chan net.Conn
	done  chan struct{}

	mu      sync.Mutex // guards pending, closed and failed
	pending map[net.Conn]struct{}
	closed  bool
	failed  error

	wg sync.WaitGroup
}

var _ net.Listener = (*Listener)(nil)

// Listen wraps a TCP listener, which it owns from then on. Close waits for what it started.
func Listen(inner net.Listener, cfg Config) *Listener {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 3 * time.Second
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = 4096
	}
	if cfg.Refused == nil {
		cfg.Refused = func(Reason) {}
	}
	l := &Listener{Listener: inner, cfg: cfg, slots: make(chan struct{}, cfg.MaxPending), ready: make(chan net.Conn),
		done: make(chan struct{}), pending: map[net.Conn]struct{}{}}
	l.wg.Go(l.accept)
	return l
}

// Accept gives the next connection that may be served.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, l.failed
	}
}

// Close stops accepting and drops the connections whose header was not read yet.
func (l *Listener) Close() error {
	err := l.end(net.ErrClosed)
	l.wg.Wait()
	return err
}

// end makes Accept fail from now on.
func (l *Listener) end(why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed, l.failed = true, why
	close(l.done)
	for c := range l.pending {
		_ = c.Close()
	}
	return l.Listener.Close()
}

func (l *Listener) accept() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			_ = l.end(err)
			return
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			_ = c.Close()
			_ = l.end(errors.New("the PROXY protocol is for TCP listeners"))
			return
		}
		if !l.trusted(tcp) {
			l.give(&direct{TCPConn: tcp, refused: l.cfg.Refused})
			continue
		}
		select {
		case l.slots <- struct{}{}:
		default:
			l.refuse(tcp, Busy)
			continue
		}
		if !l.await(tcp) {
			_ = c.Close()
			return
		}
		l.wg.Go(func() {
			defer func() { <-l.slots }()
			l.introduce(tcp)
		})
	}
}

// await notes a connection whose header is read, unless the listener is closed.
func (l *Listener) await(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.pending[c] = struct{}{}
	}
	return !l.closed
}

func (l *Listener) trusted(c *net.TCPConn) bool {
	a, ok := netip.AddrFromSlice(c.RemoteAddr().(*net.TCPAddr).IP)
	a = a.Unmap()
	for _, p := range l.cfg.From {
		if ok && p.Contains(a) {
			return true
		}
	}
	return false
}

// introduce reads a connection's header and gives the connection out.
func (l *Listener) introduce(c *net.TCPConn) {
	_ = c.SetReadDeadline(time.Now().Add(l.cfg.Timeout))
	client, why := readHeader(c)
	l.mu.Lock()
	delete(l.pending, c)
	closed := l.closed
	l.mu.Unlock()
	switch {
	case closed:
		_ = c.Close()
		return
	case why != "":
		l.refuse(c, why)
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	if client == nil {
		l.give(c)
		return
	}
	l.give(&introduced{TCPConn: c, client: client})
}

func (l *Listener) refuse(c net.Conn, why Reason) {
	l.cfg.Refused(why)
	_ = c.Close()
}

func (l *Listener) give(c net.Conn) {
	select {
	case l.ready <- c:
	case <-l.done:
		_ = c.Close()
	}
}

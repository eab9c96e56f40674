package replication

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// stream is raft's StreamLayer: TCP, then the demo's delay, then TLS, then the proof of the token.
type stream struct {
	net.Listener
	cfg       *Config
	advertise advertised
	// memberAt answers which member has an address; nil until raft runs.
	memberAt atomic.Pointer[func(addr raft.ServerAddress) (id string, ok bool)]

	mu     sync.Mutex
	open   map[*tracked]struct{}
	closed bool
}

// tracked is a connection that ends with its stream. raft's transport leaves those open on which it
// waits for a request.
type tracked struct {
	net.Conn
	s *stream
}

func (c *tracked) Close() error {
	c.s.mu.Lock()
	delete(c.s.open, c)
	c.s.mu.Unlock()
	return c.Conn.Close()
}

func (s *stream) track(c net.Conn) net.Conn {
	t := &tracked{Conn: c, s: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close() // its first use fails
		return t
	}
	s.open[t] = struct{}{}
	return t
}

// Close ends the listener and every connection.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	open := s.open
	s.open = map[*tracked]struct{}{}
	s.mu.Unlock()
	for c := range open {
		c.Conn.Close()
	}
	return s.Listener.Close()
}

var _ raft.StreamLayer = (*stream)(nil)

// advertised is the address that the others dial. It may hold a host name.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }

func listen(cfg *Config) (*stream, error) {
	ln := cfg.Listener
	if ln == nil {
		var err error
		if ln, err = net.Listen("tcp", cfg.BindAddr); err != nil {
			return nil, fmt.Errorf("raft listener: %w", err)
		}
	}
	addr := cfg.AdvertiseAddr
	if addr == "" {
		addr = ln.Addr().String()
		if tcp, ok := ln.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
			ln.Close()
			return nil, errors.New("--raft-advertise is empty and --raft-addr names no host: name the address by which the others reach this node")
		}
	}
	return &stream{Listener: ln, cfg: cfg, advertise: advertised(addr), open: map[*tracked]struct{}{}}, nil
}

func (s *stream) Addr() net.Addr { return s.advertise }

func (s *stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	c, err := s.cfg.Dial(string(addr), timeout)
	if err != nil {
		return nil, err
	}
	c = s.track(delay(c, s.cfg.RTT/2))
	if s.cfg.TLS != nil {
		conf, err := s.dialTLS(addr)
		if err == nil {
			c, err = shakeHands(c, conf, timeout)
		}
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("TLS with %s: %w", addr, err)
		}
	}
	if s.cfg.Token != "" {
		if err := proveAsDialer(c, s.cfg.Token, timeout); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// dialTLS is the configuration for the member at an address. Its name, not its address, is what the
// certificate has to show.
func (s *stream) dialTLS(addr raft.ServerAddress) (*tls.Config, error) {
	if s.cfg.TLSFor != nil {
		at := s.memberAt.Load()
		if at == nil {
			return nil, errors.New("the members are not known yet")
		}
		id, ok := (*at)(addr)
		if !ok {
			return nil, errors.New("no member has this address")
		}
		return s.cfg.TLSFor(id), nil
	}
	conf := s.cfg.TLS.Clone()
	if host, _, err := net.SplitHostPort(string(addr)); err == nil && conf.ServerName == "" {
		conf.ServerName = host
	}
	return conf, nil
}

// shakeHands brings a connection that was dialed under TLS. It answers the connection also beside an
// error, to be closed.
func shakeHands(c net.Conn, conf *tls.Config, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 {
		timeout = proofTimeout
	}
	t := tls.Client(c, conf)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t, t.HandshakeContext(ctx)
}

func (s *stream) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c = s.track(delay(c, s.cfg.RTT/2))
	if s.cfg.TLS != nil {
		conf := s.cfg.TLS.Clone()
		conf.ClientAuth = tls.RequireAndVerifyClientCert
		c = tls.Server(c, conf)
	}
	if s.cfg.TLS != nil || s.cfg.Token != "" {
		c = &challenged{Conn: c, token: s.cfg.Token}
	}
	return c, nil
}

const (
	nonceSize    = 32
	proofTimeout = 5 * time.Second
)

var errProof = errors.New("replication: the peer does not know the cluster token")

func proof(token, side string, nonce []byte) []byte {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("meridian raft 1 " + side))
	m.Write(nonce)
	return m.Sum(nil)
}

// proveAsDialer answers the acceptor's nonce, sends its own, and checks the answer. Neither end shows
// the token, and neither talks raft to a stranger.
func proveAsDialer(c net.Conn, token string, timeout time.Duration) error {
	if timeout <= 0 {
		timeout = proofTimeout
	}
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	theirs, mine := make([]byte, nonceSize), make([]byte, nonceSize)
	if _, err := io.ReadFull(c, theirs); err != nil {
		return fmt.Errorf("cluster token: %w", err)
	}
	if _, err := rand.Read(mine); err != nil {
		return err
	}
	if _, err := c.Write(append(proof(token, "dialer", theirs), mine...)); err != nil {
		return fmt.Errorf("cluster token: %w", err)
	}
	answer := make([]byte, sha256.Size)
	if _, err := io.ReadFull(c, answer); err != nil {
		return fmt.Errorf("cluster token: %w", err)
	}
	if !hmac.Equal(answer, proof(token, "acceptor", mine)) {
		return errProof
	}
	return c.SetDeadline(time.Time{})
}

// challenged ends the TLS handshake and proves and checks the token at the first use, on the connection's
// own goroutine, so that a silent stranger does not hold up Accept. It has proofTimeout for both.
type challenged struct {
	net.Conn
	token string
	once  sync.Once
	err   error
}

func (c *challenged) handshake() error {
	c.once.Do(func() {
		if c.err = c.admit(); c.err != nil {
			c.Conn.Close()
		}
	})
	return c.err
}

func (c *challenged) admit() error {
	if err := c.SetDeadline(time.Now().Add(proofTimeout)); err != nil {
		return err
	}
	if t, ok := c.Conn.(*tls.Conn); ok {
		if err := t.Handshake(); err != nil {
			return fmt.Errorf("TLS with %s: %w", c.RemoteAddr(), err)
		}
	}
	if c.token != "" {
		if err := proveAsAcceptor(c.Conn, c.token); err != nil {
			return err
		}
	}
	return c.SetDeadline(time.Time{})
}

// proveAsAcceptor is the other half of proveAsDialer; the caller has set a deadline.
func proveAsAcceptor(c net.Conn, token string) error {
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	if _, err := c.Write(nonce); err != nil {
		return err
	}
	answer := make([]byte, sha256.Size+nonceSize)
	if _, err := io.ReadFull(c, answer); err != nil {
		return fmt.Errorf("cluster token: %w", err)
	}
	if !hmac.Equal(answer[:sha256.Size], proof(token, "dialer", nonce)) {
		return errProof
	}
	_, err := c.Write(proof(token, "acceptor", answer[sha256.Size:]))
	return err
}

func (c *challenged) Read(p []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *challenged) Write(p []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

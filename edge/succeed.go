package edge

import (
	"context"
	"errors"
	"net"
	"time"
)

// The names of the listening sockets that a process hands over to its successor.
const (
	shopSocket  = "shop"
	httpsSocket = "https"
	opsSocket   = "ops"
)

// Sockets are the listening sockets, after Listen.
func (s *Server) Sockets() map[string]net.Listener {
	all := map[string]net.Listener{shopSocket: s.ln}
	if s.secure != nil {
		all[httpsSocket] = s.secure
	}
	if s.ops != nil {
		all[opsSocket] = s.ops.ln
	}
	return all
}

// leave closes the inherited sockets that this process has no use for: connections would wait there for nobody.
func (s *Server) leave() error {
	var errs []error
	mine := s.Sockets()
	for name, ln := range s.cfg.Inherited {
		if mine[name] == nil {
			errs = append(errs, ln.Close())
		}
	}
	return errors.Join(errs...)
}

// socket is the inherited one with a name if it listens at addr, or a new one.
func (s *Server) socket(name, addr string) (net.Listener, error) {
	if ln := s.cfg.Inherited[name]; ln != nil {
		if sameAddr(ln.Addr(), addr) {
			return ln, nil
		}
		s.log.Info("the running process listens elsewhere", "socket", name, "there", ln.Addr().String(), "here", addr)
		if err := ln.Close(); err != nil {
			return nil, err
		}
	}
	return net.Listen("tcp", addr)
}

// sameAddr reports whether a socket's address is what addr asks for.
func sameAddr(at net.Addr, addr string) bool {
	have, ok := at.(*net.TCPAddr)
	want, err := net.ResolveTCPAddr("tcp", addr)
	if !ok || err != nil || want.Port != have.Port && want.Port != 0 {
		return false
	}
	if want.IP == nil || want.IP.IsUnspecified() {
		return have.IP == nil || have.IP.IsUnspecified()
	}
	return want.IP.Equal(have.IP)
}

// succeedWithin is how long a successor waits to be in touch before it answers regardless, and says so in its
// answers.
const succeedWithin = 2 * time.Second

// Succeed makes changes wait for this process instead of the one that yielded, and answers operators. Nothing that
// one acknowledged is missed: a lease is an entry of the log, and nothing counts here before the feed has reached
// the first one.
func (s *Server) Succeed(ctx context.Context) error {
	if s.ops != nil {
		s.ops.start()
	}
	if s.follower == nil {
		return nil
	}
	s.follower.join()
	for end := time.Now().Add(succeedWithin); !s.epochs.inTouch(time.Now()) && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// Yield makes changes no longer wait for this process, whose answers say from then on that they may be old.
func (s *Server) Yield() {
	if s.follower != nil {
		s.follower.leave()
		s.epochs.lapse()
	}
}

// Resume takes Yield back.
func (s *Server) Resume() {
	if s.follower != nil {
		s.follower.join()
	}
}

// Drain leaves new connections to the successor, and ends each connection with its next answer. It returns when
// there is none, or after grace: who has not asked for so long is cut off by Close.
func (s *Server) Drain(grace time.Duration) error {
	s.draining.Store(true)
	var errs []error
	if s.ops != nil { // a question whether this edge is ready is the successor's
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		errs = append(errs, s.ops.close(ctx))
		cancel()
	}
	for _, ln := range []net.Listener{s.ln, s.secure} { // Serve closes one when the other ends
		if ln == nil {
			continue
		}
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for end := time.Now().Add(grace); s.connections() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(errs...)
}

package handover

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Config says what is offered, and to whom.
type Config struct {
	Path string // of the Unix socket; its directory is only for those who may replace this process
	Name string // of this process: a successor must have the same
	// Sockets are offered by name.
	Sockets map[string]net.Listener
	// Yield stops what only one process may do; Resume takes that back.
	Yield, Resume func()
	Logger        *slog.Logger
}

// Offer is a running process' offer of its sockets.
type Offer struct {
	cfg    Config
	ln     *net.UnixListener
	early  string // the socket's name until Open
	opened bool
	taken  chan struct{}
	done   chan struct{}

	mu   sync.Mutex // guards conn and gone
	conn *net.UnixConn
	gone bool
}

// New prepares an offer of sockets. Nobody sees it before Open: what can fail fails here, while a process before
// this one still serves.
func New(cfg Config) (*Offer, error) {
	if len(cfg.Sockets) > maxSockets {
		return nil, fmt.Errorf("%d sockets cannot be offered, at most %d", len(cfg.Sockets), maxSockets)
	}
	if i, err := os.Lstat(cfg.Path); err == nil && i.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is not a socket; name a path that nothing else uses", cfg.Path)
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, err
	}
	// Under its own name it can be connected to only once nobody else can open it.
	early := fmt.Sprintf("%s.%d", cfg.Path, os.Getpid())
	_ = os.Remove(early)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: early, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	if err := os.Chmod(early, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close(), os.Remove(early))
	}
	return &Offer{cfg: cfg, ln: ln, early: early, taken: make(chan struct{}), done: make(chan struct{})}, nil
}

// Open makes the offer. Whatever is left at the path by a process before is replaced.
func (o *Offer) Open() error {
	if err := os.Rename(o.early, o.cfg.Path); err != nil {
		return err
	}
	o.opened = true
	go o.serve()
	return nil
}

// Taken is closed when a successor serves: this process may go.
func (o *Offer) Taken() <-chan struct{} { return o.taken }

// Close takes the offer back and waits for its end.
func (o *Offer) Close() error {
	if !o.opened {
		return errors.Join(o.ln.Close(), os.Remove(o.early))
	}
	o.mu.Lock()
	o.gone = true
	if o.conn != nil {
		_ = o.conn.Close()
	}
	o.mu.Unlock()
	err := o.ln.Close()
	<-o.done
	select {
	case <-o.taken: // what is at the path now is the successor's
		return err
	default:
		return errors.Join(err, os.Remove(o.cfg.Path))
	}
}

// serve talks to one successor at a time until one serves, or Close.
func (o *Offer) serve() {
	defer close(o.done)
	for {
		c, err := o.ln.AcceptUnix()
		if err != nil {
			return
		}
		o.mu.Lock()
		o.conn = c
		gone := o.gone
		o.mu.Unlock()
		served := false
		if !gone {
			if served, err = o.talk(&peer{conn: c, in: bufio.NewReaderSize(c, maxMessage)}); err != nil {
				o.cfg.Logger.Warn("a successor did not come to serve; this process goes on", "err", err)
			}
		}
		_ = c.Close()
		if served {
			close(o.taken)
			return
		}
	}
}

// talk is the conversation with one successor; served says that it serves.
func (o *Offer) talk(p *peer) (served bool, err error) {
	hello, err := p.hear(answerTime)
	if err != nil {
		return false, fmt.Errorf("it did not say who it is: %w", err)
	}
	switch {
	case hello.Version != version:
		return false, o.refuse(p, fmt.Sprintf("it speaks version %d of the hand-over, not %d; stop it and start the new one", version, hello.Version))
	case hello.Name != o.cfg.Name:
		return false, o.refuse(p, fmt.Sprintf("it is %s, not %s", o.cfg.Name, hello.Name))
	}
	if err := o.give(p); err != nil {
		return false, err
	}
	o.cfg.Logger.Info("a successor prepares to take over")
	m, err := p.hear(0)
	if err != nil || m.Step != stepReady {
		return false, fmt.Errorf("it was not ready: %w", orUnexpected(err, m))
	}
	o.cfg.Yield()
	if err = p.say(message{Step: stepYielded}); err == nil {
		if m, err = p.hear(3 * answerTime); err == nil && m.Step == stepServing {
			return true, nil
		}
		err = orUnexpected(err, m)
	}
	o.cfg.Resume()
	return false, fmt.Errorf("it did not serve: %w", err)
}

func orUnexpected(err error, m message) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it ended")
	}
	if err == nil {
		return fmt.Errorf("it said %+v", m)
	}
	return err
}

func (o *Offer) refuse(p *peer, why string) error {
	return errors.Join(fmt.Errorf("%w: %s", ErrRefused, why), p.say(message{Refused: why}))
}

// give sends the sockets. Their descriptors are used while they are held: File would make the shared socket a
// blocking one.
func (o *Offer) give(p *peer) error {
	var names []string
	var fds []int
	var hold func(rest []string) error
	hold = func(rest []string) error {
		if len(rest) == 0 {
			return p.say(message{Sockets: names}, fds...)
		}
		ln, ok := o.cfg.Sockets[rest[0]].(syscall.Conn)
		if !ok {
			return fmt.Errorf("%s cannot be handed over", rest[0])
		}
		raw, err := ln.SyscallConn()
		if err != nil {
			return err
		}
		var inner error
		err = raw.Control(func(fd uintptr) {
			names, fds = append(names, rest[0]), append(fds, int(fd))
			inner = hold(rest[1:])
		})
		return errors.Join(err, inner)
	}
	var all []string
	for name := range o.cfg.Sockets {
		all = append(all, name)
	}
	return hold(all)
}

func later(d time.Duration) time.Time { return time.Now().Add(d) }

package edge

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// patient is a listener that outlives a shortage: fasthttp takes every error of Accept for the end.
type patient struct {
	net.Listener
	log  *slog.Logger
	told time.Time
}

// acceptPause is how long a shortage lasts before it is looked at again.
const acceptPause = 50 * time.Millisecond

// Accept implements net.Listener.
func (p *patient) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err == nil || !shortage(err) {
			return c, err
		}
		if now := time.Now(); now.Sub(p.told) > 10*time.Second {
			p.told = now
			p.log.Error("connections wait: raise the limit of open files (LimitNOFILE, ulimit -n), or lower --max-conns-per-address", "err", err)
		}
		time.Sleep(acceptPause)
	}
}

// shortage reports whether an error of accept(2) passes by itself.
func shortage(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

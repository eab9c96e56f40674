package coreclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"
)

// hintEvery is how often the same core's misconfiguration is logged.
const hintEvery = 30 * time.Second

// errToken: the core does not take this program's calls. It did nothing with the one it was sent.
var errToken = fmt.Errorf("%w: the core refuses the cluster token", errNotSent)

// hinter logs what an operator has to set before a core can be called, instead of leaving it a call that fails.
type hinter struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether a hint may be logged now.
func (h *hinter) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.last) < hintEvery {
		return false
	}
	h.last = now
	return true
}

func (n *node) refusesToken() error {
	if n.hints.due(time.Now()) {
		n.cfg.Logger.Error("a core refuses the cluster token of this program, which can do nothing without it: give both the same --cluster-token-file, and restart the one that had another", "core", n.ID, "addr", n.Addr)
	}
	return errToken
}

// hintTLS looks, when an exchange failed, whether one end speaks TLS and the other does not: from the failure alone
// that cannot be told.
func (n *node) hintTLS(err error) {
	var plain tls.RecordHeaderError
	switch {
	case n.cfg.TLS != nil && errors.As(err, &plain):
		if n.hints.due(time.Now()) {
			n.cfg.Logger.Error("a core does not speak TLS, and this program does: give the core --tls-cert, --tls-key and --tls-ca, or, if all of it is on this machine, take these settings away here", "core", n.ID, "addr", n.Addr)
		}
	case n.cfg.TLS == nil && !errors.Is(err, errNotSent) && n.hints.due(time.Now()):
		go func() {
			if n.speaksTLS() {
				n.cfg.Logger.Error("a core speaks TLS, and this program does not: set --tls-cert, --tls-key and --tls-ca here (core ca issue makes them)", "core", n.ID, "addr", n.Addr)
			}
		}()
	}
}

// speaksTLS asks a core for a TLS handshake, and trusts nothing that it says.
func (n *node) speaksTLS() bool {
	c, err := n.cfg.Dial(n.Addr, dialMax)
	if err != nil {
		return false
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), dialMax)
	defer cancel()
	err = tls.Client(c, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
	var alert tls.AlertError
	return err == nil || errors.As(err, &alert)
}

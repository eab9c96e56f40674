package edge

import (
	"fmt"
	"net/netip"
	"time"
)

// Tuning is what may change while a server runs. The fields are those of Config.
type Tuning struct {
	Limits         Limits
	Unlimited      []netip.Prefix
	Origins        []string
	TrustedProxies []netip.Prefix
	ClientHeader   ClientHeader
	TTL            time.Duration
}

func (c *Config) tuning() Tuning {
	return Tuning{Limits: c.Limits, Unlimited: c.Unlimited, Origins: c.Origins, TrustedProxies: c.TrustedProxies, ClientHeader: c.ClientHeader, TTL: c.TTL}
}

func (t *Tuning) setDefaults() error {
	if t.ClientHeader == "" {
		t.ClientHeader = ForwardedFor
	}
	if t.ClientHeader != ForwardedFor && t.ClientHeader != Forwarded {
		return fmt.Errorf("edge: --client-header %q: give %s or %s", t.ClientHeader, ForwardedFor, Forwarded)
	}
	if t.TTL <= 0 {
		t.TTL = time.Hour
	}
	return nil
}

// tuned is a Tuning at work. It is replaced as a whole, so a request sees one or the other.
type tuned struct {
	Tuning
	limits *limits
}

// Tune changes settings without touching the cache or a connection. A limit that stays as it was goes on counting; one
// that changes begins anew. What is in the cache keeps the time to live that it was stored with.
func (s *Server) Tune(t Tuning) error {
	if err := t.setDefaults(); err != nil {
		return err
	}
	s.tuneMu.Lock()
	defer s.tuneMu.Unlock()
	var before *limits
	if old := s.tuned.Load(); old != nil {
		before = old.limits
	}
	s.tuned.Store(&tuned{Tuning: t, limits: newLimits(t.Limits, t.Unlimited, s.metrics.limited, time.Now(), before)})
	return nil
}

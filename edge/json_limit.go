package edge

import (
	"context"
	"sync"
	"time"

	"meridian/api"
)

// Limits are how many writes one address may make a second. Ten seconds' worth may come at once:
// a rush is not an attack. 0 means the default, less than 0 no limit.
type Limits struct {
	// CartWrites bounds what changes carts. Default 200.
	CartWrites float64
	// Checkouts bounds attempts to buy. Default 50.
	Checkouts float64
	// SignIns bounds sign-ins and registrations, each of which costs a slow password hash. Default 10.
	SignIns float64
}

// limitBurst is how many seconds' worth may come at once.
const limitBurst = 10

// maxLimited bounds the addresses that are counted one by one; further ones share a count.
const maxLimited = 50_000

// limiter is a token bucket for each address.
type limiter struct {
	rate float64
	now  func() time.Time

	mu      sync.Mutex // guards buckets
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(rate, standard float64, now func() time.Time) *limiter {
	if rate < 0 {
		return nil
	}
	if rate == 0 {
		rate = standard
	}
	return &limiter{rate: rate, now: now, buckets: map[string]*bucket{}}
}

// take counts one write of an address and says whether it may go on. A nil limiter lets all pass.
func (l *limiter) take(address string) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[address]
	if b == nil {
		if len(l.buckets) >= maxLimited {
			l.forget(now)
		}
		if len(l.buckets) >= maxLimited {
			address = ""
		}
		if b = l.buckets[address]; b == nil {
			b = &bucket{tokens: l.rate * limitBurst, at: now}
			l.buckets[address] = b
		}
	}
	b.tokens = min(l.rate*limitBurst, b.tokens+max(0, now.Sub(b.at).Seconds())*l.rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// forget drops the addresses whose bucket is full again: they are as good as new ones.
func (l *limiter) forget(now time.Time) {
	for address, b := range l.buckets {
		if now.Sub(b.at).Seconds() > limitBurst {
			delete(l.buckets, address)
		}
	}
}

// limits are the shop's limiters.
type limits struct{ carts, checkouts, signIns *limiter }

func newLimits(c Limits, now func() time.Time) limits {
	return limits{carts: newLimiter(c.CartWrites, 200, now), checkouts: newLimiter(c.Checkouts, 50, now), signIns: newLimiter(c.SignIns, 10, now)}
}

// limited refuses what comes too often from one address, before anything is read or asked.
func limited(which func() *limiter, h Handler) Handler {
	return func(ctx context.Context, r *Request) (*Answer, error) {
		if !which().take(r.Client) {
			return nil, api.NewError(api.CodeRateLimited, "Too many requests from your address. Wait a second and try again.")
		}
		return h(ctx, r)
	}
}

func (s *Shop) limitCarts(h Handler) Handler {
	return limited(func() *limiter { return s.limits.carts }, h)
}

func (s *Shop) limitCheckouts(h Handler) Handler {
	return limited(func() *limiter { return s.limits.checkouts }, h)
}

func (s *Shop) limitSignIns(h Handler) Handler {
	return limited(func() *limiter { return s.limits.signIns }, h)
}

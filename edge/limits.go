package edge

import (
	"math"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/api"
	"meridian/internal/limit"
)

// Limits are how often one client may do something, a second. Ten seconds' worth may come at once: a rush is
// not an attack, and a hundred shoppers may share an address. 0 means the default, less than 0 no limit. What the
// cache answers is not counted.
type Limits struct {
	// Browse bounds what has no limit of its own: pages that the cache does not hold, carts, accounts, events. Default 500.
	Browse float64
	// Search bounds searches and suggestions that the cache does not hold. Default 200.
	Search float64
	// CartWrites bounds what changes carts. Default 200.
	CartWrites float64
	// Checkouts bounds attempts to buy. Default 50.
	Checkouts float64
	// SignIns bounds sign-ins and registrations, each of which costs a slow password hash. Default 10.
	SignIns float64
	// Admin bounds what staff do. Default 500.
	Admin float64
}

// LimitClass says what a route's requests count as.
type LimitClass uint8

// The classes. The zero value is CountAdmin for Staff routes and CountBrowse for all others.
const (
	CountDefault LimitClass = iota
	CountBrowse
	CountSearch
	CountCartWrite
	CountCheckout
	CountSignIn
	CountAdmin
	limitClasses
)

// limitBurst is how many seconds' worth may come at once.
const limitBurst = 10

// limits count the requests of clients, by class.
type limits struct {
	rates     [limitClasses]float64
	by        [limitClasses]*limit.Limiter
	unlimited []netip.Prefix
	refused   [limitClasses]prometheus.Counter
}

// newLimits takes what did not change from those of before, if there are any.
func newLimits(c Limits, unlimited []netip.Prefix, refused *prometheus.CounterVec, start time.Time, before *limits) *limits {
	l := &limits{unlimited: unlimited}
	for class, v := range map[LimitClass]struct {
		name           string
		rate, standard float64
	}{
		CountBrowse: {"browse", c.Browse, 500}, CountSearch: {"search", c.Search, 200}, CountCartWrite: {"cart_write", c.CartWrites, 200},
		CountCheckout: {"checkout", c.Checkouts, 50}, CountSignIn: {"sign_in", c.SignIns, 10}, CountAdmin: {"admin", c.Admin, 500},
	} {
		l.refused[class] = refused.WithLabelValues(v.name)
		rate := v.rate
		if rate == 0 {
			rate = v.standard
		}
		l.rates[class] = rate
		switch {
		case before != nil && before.rates[class] == rate:
			l.by[class] = before.by[class]
		case rate > 0:
			l.by[class] = limit.New(limit.Config{Rate: rate, Burst: rate * limitBurst}, start)
		}
	}
	return l
}

// take counts a request for a route and refuses what comes too often.
func (l *limits) take(b *bound, who netip.Addr, now time.Time) *api.Error {
	class := b.Limit
	switch {
	case class == CountDefault && b.Class == Staff:
		class = CountAdmin
	case class == CountDefault:
		class = CountBrowse
	}
	if within(l.unlimited, who) {
		return nil
	}
	wait, ok := l.by[class].Take(who, now)
	if ok {
		return nil
	}
	l.refused[class].Inc()
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	e := api.NewError(api.CodeRateLimited, "Too many requests from your address. Nothing was done; try again in %d s.", seconds)
	e.RetryAfter = seconds
	return e
}

// forgiven counts the clients that were forgotten although they owed something.
func (l *limits) forgiven() float64 {
	n := uint64(0)
	for _, one := range l.by {
		n += one.Forgiven()
	}
	return float64(n)
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	for _, p := range networks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

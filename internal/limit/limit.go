// Package limit counts how often each client does something, and says when it is too often.
//
// It promises a bound on memory, however many clients there are, and a short time for each check: the clients
// that owe something are kept in a table of fixed size. It refuses to be exact there: when a set of the table is full,
// who owes least is forgiven. Read Limiter.
package limit

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes a Limiter.
type Config struct {
	// Rate is how often a client may, a second. Required, above 0.
	Rate float64
	// Burst is how often at once, for a client that has been quiet. Default 1.
	Burst float64
	// Clients bounds the clients that owe something at the same time; 16 bytes each. Default 65,536.
	Clients int
}

// Limiter is the generic cell rate algorithm for each client, as virtual scheduling: ATM Forum, Traffic Management
// Specification 4.0 (af-tm-0056.000), section 4.4.2 and figure 4-1; for requests instead of cells, Brandur Leach, "Rate
// Limiting, Cells, and GCRA" (2015). A client has one number, the theoretical arrival time of its next request if it
// kept exactly to the rate. A client whose time is past owes nothing and need not be kept.
type Limiter struct {
	interval  int64 // T, nanoseconds between two requests at the rate
	tolerance int64 // tau, how much too early a request may come
	start     time.Time
	seed      maphash.Seed
	forgiven  atomic.Uint64
	sets      []set
}

// ways is how many clients a set holds.
const ways = 8

// set holds the clients with some bits of their hashes in common.
type set struct {
	mu      sync.Mutex // guards clients
	clients [ways]client
}

type client struct {
	hash uint64
	tat  int64 // theoretical arrival time, in nanoseconds after start
}

// New makes a Limiter that counts from start on.
func New(cfg Config, start time.Time) *Limiter {
	if cfg.Clients <= 0 {
		cfg.Clients = 1 << 16
	}
	n := 1
	for n*ways < cfg.Clients {
		n *= 2
	}
	const longest = float64(math.MaxInt64 / 4)
	interval := min(longest, max(1, float64(time.Second)/cfg.Rate))
	return &Limiter{interval: int64(interval), tolerance: int64(min(longest, interval*max(0, cfg.Burst-1))), start: start, seed: maphash.MakeSeed(), sets: make([]set, n)}
}

// Take counts a request of a client and says whether it may go on. If not, it is not counted, and would be let in
// after wait. A nil Limiter lets all pass.
func (l *Limiter) Take(who netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	if l == nil {
		return 0, true
	}
	hash := l.hash(who)
	at := int64(now.Sub(l.start))
	s := &l.sets[hash&uint64(len(l.sets)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(hash)
	if c.hash != hash {
		if c.tat > at {
			l.forgiven.Add(1)
		}
		*c = client{hash: hash, tat: at}
	}
	tat := max(c.tat, at)
	if early := tat - l.tolerance - at; early > 0 {
		return time.Duration(early), false
	}
	c.tat = tat + l.interval
	return 0, true
}

// find is the client's place, else the place of the one who owes least.
func (s *set) find(hash uint64) *client {
	least := &s.clients[0]
	for i := range s.clients {
		c := &s.clients[i]
		if c.hash == hash {
			return c
		}
		if c.tat < least.tat {
			least = c
		}
	}
	return least
}

// Forgiven counts the clients that were forgotten although they owed something.
func (l *Limiter) Forgiven() uint64 {
	if l == nil {
		return 0
	}
	return l.forgiven.Load()
}

// hash is of an IPv4 address or of an IPv6 network of 64 bits: that is what a subscriber has. It is seeded, so
// nobody can choose addresses that meet in one set. It is never 0, which marks a free place.
func (l *Limiter) hash(who netip.Addr) uint64 {
	b := who.Unmap().As16()
	if !who.Unmap().Is4() {
		binary.BigEndian.PutUint64(b[8:], 0)
	}
	return maphash.Bytes(l.seed, b[:]) | 1<<63
}

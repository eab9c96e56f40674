// Package gate bounds how much is done at once, and how long anything waits for its turn.
//
// It promises that what is refused is refused early and cheaply: nobody waits long for a turn only to be
// too late with it. It refuses to guess what a request costs. Read Gate.
package gate

import (
	"sync"
	"sync/atomic"
	"time"
)

// Config describes a Gate.
type Config struct {
	// Limit is how many are inside at once; default 512. Whoever stands for several counts as so many.
	Limit int
	// Queue is how many may wait; beyond it Enter refuses at once. Default four times Limit.
	Queue int
	// Patience is how long one waits in a burst; default 100 ms. A queue that has stood for longer than
	// that is no burst: from then on everybody waits for Hurry only, until it was empty once. Default 5 ms.
	// This is CoDel's idea for servers (Nichols and Jacobson 2012; Maurer, "Fail at Scale", ACM Queue 2015).
	Patience, Hurry time.Duration
}

// Gate lets a number of callers in, the first that came first.
type Gate struct {
	cfg     Config
	refused atomic.Uint64

	mu      sync.Mutex
	inside  int
	waiting int       // how many the queue stands for
	queue   []*waiter // oldest first
	emptied time.Time // when the queue was last empty
}

type waiter struct {
	n       int
	turn    chan struct{} // closed when it is let in
	granted bool          // guarded by the gate's mu
}

// New makes a gate.
func New(cfg Config) *Gate {
	if cfg.Limit <= 0 {
		cfg.Limit = 512
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 4 * cfg.Limit
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 100 * time.Millisecond
	}
	if cfg.Hurry <= 0 {
		cfg.Hurry = 5 * time.Millisecond
	}
	return &Gate{cfg: cfg, emptied: time.Now()}
}

// Enter waits for a turn and reports whether it got one. Who got one calls Leave.
func (g *Gate) Enter() bool { return g.EnterN(1) }

// EnterN is Enter for a caller that stands for n, at least 1. More than Limit get in when nobody is inside.
func (g *Gate) EnterN(n int) bool {
	w, patience := g.join(max(1, n))
	if patience == 0 {
		if w == nil {
			g.refused.Add(1)
		}
		return w != nil
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.turn:
		return true
	case <-late.C:
	}
	if g.giveUp(w) {
		g.refused.Add(1)
		return false
	}
	return true
}

// join lets the caller in at once (a waiter, no patience), refuses it (no waiter), or puts it into the queue.
func (g *Gate) join(n int) (*waiter, time.Duration) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.emptied = now
		if g.room(n) {
			g.inside += n
			return &waiter{}, 0
		}
	}
	if g.waiting+n > max(g.cfg.Queue, n) {
		return nil, 0
	}
	w := &waiter{n: n, turn: make(chan struct{})}
	g.queue = append(g.queue, w)
	g.waiting += n
	if now.Sub(g.emptied) > g.cfg.Patience {
		return w, g.cfg.Hurry
	}
	return w, g.cfg.Patience
}

// room reports whether n more may come in; the caller holds mu.
func (g *Gate) room(n int) bool { return g.inside == 0 || g.inside+n <= g.cfg.Limit }

// giveUp takes a waiter out of the queue; false if its turn came at the same moment.
func (g *Gate) giveUp(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.granted {
		return false
	}
	for i, other := range g.queue {
		if other == w {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			g.waiting -= w.n
			break
		}
	}
	g.admit() // it may have held up somebody smaller
	return true
}

// Leave gives the turn to the one that has waited longest.
func (g *Gate) Leave() { g.LeaveN(1) }

// LeaveN is Leave for who came in with EnterN.
func (g *Gate) LeaveN(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside -= max(1, n)
	g.admit()
}

// admit lets in whoever has waited longest, as many as there is room for; the caller holds mu.
func (g *Gate) admit() {
	for len(g.queue) > 0 && g.room(g.queue[0].n) {
		w := g.queue[0]
		g.queue[0] = nil
		g.queue = g.queue[1:]
		g.inside += w.n
		g.waiting -= w.n
		w.granted = true
		close(w.turn)
	}
	if len(g.queue) == 0 {
		g.emptied = time.Now()
	}
}

// State is how many are inside, how many wait, and how many were ever refused.
func (g *Gate) State() (inside, waiting int, refused uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, g.waiting, g.refused.Load()
}

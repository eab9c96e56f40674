package analytics

import (
	"sync"

	"github.com/google/uuid"
)

// recentMax is how many event ids an edge remembers: browsers repeat within seconds.
const recentMax = 65536

// recent is a bounded set of ids; the oldest is forgotten first.
type recent struct {
	mu   sync.Mutex
	set  map[uuid.UUID]struct{}
	ring []uuid.UUID
	next int
	full bool
}

func newRecent(max int) *recent {
	return &recent{set: make(map[uuid.UUID]struct{}, max), ring: make([]uuid.UUID, max)}
}

func (r *recent) has(id uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.set[id]
	return ok
}

func (r *recent) add(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.set[id]; ok {
		return
	}
	if r.full {
		delete(r.set, r.ring[r.next])
	}
	r.ring[r.next], r.set[id] = id, struct{}{}
	if r.next++; r.next == len(r.ring) {
		r.next, r.full = 0, true
	}
}

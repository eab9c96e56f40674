package edge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"meridian/api"
)

// world is the truth behind some edges: a leader and followers that lag, products whose versions only the world
// knows the order of, the feed, the leases, and what was acknowledged.
type world struct {
	mu       sync.Mutex
	rng      *rand.Rand
	timeline uint32
	raft     uint64   // the leader's index
	applied  []uint64 // of each core
	lagging  []time.Time
	down     bool
	forgot   uint64      // the feeds remember changes after this index
	log      []int       // the product of each index from 1 on; -1: everything was purged
	states   [][]state   // by product, in the order of index: what the present timeline knows
	truth    [][]instant // by product, in the order of seq: what was ever current
	acked    []int       // by product: seq of the newest change that was acknowledged
	seq      int         // of events of all products
	version  int         // given out
	links    []*edgeLink // to each edge
	fills    int         // pages made
	writers  int         // changes under way
	halted   bool        // no new ones: a restore begins
}

type state struct {
	index   uint64
	version int
}

type instant struct{ seq, version int }

// edgeLink is what the core knows of an edge, and whether they reach each other.
type edgeLink struct {
	cut   bool
	lease time.Time // counted from when it was granted
	ack   api.Index
}

const (
	worldCores    = 3
	worldLease    = 3 * time.Second
	worldBeat     = 100 * time.Millisecond
	worldProducts = 64
)

func newWorld(seed uint64, edges int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 2)), timeline: 1, raft: 1, log: []int{-1}, applied: make([]uint64, worldCores), lagging: make([]time.Time, worldCores),
		states: make([][]state, worldProducts), truth: make([][]instant, worldProducts), acked: make([]int, worldProducts)}
	for p := range worldProducts {
		w.states[p], w.truth[p] = []state{{1, 0}}, []instant{{0, 0}}
	}
	for i := range w.applied {
		w.applied[i] = 1
	}
	for range edges {
		w.links = append(w.links, &edgeLink{})
	}
	return w
}

func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// pass lets up to d of simulated time pass.
func (w *world) pass(d time.Duration) { time.Sleep(time.Duration(w.draw(int(d)))) }

// replicate moves the followers on until ctx ends.
func (w *world) replicate(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		w.mu.Lock()
		for i := range w.applied {
			if i == 0 || w.rng.IntN(4) == 0 && time.Now().After(w.lagging[i]) {
				w.applied[i] = w.raft
			}
		}
		w.mu.Unlock()
	}
}

// change makes a new version of a product, or purges everything (p < 0), and returns when every edge with a lease
// has acknowledged it.
func (w *world) change(p int) {
	w.mu.Lock()
	for w.halted { // with a lock held, simulated time would stand still
		w.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		w.mu.Lock()
	}
	w.writers++
	w.raft++
	w.applied[0] = w.raft
	w.log = append(w.log, p)
	at, seq := api.Index{Timeline: w.timeline, Raft: w.raft}, 0
	if p >= 0 {
		w.version++
		w.seq++
		seq = w.seq
		w.states[p] = append(w.states[p], state{w.raft, w.version})
		w.truth[p] = append(w.truth[p], instant{seq, w.version})
	}
	w.mu.Unlock()
	for !w.heardBy(at) {
		time.Sleep(500 * time.Microsecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writers--
	if p >= 0 {
		w.acked[p] = max(w.acked[p], seq)
	}
}

func (w *world) heardBy(at api.Index) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		if time.Now().Before(l.lease) && !l.ack.Covers(at) {
			return false
		}
	}
	return true
}

// restore loses every core, and brings back the state of some entries ago under a new timeline.
func (w *world) restore() {
	w.set(func() { w.halted = true })
	for busy := true; busy; time.Sleep(time.Millisecond) {
		w.set(func() { busy = w.writers > 0 })
	}
	w.set(func() { w.down = true })
	time.Sleep(4 * time.Second)
	w.set(func() {
		w.down, w.halted = false, false
		w.timeline++
		w.raft = max(1, w.raft-uint64(w.rng.IntN(40)))
		w.log, w.forgot = w.log[:w.raft], w.raft
		for i := range w.applied {
			w.applied[i] = w.raft
		}
		for p, s := range w.states {
			kept := s[:0:len(s)]
			for _, x := range s {
				if x.index <= w.raft {
					kept = append(kept, x)
				}
			}
			w.states[p] = kept
			w.seq++
			w.truth[p] = append(w.truth[p], instant{w.seq, kept[len(kept)-1].version})
			w.acked[p] = w.seq
		}
		for _, l := range w.links {
			l.lease, l.ack = time.Time{}, api.Index{}
		}
	})
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// mayShow reports whether a version was current at the acknowledgement floor or after it.
func (w *world) mayShow(p, floor, version int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.truth[p]
	from, _ := slices.BinarySearchFunc(t, floor+1, func(m instant, seq int) int { return m.seq - seq })
	for _, m := range t[max(0, from-1):] {
		if m.version == version {
			return true
		}
	}
	return false
}

func (w *world) floor(p int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acked[p]
}

// page is the handler of a product page on an edge: it asks any core for at least r.Call.Min.
func (w *world) page(edge int) Handler {
	return func(ctx context.Context, r *Request) (*Answer, error) {
		var p int
		if _, err := fmt.Sscanf(r.Params["handle"], "p%d", &p); err != nil || p < 0 || p >= worldProducts {
			return nil, api.NewError(api.CodeNotFound, "No such product.")
		}
		core := w.draw(worldCores)
		for {
			w.pass(2 * time.Millisecond)
			w.mu.Lock()
			at := api.Index{Timeline: w.timeline, Raft: w.applied[core]}
			gone := w.links[edge].cut || w.down
			version := -1
			if !gone && at.Covers(r.Call.Min) {
				s := w.states[p]
				i, found := slices.BinarySearchFunc(s, at.Raft, func(x state, index uint64) int { return int(int64(x.index) - int64(index)) })
				if !found {
					i--
				}
				version = s[i].version
				w.fills++
			}
			w.mu.Unlock()
			switch {
			case gone:
				return nil, api.NewError(api.CodeUnavailable, "No core answers.")
			case version >= 0:
				w.pass(4 * time.Millisecond) // the answer is on its way, and the world goes on
				return &Answer{ContentType: "text/html", Index: at, Tags: []string{api.TagProduct(r.Params["handle"])}, Body: fmt.Appendf(nil, "version=%d", version)}, nil
			case ctx.Err() != nil:
				return nil, ctx.Err()
			}
		}
	}
}

// worldFeed is the feed of one edge.
type worldFeed struct {
	*world
	edge int
}

var _ Feed = worldFeed{}

// Follow implements Feed.
func (f worldFeed) Follow(ctx context.Context, cursor api.Index, fn func(api.FeedBatch, time.Duration)) {
	for ctx.Err() == nil {
		left := time.Now()
		f.pass(2 * time.Millisecond)
		core := f.draw(worldCores)
		b, ok := f.poll(core, cursor, left)
		for ok && b.Next == cursor && len(b.Entries) == 0 && !b.Reset && time.Since(left) < worldBeat && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
			b, ok = f.poll(core, cursor, left)
		}
		if !ok {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		f.pass(2 * time.Millisecond)
		cursor = b.Next
		fn(b, time.Since(left))
	}
}

// poll is what a core says of the changes after a cursor; ok is false when it does not answer.
func (f worldFeed) poll(core int, cursor api.Index, left time.Time) (b api.FeedBatch, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := api.Index{Timeline: f.timeline, Raft: f.applied[core]}
	switch {
	case f.links[f.edge].cut || f.down:
		return b, false
	case cursor.Timeline != at.Timeline || cursor.Raft < f.forgot:
		return api.FeedBatch{Next: at, Reset: true}, true
	case at.Raft <= cursor.Raft:
		return api.FeedBatch{Next: cursor}, true
	}
	b.Next = at
	for i := cursor.Raft + 1; i <= at.Raft; i++ {
		e := api.FeedEntry{Index: api.Index{Timeline: at.Timeline, Raft: i}, Tags: []string{api.TagAll}, Ack: true}
		if p := f.log[i-1]; p >= 0 {
			e.Tags = []string{api.TagProduct(fmt.Sprint("p", p))}
		}
		b.Entries = append(b.Entries, e)
	}
	return b, true
}

// Ack implements Feed.
func (f worldFeed) Ack(_ context.Context, cursor api.Index) error {
	f.pass(2 * time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.links[f.edge]
	if l.cut || f.down {
		return api.NewError(api.CodeUnavailable, "No core answers.")
	}
	l.ack = api.Max(l.ack, cursor)
	return nil
}

// Renew implements Feed.
func (f worldFeed) Renew(_ context.Context, cursor api.Index) (api.Index, error) {
	f.pass(2 * time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.links[f.edge]
	if l.cut || f.down {
		return api.Index{}, api.NewError(api.CodeUnavailable, "No core answers.")
	}
	l.lease, l.ack = time.Now().Add(worldLease), api.Max(l.ack, cursor)
	return api.Index{Timeline: f.timeline, Raft: f.raft}, nil
}

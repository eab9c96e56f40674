package core

import (
	"context"
	"sort"
	"sync"
	"time"

	"meridian/api"
)

// feed is the change feed of one core: which tags changed at which index, for as long as the ring
// remembers. It is not persisted; a follower whose cursor it does not know is told to start over.
type feed struct {
	mu      sync.Mutex
	ring    []api.FeedEntry
	max     int
	floor   api.Index // entries at or below are unknown
	latest  api.Index
	changed chan struct{}
	purges  []api.FeedEntry // of the entry being applied
}

func newFeed(max int) *feed { return &feed{max: max, changed: make(chan struct{})} }

// restart forgets everything: the state is now at the given index.
func (f *feed) restart(at api.Index) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring, f.floor, f.latest = nil, at, at
	f.wake()
}

// purging queues a purge for the entry being applied.
func (f *feed) purging(e api.FeedEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.purges = append(f.purges, e)
}

func (f *feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) add(at api.Index, tags map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest = at
	for _, p := range f.purges {
		p.Index = at
		f.ring = append(f.ring, p)
	}
	f.purges = nil
	if len(tags) > 0 {
		list := make([]string, 0, len(tags))
		for t := range tags {
			list = append(list, t)
		}
		sort.Strings(list)
		f.ring = append(f.ring, api.FeedEntry{Index: at, Tags: list})
	}
	if over := len(f.ring) - f.max; over > 0 {
		f.floor = f.ring[over-1].Index
		clear(f.ring[:over])
		f.ring = f.ring[over:] // append moves what is left when the room at the end is used up
	}
	f.wake()
}

// coalesce is how far apart answers with changes are for a follower, so that a flash sale does not flood the edges. A change after a
// pause is told at once.
const (
	coalesce     = 10 * time.Millisecond
	feedBatchMax = 1000
)

// poll answers with what changed after the cursor, waiting up to wait for something to change.
func (f *feed) poll(ctx context.Context, cursor api.Index, wait time.Duration) api.FeedBatch {
	began := time.Now() // a follower asks again as soon as it has its answer
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		b, changed := f.after(cursor)
		if b.Reset || hasAck(b) {
			return b
		}
		if len(b.Entries) > 0 {
			if early := coalesce - time.Since(began); early > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(early):
				}
				b, _ = f.after(cursor)
			}
			return b
		}
		select {
		case <-ctx.Done():
			return b
		case <-deadline.C:
			b, _ = f.after(cursor)
			return b
		case <-changed:
		}
	}
}

func hasAck(b api.FeedBatch) bool {
	for _, e := range b.Entries {
		if e.Ack {
			return true
		}
	}
	return false
}

func (f *feed) after(cursor api.Index) (api.FeedBatch, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := api.FeedBatch{Entries: []api.FeedEntry{}, Next: f.latest}
	if cursor.Timeline != f.latest.Timeline || cursor.Raft < f.floor.Raft {
		b.Reset = true
		return b, f.changed
	}
	if cursor.Raft > f.latest.Raft { // this core is behind what the follower has seen: nothing to say yet
		b.Next = cursor
		return b, f.changed
	}
	i := sort.Search(len(f.ring), func(i int) bool { return f.ring[i].Index.Raft > cursor.Raft })
	rest := f.ring[i:]
	if len(rest) > feedBatchMax {
		cut := feedBatchMax
		for cut < len(rest) && rest[cut].Index == rest[cut-1].Index {
			cut++
		}
		if cut < len(rest) {
			b.Next = rest[cut-1].Index
		}
		rest = rest[:cut]
	}
	b.Entries = append(b.Entries, rest...)
	return b, f.changed
}

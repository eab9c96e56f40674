package edge

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
)

// epochs holds, for every tag, the index of its last change. A cached answer is valid if none of its
// tags changed after the answer's own index, so a purge costs one map write and there is no index of
// keys that could break. Tags older than the floor are forgotten: below it everything is stale.
type epochs struct {
	limit int

	// generation counts the batches that changed any epoch: a verdict holds while it stays.
	generation atomic.Uint64
	// touchEnds is when this edge is no more in touch, in nanoseconds since made.
	touchEnds atomic.Int64
	made      time.Time

	mu      sync.RWMutex // guards everything below
	hard    epochMap
	soft    epochMap
	cursor  api.Index
	beat    time.Time // when the poll behind the last batch left
	lease   time.Time // when the last granted renewal left
	leased  bool      // leases are asked for
	granted uint32    // the timeline of that lease
	// owed is where the leader was at owedSince; the feed should have brought us there by owedSince + beatMax.
	owed      api.Index
	owedSince time.Time
	// behind is where the leader was when it granted a lease after one that had lapsed: in between nobody waited
	// for this edge, so it must have been there before anything counts.
	behind api.Index
}

// epochMap is the last change of each tag, and the index below which it was forgotten.
type epochMap struct {
	at    map[string]api.Index
	floor api.Index
}

// verdict is what the epochs say about an answer.
type verdict uint8

const (
	valid verdict = iota
	soft          // may be shown while it is refreshed
	stale
)

// An edge is in touch with the feed if its last heartbeat left at most beatMax ago, its lease, which
// the core counts for 3 s, was asked for at most leaseMax ago, and the feed has brought what the
// leader had beatMax ago: a core that is cut off from the leader still sends heartbeats. After a lease that
// lapsed the feed must first reach the grant of the next one.
const (
	beatMax  = 2 * time.Second
	leaseMax = 2500 * time.Millisecond
)

func newEpochs(limit int) *epochs {
	e := &epochs{limit: limit, made: time.Now(), hard: epochMap{at: map[string]api.Index{}}, soft: epochMap{at: map[string]api.Index{}}}
	e.generation.Store(1) // an entry that was never judged has 0
	e.touchEnds.Store(math.MinInt64)
	return e
}

// later reports whether a is after b.
func later(a, b api.Index) bool { return a != b && api.Max(a, b) == a }

// apply takes a batch of the feed. sent is when its poll left.
func (e *epochs) apply(b api.FeedBatch, sent time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.retouch()
	e.beat = sent
	reset := b.Reset || e.cursor.IsZero() || b.Next.Timeline != e.cursor.Timeline
	next := b.Next
	if next.Timeline == e.cursor.Timeline {
		next = api.Max(next, e.cursor) // what a core that lags has forgotten, this edge may have acknowledged
	}
	// Before the first batch nothing was heard: answers fetched until then may have changed since.
	if reset {
		e.hard.raise(next)
		e.soft.raise(next)
	}
	for _, entry := range b.Entries {
		m := &e.hard
		if entry.Soft {
			m = &e.soft
		}
		for _, tag := range entry.Tags {
			if tag == api.TagAll {
				m.raise(entry.Index)
			} else if later(entry.Index, m.at[tag]) {
				m.at[tag] = entry.Index
			}
		}
	}
	e.hard.trim(e.limit)
	e.soft.trim(e.limit)
	if reset || len(b.Entries) > 0 {
		e.generation.Add(1)
	}
	e.cursor = next
}

// raise lifts the floor and forgets what lies below it.
func (m *epochMap) raise(to api.Index) {
	if !later(to, m.floor) {
		return
	}
	m.floor = to
	for tag, at := range m.at {
		if !later(at, to) {
			delete(m.at, tag)
		}
	}
}

// trim forgets the older half of the tags when there are too many: everything fetched before the
// newest forgotten change counts as stale from then on.
func (m *epochMap) trim(limit int) {
	if len(m.at) <= limit {
		return
	}
	all := make([]api.Index, 0, len(m.at))
	for _, at := range m.at {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b api.Index) int {
		switch {
		case a == b:
			return 0
		case later(a, b):
			return 1
		}
		return -1
	})
	m.raise(all[len(all)-max(1, limit/2)])
}

// passed reports whether any of the tags changed after at.
func (m *epochMap) passed(tags []string, at api.Index) bool {
	if later(m.floor, at) {
		return true
	}
	for _, tag := range tags {
		if e, ok := m.at[tag]; ok && later(e, at) {
			return true
		}
	}
	return false
}

// judge says whether an answer with these tags, true at index at, still holds.
func (e *epochs) judge(tags []string, at api.Index) verdict {
	e.mu.RLock()
	defer e.mu.RUnlock()
	switch {
	case e.hard.passed(tags, at):
		return stale
	case e.soft.passed(tags, at):
		return soft
	}
	return valid
}

// position is how far the feed was followed.
func (e *epochs) position() api.Index {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.cursor
}

// renewed notes at now that the lease asked for at sent was granted, when the leader was at index.
func (e *epochs) renewed(index api.Index, sent, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.retouch()
	// A restore forgets leases, and one that ended before this grant left a gap.
	if now.Sub(e.lease) >= leaseMax || index.Timeline != e.granted {
		e.behind = api.Max(e.behind, index)
	}
	e.granted = index.Timeline
	if sent.After(e.lease) {
		e.lease = sent
	}
	if !later(e.owed, e.cursor) {
		e.owed, e.owedSince = index, sent
	}
}

// needLease makes the lease count, before the first batch.
func (e *epochs) needLease() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leased = true
	e.retouch()
}

// lapse ends the lease: changes no longer wait for this process.
func (e *epochs) lapse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lease = time.Time{}
	e.retouch()
}

// retouch works out how long changes will have reached this edge in time if nothing more is heard. The
// caller holds mu.
func (e *epochs) retouch() {
	ends := e.beat.Add(beatMax)
	earlier := func(t time.Time) {
		if t.Before(ends) {
			ends = t
		}
	}
	if e.leased {
		earlier(e.lease.Add(leaseMax))
	}
	if later(e.owed, e.cursor) {
		earlier(e.owedSince.Add(beatMax))
	}
	if later(e.behind, e.cursor) || e.leased && e.granted != e.cursor.Timeline {
		earlier(time.Time{}) // not before the feed brings that
	}
	e.touchEnds.Store(int64(ends.Sub(e.made)))
}

// inTouch reports whether changes reach this edge in time.
func (e *epochs) inTouch(now time.Time) bool {
	return int64(now.Sub(e.made)) < e.touchEnds.Load()
}

// beatAge is how long ago the last heartbeat left.
func (e *epochs) beatAge(now time.Time) time.Duration {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.beat.IsZero() {
		return time.Duration(1<<63 - 1)
	}
	return now.Sub(e.beat)
}

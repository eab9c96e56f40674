package analytics

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// ErasureSource is what the core knows of what has to be erased: what people have asked for in the last weeks.
type ErasureSource interface {
	Erasures(ctx context.Context, after uint64) (api.ErasurePage, error)
}

const (
	// eraseEvery is how often an edge looks for something to erase.
	eraseEvery = time.Minute
	// eraseRest is the least time between two runs: each reads a column of everything.
	eraseRest = 10 * time.Minute
	// againEvery is how often everything is looked through for what was erased, whatever brought it back. Rows that came since the last run are
	// looked through after each rest.
	againEvery = 24 * time.Hour
)

// erasureID names an erasure of the core.
type erasureID struct {
	timeline uint32
	seq      uint64
}

// lateLook stands for the last run, whatever it was about.
var lateLook = erasureID{}

// erasure is what is to be erased for somebody.
type erasure struct {
	id     erasureID
	at     time.Time
	traces []trace
}

// erasures are those of the last weeks, as an edge knows them.
type erasures struct {
	mu       sync.Mutex // guards the fields below
	timeline uint32
	all      []erasure
	// who are the traces of all, and of sessions that were found in the spool to be the same browser's.
	who map[trace]bool
	// done is when ClickHouse last carried them out; waiting are those that it never did, the oldest of them since.
	done    map[erasureID]time.Time
	waiting int
	since   time.Time

	pruned   map[string]int // files of the spool, with how many traces they were last held against
	prunedAt time.Time
}

// RunErasures erases what the core says until ctx ends: from this edge's spool, and from ClickHouse if no other edge does.
func (a *Analytics) RunErasures(ctx context.Context, source ErasureSource) {
	if a == nil {
		<-ctx.Done()
		return
	}
	for failed := false; ; {
		err := a.Erase(ctx, source)
		if err != nil && !ended(ctx, err) && !failed {
			a.log.Warn("analytics: erasures wait; they are tried again", "err", err)
		}
		failed = err != nil
		if pause.For(ctx, eraseEvery/2+rand.N(eraseEvery)) != nil {
			return
		}
	}
}

// Erase looks once for what is to be erased, and erases it. Without the core it goes on with what it knows.
func (a *Analytics) Erase(ctx context.Context, source ErasureSource) error {
	err := a.erasures.fetch(ctx, source)
	if err != nil {
		err = fmt.Errorf("ask the core what is to be erased: %w", err)
	}
	a.pruneSpool(a.now())
	w := a.warehouse.Load()
	if w == nil {
		if a.cfg.Addr != "" {
			a.erasures.due(a.now())
		}
		return err
	}
	e := a.eraseTables(ctx, w)
	if e != nil {
		a.failed(w, e)
	}
	return errors.Join(err, e)
}

// fetch learns of new erasures, and forgets those that the core has forgotten.
func (e *erasures) fetch(ctx context.Context, source ErasureSource) error {
	for {
		e.mu.Lock()
		var after uint64
		if n := len(e.all); n > 0 {
			after = e.all[n-1].id.seq
		}
		e.mu.Unlock()
		page, err := source.Erasures(ctx, after)
		if err != nil {
			return err
		}
		if e.take(page, after) {
			return nil
		}
	}
}

// take adds a page and says whether it was the last.
func (e *erasures) take(page api.ErasurePage, after uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.who == nil {
		e.who = map[trace]bool{}
	}
	if page.Timeline != e.timeline {
		e.timeline, e.all = page.Timeline, nil
		if after > 0 {
			return false // numbers began anew
		}
	}
	for _, r := range page.Records {
		at, err := time.Parse(time.RFC3339, r.At)
		if err != nil {
			at = time.Now()
		}
		one := erasure{id: erasureID{r.Timeline, r.Seq}, at: at}
		for _, h := range r.Traces {
			if len(h) == len(trace{}) {
				one.traces = append(one.traces, trace(h))
				e.who[trace(h)] = true
			}
		}
		e.all = append(e.all, one)
	}
	old := 0
	for old < len(e.all) && (page.Oldest == 0 || e.all[old].id.seq < page.Oldest) {
		old++
	}
	if old > 0 {
		e.all = e.all[old:]
		e.who = map[trace]bool{}
		for _, one := range e.all {
			for _, t := range one.traces {
				e.who[t] = true
			}
		}
	}
	return len(page.Records) == 0
}

// traceOf is how an identifier is known after it was erased.
func traceOf(id string) trace { return sha256.Sum256([]byte(id)) }

// eraseTables carries out what waits, and looks for what came late or again. Every run is about all that is known: a full one reads
// everything once, however many asked.
func (a *Analytics) eraseTables(ctx context.Context, w *warehouse) error {
	done, err := w.erasedUntil(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	a.erasures.carriedOut(done)
	full, ids := a.erasures.due(now)
	if busy, err := w.busy(ctx); err != nil || busy {
		return err
	}
	since, rested := time.Time{}, now.Sub(done[lateLook]) >= w.eraseRest
	if late, ok := done[lateLook]; ok && !full {
		since, ids = late.Add(-rollMargin), nil
	}
	if traces := a.erasures.traces(); len(traces) > 0 && rested {
		began := time.Now()
		found, err := w.erase(ctx, traces, since)
		if err != nil {
			return err
		}
		if found || len(ids) > 0 {
			a.log.Info("analytics: erased", "erasures", len(ids), "found", found, "late", !since.IsZero(), "took", time.Since(began).Round(time.Millisecond))
		}
		if err := w.noteErased(ctx, append(ids, lateLook), now); err != nil {
			return fmt.Errorf("note what was erased: %w", err)
		}
		a.erasures.carriedOut(map[erasureID]time.Time{lateLook: now}, ids...)
		a.erasures.due(now)
	}
	return w.purge(ctx, time.Now())
}

// carriedOut takes over what ClickHouse says of erasures, and which have just been carried out.
func (e *erasures) carriedOut(done map[erasureID]time.Time, ids ...erasureID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		done[id] = done[lateLook]
	}
	e.done = done
}

// due says whether everything is to be looked through, and gives what that would carry out. It keeps what waits for who watches.
func (e *erasures) due(now time.Time) (full bool, ids []erasureID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting, e.since = 0, time.Time{}
	for _, one := range e.all {
		at, ok := e.done[one.id]
		if !ok {
			if e.waiting++; e.since.IsZero() || one.at.Before(e.since) {
				e.since = one.at
			}
		}
		full = full || now.Sub(at) >= againEvery
		ids = append(ids, one.id)
	}
	return full, ids
}

// traces are all that are known.
func (e *erasures) traces() []trace {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.who))
}

package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// voyage is one session of shipping, from a known place in the bucket. Its fields belong to sail's
// goroutine, but those behind mu.
type voyage struct {
	*Shipper
	layout   layout
	shipped  uint64 // the bucket has the log up to here
	complete bool   // a full backup is below all of it
	base     uint64 // a full backup must be at or above this one to make it complete
	lastFull time.Time
	tryFull  time.Time // not before then, after one that failed
	sinceLog int64     // bytes of log since the last full backup
	flushed  time.Time
	merged   time.Time
	small    []Segment // sent since the last merge
	smallLen int

	fulls   sync.WaitGroup
	running bool
	again   bool // one was asked for while it ran
	done    chan fullResult
}

type fullResult struct {
	m   Manifest
	err error
}

// restart begins the log anew at an index: what is before it is in the bucket only by a full backup,
// which has yet to be taken.
func (v *voyage) restart(index uint64) {
	v.shipped, v.base, v.complete, v.lastFull = index, index, false, time.Time{}
	v.small, v.smallLen = nil, 0
}

// sail sends what is new until ctx ends or the bucket has to be looked at again.
func (v *voyage) sail(ctx context.Context) error {
	v.done = make(chan fullResult, 1)
	v.merged = time.Now()
	v.note(time.Now())
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-v.done:
			v.fullDone(ctx, r)
		case <-v.want:
			v.begin(ctx)
		case <-tick.C:
			if err := v.step(ctx); err != nil {
				return err
			}
		}
	}
}

// step sends what is due. An S3 server that is down is an error to be seen, not one to start over for.
func (v *voyage) step(ctx context.Context) error {
	now := time.Now()
	at := v.cfg.Source.Position()
	if at.Timeline != v.layout.timeline {
		return errors.New("the timeline has changed")
	}
	if at.Index <= v.shipped {
		v.note(now)
	} else if now.Sub(v.flushed) >= v.cfg.FlushEvery {
		v.flushed = now
		switch err := v.ship(ctx, at, now); {
		case errors.Is(err, ErrGone):
			v.cfg.Logger.Warn("backup: the log was cut before it was sent; a full backup follows", "shipped", v.shipped, "index", at.Index)
			v.restart(at.Index)
		case err != nil && ctx.Err() == nil:
			v.failed(err)
			v.flushed = time.Now().Add(retryEvery - v.cfg.FlushEvery)
			return nil
		}
	}
	if len(v.small) > 1 && (now.Sub(v.merged) >= v.cfg.MergeEvery || v.smallLen >= segmentBytes) {
		v.merge(ctx)
	}
	if !v.running && now.After(v.tryFull) && (!v.complete || now.Sub(v.lastFull) >= v.cfg.FullEvery || v.sinceLog >= v.cfg.FullBytes) {
		v.begin(ctx)
	}
	return nil
}

// note says that everything applied before then is in the bucket.
func (v *voyage) note(then time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status.Shipped, v.status.Complete = v.shipped, v.complete
	if v.complete {
		v.status.LagMax = max(v.status.LagMax, time.Since(v.safeAt))
		v.safeAt = then
	}
	if v.status.Err != nil {
		v.cfg.Logger.Info("backup goes on", "shipped", v.shipped)
	}
	v.status.Err = nil
}

// ship sends everything up to at, which was read at then.
func (v *voyage) ship(ctx context.Context, at Position, then time.Time) error {
	for v.shipped < at.Index {
		entries, reached, err := v.cfg.Source.Entries(v.shipped, at.Index, segmentBytes)
		if err != nil {
			return err
		}
		seg := Segment{Timeline: at.Timeline, After: v.shipped, To: reached, Entries: entries}
		if n := len(entries); n > 0 {
			first, err1 := v.cfg.Source.TimeOf(entries[0].Data)
			last, err2 := v.cfg.Source.TimeOf(entries[n-1].Data)
			if err := errors.Join(err1, err2); err != nil {
				return fmt.Errorf("read the time of an entry: %w", err)
			}
			seg.FirstMS, seg.LastMS = first, last
		}
		b := seg.encode()
		if err := v.put(ctx, seg, b); err != nil {
			return err
		}
		v.shipped = reached
		v.sinceLog += int64(len(b))
		v.small = append(v.small, seg)
		v.smallLen += len(b)
	}
	v.note(then)
	return nil
}

func (v *voyage) put(ctx context.Context, seg Segment, b []byte) error {
	return v.cfg.Store.Put(ctx, v.layout.segment(seg.After, seg.To), "application/octet-stream", b)
}

// merge makes one segment of the small ones, and removes them once it is there. What fails leaves
// more files than needed, never fewer.
func (v *voyage) merge(ctx context.Context) {
	all, small := v.small[0], v.small
	v.small, v.smallLen, v.merged = nil, 0, time.Now()
	for _, s := range small[1:] {
		all = all.join(s)
	}
	if err := v.put(ctx, all, all.encode()); err != nil {
		v.cfg.Logger.Warn("backup: merge segments", "error", err)
		return
	}
	for _, s := range small {
		if err := v.cfg.Store.Remove(ctx, v.layout.segment(s.After, s.To)); err != nil {
			v.cfg.Logger.Warn("backup: remove a merged segment", "error", err)
			return
		}
	}
}

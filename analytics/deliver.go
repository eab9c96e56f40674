package analytics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// poisonAttempts is how often ClickHouse may refuse a batch's data before it is set aside: a schema
// that is being changed may refuse for a moment.
const poisonAttempts = 3

// insertTimeout bounds one attempt.
const insertTimeout = 60 * time.Second

// inFlight is how many segments are delivered at a time: one is read and encoded while ClickHouse writes another.
const inFlight = 2

// deliver sends sealed segments, oldest first, until ctx ends.
func (a *Analytics) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		seg, ok := a.spool.take()
		if ok {
			a.deliverSegment(ctx, seg)
			continue
		}
		select {
		case <-a.spool.ready:
		case <-ctx.Done():
		}
	}
}

// deliverSegment repeats until ClickHouse has the segment, it turns out to be poison, or ctx ends.
func (a *Analytics) deliverSegment(ctx context.Context, seg sealed) {
	backoff, refusals, maybeSent := newBackoff(a.cfg.RetryMax), 0, seg.found
	for {
		w := a.connected(ctx)
		if w == nil {
			return
		}
		content, err := readSegment(seg.path) // anew each time: rows may have been erased from it
		if err != nil {
			a.setAside(seg, err)
			return
		}
		err = sendOnce(ctx, w, content, maybeSent, &a.stats)
		if err == nil {
			a.stats.delivered(len(content.Rows))
			if err := a.spool.done(seg); err != nil {
				a.log.Error("analytics: a delivered segment stays and will be sent again", "err", err)
				a.spool.leave(seg)
			}
			return
		}
		if ended(ctx, err) {
			return
		}
		maybeSent = true
		a.stats.retried(err)
		a.failed(w, err)
		if refusedData(err) {
			if refusals++; refusals >= poisonAttempts {
				a.setAside(seg, err)
				return
			}
		}
		if backoff.first() {
			a.log.Warn("analytics: a batch was not acknowledged; trying again", "batch", content.Token, "err", err)
		}
		if !backoff.wait(ctx) {
			return
		}
	}
}

// sendOnce inserts a segment. When an earlier attempt may have reached ClickHouse, neither its token
// nor ClickHouse's word is enough: a batch that is there is not sent again, since its token may have
// left the window; and one that is acknowledged and not there goes under a token of its own.
func sendOnce(ctx context.Context, w *warehouse, s segment, maybeSent bool, stats *deliveryStats) error {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	if !maybeSent {
		return w.sendSegment(ctx, s, s.Token)
	}
	there, err := w.holdsSegment(ctx, s)
	if err == nil && !there {
		if err = w.sendSegment(ctx, s, s.Token); err == nil {
			there, err = w.holdsSegment(ctx, s)
		}
	}
	if err == nil && !there {
		stats.reinserted.Add(1)
		err = w.sendSegment(ctx, s, fmt.Sprintf("%s-again-%d", s.Token, time.Now().UnixNano()))
	}
	return err
}

// setAside moves a segment to the dead letters. If even that fails, the segment is left for the
// next start, so that it does not hold up the others.
func (a *Analytics) setAside(seg sealed, reason error) {
	if errors.Is(reason, fs.ErrNotExist) {
		a.spool.leave(seg)
		return
	}
	a.log.Error("analytics: a batch can never be delivered and was set aside", "path", seg.path, "err", reason)
	if err := a.spool.bury(seg, reason); err != nil {
		a.log.Error("analytics: set a batch aside", "err", err)
		a.spool.leave(seg)
	}
}

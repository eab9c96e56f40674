package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// begin takes a full backup beside the shipping of the log. While one is running, another follows it:
// whoever asks wants what was written until now.
func (v *voyage) begin(ctx context.Context) {
	if v.running {
		v.again = true
		return
	}
	v.running, v.again = true, false
	v.mu.Lock()
	v.status.FullRunning = true
	v.mu.Unlock()
	v.sinceLog = 0
	v.fulls.Go(func() {
		m, err := v.takeFull(ctx)
		v.done <- fullResult{m, err}
	})
}

// fullDone notes a full backup and lets go of what it makes superfluous. One that failed is begun
// again after a while.
func (v *voyage) fullDone(ctx context.Context, r fullResult) {
	v.running = false
	v.mu.Lock()
	v.status.FullRunning = false
	v.mu.Unlock()
	if r.err != nil {
		if ctx.Err() == nil {
			v.failed(fmt.Errorf("full backup: %w", r.err))
		}
		v.tryFull = time.Now().Add(5 * retryEvery)
		return
	}
	if v.again {
		defer v.begin(ctx)
	}
	v.lastFull, v.complete = time.Now(), v.complete || r.m.Index >= v.base
	v.mu.Lock()
	v.status.LastFull, v.status.LastFullAt = r.m, v.lastFull
	v.mu.Unlock()
	v.cfg.Logger.Info("full backup taken", "timeline", r.m.Timeline, "index", r.m.Index, "bytes", r.m.Bytes, "hash", r.m.Hash)
	if err := v.bucket.retain(ctx, r.m.Timeline, v.cfg.Keep); err != nil && ctx.Err() == nil {
		v.cfg.Logger.Warn("backup: remove what is old; it will be tried again after the next full backup", "error", err)
	}
}

// takeFull writes a snapshot, and its manifest once the snapshot is there.
func (v *voyage) takeFull(ctx context.Context) (Manifest, error) {
	at := v.cfg.Source.Position()
	view, err := v.cfg.Source.Snapshot()
	if err != nil {
		return Manifest{}, err
	}
	defer view.Release()
	var salt [4]byte
	rand.Read(salt[:])
	index, term, hash, timeMS := view.About()
	m := Manifest{Version: manifestVersion, Timeline: at.Timeline, Index: index, Term: term, Hash: fmt.Sprintf("%016x", hash), TimeMS: timeMS, History: at.History}
	m.Snapshot, m.key = v.layout.full(index, hex.EncodeToString(salt[:]))
	digest := sha256.New()
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		_, err := view.WriteTo(io.MultiWriter(w, digest))
		w.CloseWithError(err) // nil is the end of the file
		written <- err
	}()
	m.Bytes, err = v.cfg.Store.PutStream(ctx, m.Snapshot, "application/octet-stream", r)
	r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // the writer must not wait for a reader that has gone
	if err = errors.Join(err, <-written); err != nil {
		return m, err
	}
	m.SHA256 = hex.EncodeToString(digest.Sum(nil))
	body, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	return m, v.cfg.Store.PutNew(ctx, m.key, "application/json", body)
}

// retain keeps the newest full backups of a timeline and the log after the oldest of them. Other
// timelines are never touched.
func (b *Bucket) retain(ctx context.Context, timeline uint32, keep int) error {
	t, err := b.Timeline(ctx, timeline)
	if err != nil || len(t.Fulls) <= keep {
		return err
	}
	old := t.Fulls[:len(t.Fulls)-keep]
	oldest := t.Fulls[len(old)].Index
	for _, m := range old { // the manifest first: a snapshot without one does not count
		if err := b.store.Remove(ctx, m.key); err != nil {
			return err
		}
		if err := b.store.Remove(ctx, m.Snapshot); err != nil {
			return err
		}
	}
	for _, s := range t.Spans {
		if s.To <= oldest {
			if err := b.store.Remove(ctx, s.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

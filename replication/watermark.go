package replication

import (
	"context"
	"sync"
)

// watermark is a number that only grows, and that one can wait for.
type watermark struct {
	mu      sync.Mutex
	value   uint64
	changed chan struct{} // nil: nobody waits
}

func (w *watermark) raise(v uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v <= w.value {
		return
	}
	w.value = v
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

func (w *watermark) load() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value
}

// wait returns nil when the mark is at least v, the context's error, or ErrClosed.
func (w *watermark) wait(ctx context.Context, v uint64, closed <-chan struct{}) error {
	for {
		w.mu.Lock()
		if w.value >= v {
			w.mu.Unlock()
			return nil
		}
		if w.changed == nil {
			w.changed = make(chan struct{})
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-closed:
			return ErrClosed
		}
	}
}

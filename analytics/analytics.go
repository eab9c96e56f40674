package analytics

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// Analytics is an edge's clickstream: a spool, the delivery to ClickHouse and the reports. A nil
// *Analytics takes everything and knows nothing.
type Analytics struct {
	cfg   Config
	log   *slog.Logger
	spool *Spool
	seen  *recent
	now   func() time.Time

	warehouse atomic.Pointer[warehouse] // nil until connected and migrated
	host      atomic.Uint32             // how many hosts have failed: which of Config.Addr is asked first
	trending  atomic.Pointer[[]string]
	stats     deliveryStats
	erasures  erasures

	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Open takes the spool's directory and starts delivering in the background. It does not wait for
// ClickHouse and does not mind its absence; it fails on a bad Config or an unusable directory.
func Open(cfg Config) (*Analytics, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	spool, err := OpenSpool(SpoolConfig{Dir: cfg.Dir, Edge: cfg.Edge, Region: cfg.Region, MaxBytes: cfg.MaxBytes, Successor: cfg.Successor, Logger: cfg.Logger, Now: cfg.now})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &Analytics{cfg: cfg, log: cfg.Logger, spool: spool, seen: newRecent(recentMax), now: time.Now, cancel: cancel}
	if cfg.Addr != "" {
		for range inFlight {
			a.work.Go(func() { a.deliver(ctx) })
		}
		if cfg.still {
			a.work.Go(func() { a.connected(ctx) })
		} else {
			a.work.Go(func() { a.watchTrends(ctx) })
			a.work.Go(func() { a.watchRollups(ctx) })
		}
	}
	return a, nil
}

// Close stops delivering and writes what was accepted to disk; the next process delivers it.
func (a *Analytics) Close() error {
	if a == nil {
		return nil
	}
	a.cancel()
	a.work.Wait()
	err := a.spool.Close()
	if w := a.warehouse.Swap(nil); w != nil {
		w.close()
	}
	return err
}

// connected waits until there is a migrated database; nil when ctx ended first.
func (a *Analytics) connected(ctx context.Context) *warehouse {
	for backoff := newBackoff(a.cfg.RetryMax); ; {
		if w := a.warehouse.Load(); w != nil {
			return w
		}
		w, err := openWarehouse(ctx, &a.cfg, int(a.host.Load()))
		if err == nil {
			if a.warehouse.CompareAndSwap(nil, w) {
				a.log.Info("analytics: connected to ClickHouse", "host", w.host)
			} else {
				w.close()
			}
			a.stats.reached()
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		a.stats.failed(err)
		if backoff.first() {
			a.log.Warn("analytics: ClickHouse is not available; events stay in the spool", "addr", a.cfg.Addr, "err", err)
		}
		if !backoff.wait(ctx) {
			return nil
		}
	}
}

// failed drops a database of no more use, so that the next attempt makes its tables, where they are gone, or asks the next host.
func (a *Analytics) failed(w *warehouse, err error) {
	hosts, _ := a.cfg.hosts()
	away := len(hosts) > 1 && hostFailed(err)
	if !away && !schemaGone(err) || !a.warehouse.CompareAndSwap(w, nil) {
		return
	}
	if away {
		a.host.Add(1)
	}
	w.close()
}

// reader is the database for reports, without waiting.
func (a *Analytics) reader() (*warehouse, error) {
	if a != nil {
		if w := a.warehouse.Load(); w != nil {
			return w, nil
		}
	}
	return nil, api.NewError(api.CodeUnavailable, "Reports are not available right now. Events and orders are kept and will be in them later.")
}

// backoff is a growing, jittered wait between attempts.
type backoff struct {
	next, max time.Duration
	tries     int
}

func newBackoff(most time.Duration) *backoff {
	return &backoff{next: min(100*time.Millisecond, most), max: most}
}

// first is true once, before the first wait.
func (p *backoff) first() bool { return p.tries == 0 }

func (p *backoff) wait(ctx context.Context) bool {
	p.tries++
	d := p.next/2 + rand.N(p.next/2+1)
	p.next = min(2*p.next, p.max)
	return pause.For(ctx, d) == nil
}

// ended says that an error is only the end of the work.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err()))
}

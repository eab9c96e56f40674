package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
)

// latencies are the times that writes took.
type latencies struct {
	all  []time.Duration
	took time.Duration
}

func (l latencies) n() int { return len(l.all) }

func (l latencies) at(q float64) float64 {
	if len(l.all) == 0 {
		return 0
	}
	return float64(l.all[min(len(l.all)-1, int(q*float64(len(l.all))))].Microseconds()) / 1000
}

func (l latencies) row(what string) string {
	return fmt.Sprintf("| %s | %.0f | %.1f ms | %.1f ms | %.1f ms | %.1f ms |\n", what, float64(l.n())/max(l.took.Seconds(), 1e-9), l.at(0.5), l.at(0.99), l.at(0.999), l.at(1))
}

const (
	quietFor    = 20 * time.Second
	snapshotFor = 60 * time.Second // the need of a snapshot is looked at every 20 to 40 s
)

// load lets clients write: for a while, then through snapshots.
func (c *running) load(ctx context.Context, s *served) (err error) {
	client, err := coreclient.New(coreclient.Config{Nodes: []coreclient.Node{{ID: "core-1", Region: "eu", Addr: addr(c.o, 1)}}, Region: "eu", Token: clusterToken,
		Edge: "edge-eu", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer client.Close()
	before := c.snapshots()
	progress("%d clients write for %v", c.o.snapshotLoad, quietFor)
	if s.quiet, err = c.write(ctx, client, quietFor); err != nil {
		return err
	}
	progress("%d clients write for %v while snapshots are taken", c.o.snapshotLoad, snapshotFor)
	if s.snapshot, err = c.write(ctx, client, snapshotFor); err != nil {
		return err
	}
	for id := range c.snapshots() {
		if !before[id] {
			s.snapshots++
		}
	}
	return nil
}

// snapshots lists the snapshots on disk, those being written included.
func (c *running) snapshots() map[string]bool {
	found := map[string]bool{}
	entries, err := os.ReadDir(filepath.Join(c.o.dir, "snapshots"))
	if err != nil {
		return found
	}
	for _, e := range entries {
		found[e.Name()] = true
	}
	return found
}

// write has clients make carts, one after the other each, and takes the time of every one.
func (c *running) write(ctx context.Context, client *coreclient.Client, d time.Duration) (latencies, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	var mu sync.Mutex
	var l latencies
	var failure error
	var wg sync.WaitGroup
	for range c.o.snapshotLoad {
		wg.Go(func() {
			var mine []time.Duration
			for ctx.Err() == nil {
				t := time.Now()
				_, _, err := coreclient.Do(context.WithoutCancel(ctx), client, api.CartsCreate, api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}, api.Call{})
				mine = append(mine, time.Since(t))
				if err != nil {
					mu.Lock()
					failure = fmt.Errorf("a write failed: %w", err)
					mu.Unlock()
					cancel()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			l.all = append(l.all, mine...)
		})
	}
	watch := time.NewTicker(50 * time.Millisecond)
	defer watch.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-watch.C:
			c.peak = max(c.peak, rss(c.pid, "RssAnon"))
		}
	}
	wg.Wait()
	slices.Sort(l.all)
	l.took = time.Since(began)
	return l, failure
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func (l latencies) at(q float64) float64 {
	if len(l.all) == 0 {
		return 0
	}
	return float64(l.all[min(len(l.all)-1, int(q*float64(len(l.all))))].Microseconds()) / 1000
}

func (l latencies) row(what string) string {
	return fmt.Sprintf("| %s | %d | %.0f | %.1f ms | %.1f ms | %.1f ms | %.1f ms |\n", what, len(l.all), float64(len(l.all))/max(l.took.Seconds(), 1e-9), l.at(0.5), l.at(0.99), l.at(0.999), l.at(1))
}

// written is one write and when it was made.
type written struct {
	at   time.Time
	took time.Duration
}

// window is a time in which a snapshot was written or the log cut behind it.
type window struct{ from, to time.Time }

const (
	quietAtLeast = 20 * time.Second
	loadAtMost   = 4 * time.Minute
	// truncation is how long after a snapshot its writes still count for it: the log is cut then.
	truncation = 5 * time.Second
)

// load lets clients write until a snapshot was taken among their writes, and tells the writes that met it
// from the others.
func (c *running) load(ctx context.Context, s *served) (err error) {
	client, err := coreclient.New(coreclient.Config{Nodes: []coreclient.Node{{ID: "core-1", Region: "eu", Addr: addr(c.o, 1)}}, Region: "eu", Token: clusterToken,
		Edge: "edge-eu", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, loadAtMost)
	defer cancel()
	progress("%d clients write until a snapshot was taken", c.o.snapshotLoad)
	var windows []window
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer cancel()
		windows = c.watch(ctx)
	}()
	all, failure := c.write(ctx, client)
	<-watched
	s.split(all, windows)
	s.snapshots = len(windows)
	return failure
}

// watch returns when a snapshot was seen and enough was written without one.
func (c *running) watch(ctx context.Context) (seen []window) {
	known := c.snapshots()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return seen
		case <-tick.C:
		}
		c.peak = max(c.peak, rss(c.pid, "RssAnon"))
		now, n := time.Now(), len(seen)
		for name := range c.snapshots() {
			stem, writing := strings.CutSuffix(name, ".tmp")
			if !known[stem] {
				known[stem] = true
				seen = append(seen, window{now.Add(-20 * time.Millisecond), now})
				progress("a snapshot is written")
			}
			if writing {
				seen[len(seen)-1].to = now.Add(truncation)
			}
		}
		if len(seen) > n {
			seen[n].to = now.Add(truncation)
		}
		if n > 0 && now.After(seen[n-1].to) && now.Sub(began) > quietAtLeast+truncation {
			return seen
		}
	}
}

// split sorts the writes by whether they met a snapshot.
func (s *served) split(all []written, windows []window) {
	if len(all) == 0 {
		return
	}
	met := func(w written) bool {
		return slices.ContainsFunc(windows, func(x window) bool { return w.at.Before(x.to) && w.at.Add(w.took).After(x.from) })
	}
	first, last := all[0].at, all[0].at
	for _, w := range all {
		if w.at.Before(first) {
			first = w.at
		}
		if w.at.After(last) {
			last = w.at
		}
		if met(w) {
			s.snapshot.all = append(s.snapshot.all, w.took)
		} else {
			s.quiet.all = append(s.quiet.all, w.took)
		}
	}
	for _, x := range windows {
		s.snapshot.took += x.to.Sub(x.from)
	}
	s.quiet.took = last.Sub(first) - s.snapshot.took
	slices.Sort(s.quiet.all)
	slices.Sort(s.snapshot.all)
}

// snapshots lists the snapshots on disk, those being written with their suffix.
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

// putsPerCart is how often a client changes a cart before it takes a new one.
const putsPerCart = 20

// write has clients put things into carts, one after the other each, until ctx ends. Each is an entry of the
// log; making the cart is none, and is not counted.
func (c *running) write(ctx context.Context, client *coreclient.Client) (all []written, failure error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range c.o.snapshotLoad {
		wg.Go(func() {
			var mine []written
			var err error
			var cart api.Cart
			for i := 0; ctx.Err() == nil && err == nil; i++ {
				going := context.WithoutCancel(ctx)
				if i%putsPerCart == 0 {
					if cart, _, err = coreclient.Do(going, client, api.CartsCreate, api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}, api.Call{}); err != nil {
						break
					}
				}
				put := api.PutLine{Cart: cart.ID, SKU: sku((n*7919 + i/putsPerCart) % c.o.skus), Quantity: int64(1 + i%putsPerCart)}
				w := written{at: time.Now()}
				_, _, err = coreclient.Do(going, client, api.CartsPutLine, put, api.Call{})
				w.took = time.Since(w.at)
				mine = append(mine, w)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if err != nil {
				failure = fmt.Errorf("a write failed: %w", err)
			}
		})
	}
	wg.Wait()
	return all, failure
}

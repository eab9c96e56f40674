//go:build linux

package chaos

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/internal/history"
	"meridian/internal/workload"
)

// Awake is the result of the trials in which a leader is stopped, another one decides, and the old one
// is asked as it wakes.
type Awake struct {
	Trials   int // made
	Asked    int // exact reads sent to old leaders
	Told     int // answered with a value
	Problems []string
	Took     time.Duration
}

func (a Awake) line() string {
	return fmt.Sprintf("%d trials of an awaking leader: %d exact reads, %d answered with a value, %d of them stale, %.0f s", a.Trials, a.Asked, a.Told, len(a.Problems), a.Took.Seconds())
}

// side is how many clusters make trials at once: a trial is mostly waiting for an election.
const (
	side     = 3
	readsOne = 8
)

// awaken makes the trials.
func (c *Config) awaken(ctx context.Context) (a Awake) {
	start := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range side {
		wg.Go(func() {
			trials := c.Trials / side
			if i < c.Trials%side {
				trials++
			}
			if trials == 0 {
				return
			}
			part, err := c.awakenOne(ctx, trials)
			mu.Lock()
			defer mu.Unlock()
			a.Trials, a.Asked, a.Told = a.Trials+part.Trials, a.Asked+part.Asked, a.Told+part.Told
			a.Problems = append(a.Problems, part.Problems...)
			if err != nil && ctx.Err() == nil {
				a.Problems = append(a.Problems, fmt.Sprintf("the trials ended early: %v", err))
			}
		})
	}
	wg.Wait()
	a.Took = time.Since(start)
	return a
}

// trial is a cluster that is used for one trial after the other.
type trial struct {
	cluster *cluster
	edge    *coreclient.Client
	staff   string
	level   int64 // what is on hand, for sure
}

func (c *Config) awakenOne(ctx context.Context, trials int) (a Awake, err error) {
	dir, err := os.MkdirTemp(c.Dir, "awake-")
	if err != nil {
		return a, err
	}
	defer os.RemoveAll(dir)
	cl, err := launch(ctx, c.Programs, dir, c.names, shape{nodes: 3, heartbeat: 150 * time.Millisecond, env: c.Env}, c.have&needSpaces != 0)
	if err != nil {
		return a, err
	}
	defer cl.close()
	load, err := workload.New(workload.Config{Cores: cl.clientNodes(), Token: cl.token, Staff: cl.staff, Dial: cl.dial(), TLS: cl.tls(), Recorder: history.NewRecorder()})
	if err != nil {
		return a, err
	}
	defer load.Close()
	if err := load.Prepare(ctx); err != nil {
		return a, err
	}
	t := &trial{cluster: cl, edge: load.Edge(), staff: cl.staff}
	for a.Trials < trials && ctx.Err() == nil {
		if err := t.run(ctx, &a); err != nil {
			return a, err
		}
		a.Trials++
	}
	return a, ctx.Err()
}

// run makes one trial: the leader is stopped, a write is acknowledged by its successor, and exact reads
// that begin only then must not show the state from before it.
func (t *trial) run(ctx context.Context, a *Awake) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	old, err := t.cluster.leader(ctx)
	if err != nil {
		return err
	}
	old.pause()
	err = t.add(ctx)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ask := func() {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			s, err := t.cluster.merch.Stock(ctx, old.node(), "STOCK-0")
			mu.Lock()
			defer mu.Unlock()
			a.Asked++
			if err != nil {
				return
			}
			a.Told++
			if s.OnHand < t.level {
				a.Problems = append(a.Problems, fmt.Sprintf("stale: %s woke and said %d on hand, when %d had been acknowledged", old.id, s.OnHand, t.level))
			}
		})
	}
	if err == nil {
		for range readsOne / 2 {
			ask()
		}
		<-time.After(5 * time.Millisecond) // they wait in the sockets of the stopped process
	}
	old.signal(syscall.SIGCONT)
	if err == nil {
		for range readsOne / 2 {
			ask()
		}
	}
	wg.Wait()
	return err
}

// add acknowledges one more unit.
func (t *trial) add(ctx context.Context) error {
	key := random()
	var last error
	err := until(ctx, "an acknowledged write", func() bool {
		s, _, err := coreclient.Do(ctx, t.edge, api.StockAdjust, api.AdjustStock{SKU: "STOCK-0", Delta: 1, Reason: "trial"}, api.Call{Credential: "staff:" + t.staff, Key: key})
		last = err
		if err == nil {
			t.level = s.OnHand
		}
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

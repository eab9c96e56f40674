//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
)

// mode is how a life is restored.
type mode string

// The modes take turns.
const (
	newest  mode = "newest"   // all there is; the others join while the first sells
	voters  mode = "voters"   // all there is, and nothing is sold before the others have joined and vote
	toIndex mode = "to-index" // an index in the middle of the life
	toTime  mode = "to-time"  // a moment in the middle of the life
)

var modes = [...]mode{newest, toIndex, voters, toTime}

// whole says that everything has to be restored that was acknowledged more than a second ago.
func (m mode) whole() bool { return m == newest || m == voters }

// Result is what became of one life: from its load over its end to its restored self.
type Result struct {
	Shop, Life int
	Seed       uint64
	Mode       string
	// Writes and Orders were acknowledged; LostWrites and LostOrders of them are not in the restored shop.
	Writes, Orders, LostWrites, LostOrders int
	// Window is how long before the end the earliest of them was acknowledged; 0 if nothing is missing.
	Window time.Duration
	// Charges were compared before selling, Differences of them did not fit.
	Charges, Differences int
	// Restoring is how long core restore took, Closed the time from the end to the first sale.
	Restoring, Closed time.Duration
	// Taken says that a full backup was asked for in the middle.
	Taken    bool
	Problems []string
}

// life is one life while it runs.
type life struct {
	*shop
	load *load
	rng  *rand.Rand
	mode mode
	res  *Result
	past *past

	index  uint64    // of toIndex
	moment time.Time // of toTime
	ended  time.Time
}

// past is what a shop's clients know of all its lives.
type past struct {
	known   map[string]bool   // orders that have to be there
	ever    map[string]bool   // ids that were ever acknowledged
	numbers map[string]string // the id of each number that was ever acknowledged
}

func (l *life) bad(format string, args ...any) {
	l.res.Problems = append(l.res.Problems, fmt.Sprintf(format, args...))
}

// play runs one life. An error means that it could not be played to its end.
func (l *life) play(ctx context.Context) error {
	if err := l.load.begin(ctx, l.res.Life); err != nil {
		return err
	}
	if err := l.live(ctx); err != nil {
		return err
	}
	for i := range cores {
		if err := os.RemoveAll(l.data(i)); err != nil {
			return err
		}
	}
	rest(ctx, time.Duration(l.rng.IntN(1000))*time.Millisecond)
	if _, err := l.core(ctx, append([]string{"check", "--backup", bucket, "--scratch", l.dir}, l.s3Flags()...)...); err != nil {
		return err
	}
	if err := l.restore(ctx); err != nil {
		return err
	}
	if l.mode == voters {
		if err := l.grow(ctx); err != nil {
			return err
		}
	}
	sold, err := l.sells(ctx)
	if err != nil {
		return err
	}
	if l.mode != voters {
		if err := l.grow(ctx); err != nil {
			return err
		}
	}
	if err := l.judge(ctx, sold); err != nil {
		return err
	}
	l.res.Problems = append(l.res.Problems, l.load.problems...)
	l.load.problems = nil
	return l.backedUp(ctx)
}

// live puts load on the shop until every core is killed.
func (l *life) live(ctx context.Context) error {
	loading, stop := context.WithCancel(ctx)
	calls, cut := context.WithCancel(ctx)
	defer stop()
	defer cut()
	long := 1500*time.Millisecond + time.Duration(l.rng.IntN(2500))*time.Millisecond
	middle := long/3 + time.Duration(l.rng.Int64N(int64(long/2)))
	gaps := []time.Duration{0, time.Duration(l.rng.IntN(40)) * time.Millisecond, time.Duration(l.rng.IntN(40)) * time.Millisecond}
	l.res.Taken = l.rng.IntN(2) == 0
	var clients, taking sync.WaitGroup
	clients.Go(func() { l.load.run(loading, calls, l.res.Seed<<8+uint64(l.res.Life)) })
	began := time.Now()
	rest(ctx, middle)
	err := l.mark(ctx)
	if l.res.Taken && err == nil { // through an edge, as an operator does
		taking.Go(func() {
			if out, err := l.core(calls, "backup", "take", "--wait", "20s"); err != nil && calls.Err() == nil {
				l.load.note(fmt.Errorf("core backup take: %w: %s", err, out), "take")
			}
		})
	}
	rest(ctx, long-l.cfg.Stall-time.Since(began))
	if l.cfg.Stall > 0 {
		_ = l.services[0].cmd.Process.Signal(syscall.SIGSTOP)
		defer l.services[0].cmd.Process.Signal(syscall.SIGCONT)
		rest(ctx, l.cfg.Stall)
	}
	l.ended = l.murder(gaps)
	stop()
	cut()
	clients.Wait()
	taking.Wait()
	return errors.Join(err, ctx.Err())
}

// mark chooses what modes that go back restore: a moment, and an index, up to which the log is in the bucket.
// What was not sent yet when everything is lost can be restored by nobody.
func (l *life) mark(ctx context.Context) error {
	l.moment = time.Now().Truncate(time.Millisecond)
	rest(ctx, 50*time.Millisecond) // whatever was stamped by then is applied
	v, _, err := ask(ctx, l.shop, l.operator, api.BackupsGet, api.None{})
	if err != nil {
		return err
	}
	l.index = v.Index.Raft
	return until(ctx, "the log to be in the bucket", func() bool {
		v, _, err := ask(ctx, l.shop, l.operator, api.BackupsGet, api.None{})
		return err == nil && v.Shipped.Raft >= l.index
	})
}

// restore makes the first node of the next life, and starts all three.
func (l *life) restore(ctx context.Context) error {
	args := append([]string{"restore", "--from", bucket, "--data", l.data(0), "--id", id(0), "--region", "local", "--raft-addr", l.raft[0], "--api-addr", l.api[0]}, l.s3Flags()...)
	switch l.mode {
	case toIndex:
		args = append(args, "--to-index", fmt.Sprint(l.index))
	case toTime:
		args = append(args, "--to-time", l.moment.UTC().Format(time.RFC3339Nano))
	}
	began := time.Now()
	if _, err := l.core(ctx, args...); err != nil {
		return err
	}
	l.res.Restoring = time.Since(began)
	if err := l.startCore(0); err != nil {
		return err
	}
	for i := 1; i < cores; i++ {
		if err := l.startCore(i, "--join", fmt.Sprintf("%s=local@%s", id(0), l.api[0])); err != nil {
			return err
		}
	}
	return nil
}

// sells tries to buy until it succeeds. Nothing may be sold before the charges were compared.
func (l *life) sells(ctx context.Context) (p purchase, err error) {
	probe := &load{shop: l.shop, life: l.res.Life + 1, edges: []*coreclient.Client{l.client}}
	trying, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for n := 0; len(probe.orders) == 0; n++ {
		if trying.Err() != nil {
			return p, fmt.Errorf("nothing could be bought for %v after the restore; the last words of %s: %s", patience, id(0), l.cores[0].tail())
		}
		probe.buy(trying, trying, l.client, fmt.Sprintf("probe-%d-%d", l.res.Life, n))
		rest(trying, 20*time.Millisecond)
	}
	l.res.Closed = time.Since(l.ended)
	v, _, err := ask(ctx, l.shop, l.operator, api.BackupsGet, api.None{})
	switch {
	case err != nil:
		return p, err
	case v.Restore == nil || !v.Restore.Done:
		l.bad("something was sold before the charges were compared: %+v", v.Restore)
	default:
		l.res.Charges, l.res.Differences = int(v.Restore.Charges), v.Restore.Differences
	}
	l.res.Problems = append(l.res.Problems, probe.problems...)
	return probe.orders[0], nil
}

// grow makes voters of those that joined, with the operator's commands through the edge.
func (l *life) grow(ctx context.Context) error {
	for i := 1; i < cores; i++ {
		if err := until(ctx, id(i)+" to join", func() bool {
			if l.cores[i].alive() != nil {
				return true
			}
			v, _, err := ask(ctx, l.shop, l.operator, api.ClusterGet, api.None{})
			for _, m := range v.Members {
				if m.ID == id(i) {
					return err == nil
				}
			}
			return false
		}); err != nil {
			return err
		}
		if err := l.cores[i].alive(); err != nil {
			return err
		}
		if _, err := l.core(ctx, "members", "promote", id(i), "--wait", "30s"); err != nil {
			return err
		}
	}
	return until(ctx, "three voters that answer", func() bool {
		v, _, err := ask(ctx, l.shop, l.operator, api.ClusterGet, api.None{})
		return err == nil && v.Voters == cores && v.LiveVoters == cores
	})
}

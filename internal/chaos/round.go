//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
	"meridian/internal/history"
	"meridian/internal/workload"
)

// The stretches of a round.
const (
	calmBefore   = 300 * time.Millisecond // load before the fault
	calmAfter    = 500 * time.Millisecond // load on the healed cluster
	recoverIn    = 20 * time.Second       // the longest a healed cluster may take
	settleIn     = 60 * time.Second       // asking for every outcome: no promise, and a busy disk may take its time
	roundIn      = 150 * time.Second
	heartbeat    = 300 * time.Millisecond
	decideWithin = 5 * time.Second // for the history of one object
)

// Result is what became of a round.
type Result struct {
	Number int
	Seed   uint64
	Faults []string
	Nodes  int
	WAL    bool // the log was in raft-wal
	Stats  workload.Stats
	// Objects and Ops were judged, Repeats were answered like the first time, Compared are hashes of
	// two replicas at one index.
	Objects, Ops, Repeats, Compared int
	// Orders were placed.
	Orders int
	// Asked and Told count exact reads of a leader that woke, and its answers.
	Asked, Told int
	// Outage is the longest time without an acknowledged write from the fault on; Recovery the time
	// from healing until every core was ready.
	Outage, Recovery time.Duration
	// Exits are ends of cores by themselves.
	Exits []string
	// Problems are violations; none means that every check was made and passed.
	Problems []string
	Notes    []string
	Took     time.Duration
	// Kept is where everything about a failed round is.
	Kept string
}

// round is a round while it runs.
type round struct {
	ctx      context.Context
	rng      *rand.Rand
	cluster  *cluster
	load     *workload.Load
	recorder *history.Recorder
	count    *struct{ asked, told atomic.Int64 }
	removed  *core
	notes    *notes
}

type notes struct {
	mu   sync.Mutex
	list []string
}

func (r *round) note(format string, args ...any) {
	r.notes.mu.Lock()
	defer r.notes.mu.Unlock()
	r.notes.list = append(r.notes.list, fmt.Sprintf(format, args...))
}

// wait lets the load and the fault go on for a while.
func (r *round) wait(d time.Duration) {
	select {
	case <-r.ctx.Done():
	case <-time.After(d):
	}
}

// between draws a time in milliseconds.
func (r *round) between(least, most int) time.Duration {
	return time.Duration(least+r.rng.IntN(most-least)) * time.Millisecond
}

// follower draws a core that does not lead.
func (r *round) follower() (*core, error) {
	l, err := r.cluster.leader(r.ctx)
	if err != nil {
		return nil, err
	}
	others := r.others(r.index(l))
	return r.cluster.cores[others[r.rng.IntN(len(others))]], nil
}

// play runs one round: start, load, fault, heal, settle, judge.
func (c *Config) play(ctx context.Context, number int, seed uint64, faults []Fault) (res Result) {
	start := time.Now()
	res = Result{Number: number, Seed: seed, Nodes: 3}
	for _, f := range faults {
		res.Faults = append(res.Faults, f.Name)
	}
	stopped := ctx.Err // the run as a whole
	ctx, cancel := context.WithTimeout(ctx, roundIn)
	defer cancel()
	bad := func(format string, args ...any) { res.Problems = append(res.Problems, fmt.Sprintf(format, args...)) }
	dir, err := os.MkdirTemp(c.Dir, fmt.Sprintf("round-%d-", number))
	if err != nil {
		bad("make a directory: %v", err)
		return res
	}
	s := shape{nodes: 3, heartbeat: heartbeat, env: c.Env, wal: rand.New(rand.NewPCG(seed, 1)).IntN(walEvery) == 0}
	for _, f := range faults {
		if f.shape != nil {
			f.shape(&s)
		}
	}
	res.Nodes, res.WAL = s.nodes, s.wal
	recorder := history.NewRecorder()
	defer func() {
		res.Took = time.Since(start)
		if stopped() == nil && (len(res.Problems) > 0 || c.Keep) {
			res.Kept = dir
			keep(dir, res, recorder.Ops())
			return
		}
		os.RemoveAll(dir)
	}()
	cl, err := launch(ctx, c.Programs, dir, c.names, s, c.have&needSpaces != 0)
	if err != nil {
		bad("start the cluster: %v", err)
		return res
	}
	defer cl.close()
	r := &round{ctx: ctx, rng: rand.New(rand.NewPCG(seed, 1)), cluster: cl, recorder: recorder, count: &struct{ asked, told atomic.Int64 }{}, notes: &notes{}}
	r.load, err = workload.New(workload.Config{Seed: seed, Cores: cl.clientNodes(), Token: cl.token, Staff: cl.staff, Dial: cl.dial(), TLS: cl.tls(), Recorder: recorder})
	if err != nil {
		bad("make the load: %v", err)
		return res
	}
	defer r.load.Close()
	if err := r.load.Prepare(ctx); err != nil {
		bad("%v", err)
		return res
	}
	seen := &hashes{at: map[api.Index]api.NodeStatus{}}
	watching, stopWatching := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { seen.watch(watching, cl) })
	res.Problems = append(res.Problems, r.strain(faults, &res)...)
	res.Problems = append(res.Problems, r.judge(&res)...)
	stopWatching()
	watcher.Wait()
	res.Problems = append(res.Problems, seen.problems...)
	res.Compared = seen.compared
	r.load.Close() // connections without a request would keep a core from stopping for a while
	cl.merch.Close()
	cl.operator.Close()
	cl.stop()
	res.Problems = append(res.Problems, r.inspect(faults, &res)...)
	res.Asked, res.Told, res.Notes = int(r.count.asked.Load()), int(r.count.told.Load()), r.notes.list
	return res
}

// strain puts load on the cluster, lets the faults happen, and waits until the healed cluster is whole.
func (r *round) strain(faults []Fault, res *Result) (problems []string) {
	loading, stop := context.WithCancel(r.ctx)
	var load sync.WaitGroup
	load.Go(func() { r.load.Run(loading) })
	r.wait(calmBefore + r.between(0, 300))
	from := r.recorder.Now()
	errs := make([]error, len(faults))
	var wg sync.WaitGroup
	for i, f := range faults {
		own := *r
		own.rng = rand.New(rand.NewPCG(res.Seed, uint64(i)+2))
		wg.Go(func() {
			own.wait(time.Duration(i) * 300 * time.Millisecond)
			if err := f.run(&own); err != nil {
				errs[i] = fmt.Errorf("%s: %w", f.Name, err)
			}
			if i == 0 {
				r.removed = own.removed
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		problems = append(problems, err.Error())
	}
	healed := time.Now()
	ctx, cancel := context.WithTimeout(r.ctx, recoverIn)
	defer cancel()
	if err := until(ctx, "every core to answer and one to lead, after the fault was healed", func() bool {
		for _, n := range r.members() {
			if s, err := r.cluster.status(ctx, n); err != nil || s.Leader == "" {
				return false
			}
		}
		l, _ := r.cluster.view(ctx)
		return l != nil
	}); err != nil {
		problems = append(problems, err.Error())
	}
	res.Recovery = time.Since(healed)
	r.wait(calmAfter)
	stop()
	load.Wait()
	res.Outage = r.load.Outage(from)
	return problems
}

// members are the cores that were not removed.
func (r *round) members() (all []*core) {
	for _, n := range r.cluster.cores {
		if n != r.removed {
			all = append(all, n)
		}
	}
	return all
}

// keep writes down what is needed to understand a failed round.
func keep(dir string, res Result, ops []history.Op) {
	b, _ := json.MarshalIndent(ops, "", " ")
	_ = os.WriteFile(filepath.Join(dir, "history.json"), b, 0o600)
	text := strings.Join(append(append(append([]string{}, res.Problems...), res.Exits...), res.Notes...), "\n\n")
	_ = os.WriteFile(filepath.Join(dir, "problems.txt"), []byte(text+"\n"), 0o600)
}

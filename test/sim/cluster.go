package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"meridian/core"
	"meridian/core/seal"
	"meridian/internal/history"
	"meridian/replication"
)

// staffToken is of the member of staff who changes stock. Their password is never asked for.
const staffToken = "token-of-the-simulated-staff"

var staff = []core.Staff{{Email: "merch@example.com", Role: "merchandiser", Password: "a long password", Token: staffToken}}

// cluster is the whole of a run.
type cluster struct {
	o       Options
	dir     string
	keyring *seal.Keyring

	rng      *rand.Rand
	shape    Shape
	plan     []step
	trace    *trace
	truth    *truth
	net      *network
	pay      *provider
	nodes    []*computer
	history  *history.Recorder
	founding bool
	exits    chan exit
	boots    chan booted
	graves   sync.WaitGroup
	workers  sync.WaitGroup
	agenda   agenda
	stats    Stats
	statsMu  sync.Mutex
	fresh    int // names members that replace others
	ending   chan struct{}
	stopping context.Context
	over     bool
}

func newCluster(o Options, dir string, ring *seal.Keyring) *cluster {
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, n)) }
	c := &cluster{o: o, dir: dir, keyring: ring, rng: stream(1), trace: newTrace(), history: history.NewRecorder(), founding: true, exits: make(chan exit, 1024), boots: make(chan booted, 64), ending: make(chan struct{})}
	c.truth = newTruth(c.trace)
	c.net = newNetwork(stream(2))
	c.pay = newProvider(stream(3))
	c.shape = newShape(c.rng)
	if o.Shape != nil {
		o.Shape(&c.shape)
	}
	c.plan = newPlan(c.rng, o.Nodes, o.Length)
	for i := range o.Nodes {
		d := newDisk(stream(100 + uint64(i)))
		d.noSync = o.NoSync
		n := &computer{c: c, id: fmt.Sprintf("n%d", i), disk: d, clock: &nodeClock{drift: (c.rng.Float64() - 0.5) / 500, boot: time.Now()}}
		n.clock.set(time.Duration(c.rng.IntN(400)-200) * time.Millisecond)
		c.nodes = append(c.nodes, n)
	}
	return c
}

// forget lets go of what the computers stored: a goroutine that waits for ever keeps the cluster in memory.
func (c *cluster) forget() {
	for _, n := range c.nodes {
		n.state = nil
		n.disk.mu.Lock()
		n.disk.files, n.disk.names = nil, nil
		n.disk.mu.Unlock()
	}
}

func (c *cluster) founders() (out []replication.Member) {
	for i := range c.nodes {
		id := fmt.Sprintf("n%d", i)
		out = append(out, replication.Member{ID: id, Addr: id, Region: id})
	}
	return out
}

// agenda is what the run will do, by time.
type agenda struct{ items []item }

type item struct {
	at time.Time
	do func()
}

func (a *agenda) add(at time.Time, do func()) {
	i, _ := slices.BinarySearchFunc(a.items, at, func(x item, t time.Time) int {
		if x.at.After(t) {
			return 1
		}
		return -1 // behind what is due at the same time
	})
	a.items = slices.Insert(a.items, i, item{at, do})
}

func (c *cluster) later(d time.Duration, do func()) { c.agenda.add(time.Now().Add(d), do) }

// run does what is on the agenda until end. Only this goroutine starts and crashes processes.
func (c *cluster) run(end time.Time) {
	for {
		next := end
		if len(c.agenda.items) > 0 && c.agenda.items[0].at.Before(end) {
			next = c.agenda.items[0].at
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case e := <-c.exits:
			timer.Stop()
			c.processEnded(e)
			continue
		case b := <-c.boots:
			timer.Stop()
			c.processBooted(b)
			continue
		case <-timer.C:
		}
		if len(c.agenda.items) == 0 || c.agenda.items[0].at.After(time.Now()) {
			if !time.Now().Before(end) {
				return
			}
			continue
		}
		do := c.agenda.items[0].do
		c.agenda.items = c.agenda.items[1:]
		do()
	}
}

// processEnded clears up after a process that stopped itself, and starts it again as a supervisor does.
func (c *cluster) processEnded(e exit) {
	n := e.inc.on
	if n.up.Load() != e.inc && n.booting != e.inc {
		return
	}
	c.trace.add("%s: ended itself: %v", e.inc.name, e.reason)
	if !expected(e.reason) {
		c.trace.violated("%s stopped: %v", e.inc.name, e.reason)
	}
	c.count(func(s *Stats) { s.Exits++ })
	n.reboot = n.reboot || isDiskError(e.reason)
	if n.booting == e.inc { // its goroutine is held for ever, in the call that failed
		n.booting = nil
		n.end(e.inc, false)
	} else {
		n.crash(false)
	}
	c.later(time.Second, n.boot)
}

func (c *cluster) processBooted(b booted) {
	n := b.inc.on
	switch {
	case n.booting != b.inc: // it ended itself on its way up
		c.bury(b.inc)
		return
	case b.err != nil && isDiskError(b.err):
		c.trace.add("%s: did not start: %v", b.inc.name, b.err)
		n.booting, n.reboot = nil, true
		n.end(b.inc, false)
		c.later(time.Second, n.boot)
		return
	case b.err != nil:
		c.trace.violated("a node does not start: %v", b.err)
	default:
		n.up.Store(b.inc)
		c.trace.add("%s: started", b.inc.name)
		c.count(func(s *Stats) { s.Starts++ })
	}
	n.booting = nil
}

func (c *cluster) count(fn func(*Stats)) {
	c.statsMu.Lock()
	defer c.statsMu.Unlock()
	fn(&c.stats)
}

// leader is a process that believes that it leads, if there is one.
func (c *cluster) leader() *incarnation {
	for _, n := range c.nodes {
		if inc := n.up.Load(); inc != nil && inc.raft.Status().Ready {
			return inc
		}
	}
	return nil
}

func (c *cluster) addrs() (out []raft.ServerAddress) {
	for _, n := range c.nodes {
		out = append(out, raft.ServerAddress(n.id))
	}
	return out
}

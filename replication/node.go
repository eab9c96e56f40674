package replication

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Node is one member of the cluster.
type Node struct {
	cfg       Config
	machine   Machine
	raft      *raft.Raft
	fsm       *fsm
	logs      *logStore
	snapshots *snapshotStore
	cached    raft.LogStore // logs behind the newest entries in memory
	failStop  *failStop
	contacts  *contacts
	stream    *stream // nil with a Transport of the caller's
	teller    *teller
	stats     counters

	queue     chan *proposal
	waiting   atomic.Int64  // commands in queue
	slots     chan struct{} // one a batch in flight
	changing  chan struct{} // holds the change of the members that is under way
	inflight  chan batch
	appending *appending
	flying    *flying
	leading   leadership
	verifier  verifier
	emptied   chan struct{}

	transferBlocked atomic.Int64 // unix nanoseconds; 0: entries are taken

	fresh bool // the directory was empty when the node opened

	regionsMu sync.Mutex
	regions   map[string]string

	stop      chan struct{} // closed when Close begins
	dead      chan struct{} // closed when raft has stopped
	closeOnce sync.Once
	closeErr  error
	endLead   context.CancelFunc
	leadDone  chan struct{}
	settled   chan struct{}
	workers   sync.WaitGroup
	release   func() error // closes transport and stores
}

// Open starts a node. It brings the machine up to the newest snapshot first; entries after that are
// applied as the leader's commit index becomes known.
func Open(cfg Config, m Machine) (*Node, error) {
	cfg.applyDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := newNode(cfg, m)
	if err := n.start(); err != nil {
		close(n.failStop.halted)
		return nil, errors.Join(fmt.Errorf("replication: open %s: %w", cfg.ID, err), n.release())
	}
	return n, nil
}

func newNode(cfg Config, m Machine) *Node {
	n := &Node{
		cfg: cfg, machine: m,
		failStop:  newFailStop(cfg.Exit, cfg.Logger, cfg.DiskStall),
		queue:     make(chan *proposal, cfg.QueueMax),
		slots:     make(chan struct{}, cfg.InFlight),
		changing:  make(chan struct{}, 1),
		inflight:  make(chan batch, cfg.InFlight),
		appending: newAppending(), flying: newFlying(),
		leading:  leadership{changed: make(chan struct{})},
		verifier: verifier{kick: make(chan struct{}, 1), weak: cfg.weak},
		emptied:  make(chan struct{}, 1),
		regions:  map[string]string{cfg.ID: cfg.Region},
		stop:     make(chan struct{}), dead: make(chan struct{}),
		leadDone: make(chan struct{}), settled: make(chan struct{}),
		release: func() error { return nil },
	}
	n.fsm = &fsm{machine: m, stop: n.failStop, stats: &n.stats, weak: cfg.weak}
	for _, member := range cfg.Bootstrap {
		n.setRegion(member.ID, member.Region)
	}
	return n
}

func (n *Node) start() error {
	st, err := n.openStores()
	if err != nil {
		return err
	}
	n.logs, n.snapshots = st.log, st.snapshots
	if err := n.fsm.prepare(st.log, st.snapshots); err != nil {
		return err
	}
	trans, err := n.openTransport()
	if err != nil {
		return err
	}
	n.contacts, n.teller = trans.contacts, trans.teller
	n.fsm.committed = n.teller.committed
	notify := make(chan bool)
	conf := n.raftConfig(notify)
	cached, err := raft.NewLogCache(logCacheEntries, st.log)
	if err != nil {
		return err
	}
	if err := n.bootstrap(conf, st, trans); err != nil {
		return err
	}
	n.cached = cached
	n.raft, err = raft.NewRaft(conf, n.fsm, cached, st.stable, st.snapshots, trans)
	if err != nil {
		return err
	}
	if n.stream != nil {
		at := n.memberAt
		n.stream.memberAt.Store(&at)
	}
	if !n.cfg.weak.noInbox {
		in := &inbox{logs: st.log, snapshots: st.snapshots, committed: n.raft.AppliedIndex, in: trans.Transport.Consumer(), out: trans.requests, stop: n.dead}
		n.workers.Go(in.run)
	}
	n.run(notify)
	return nil
}

func (n *Node) raftConfig(notify chan<- bool) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.cfg.ID)
	c.HeartbeatTimeout, c.ElectionTimeout = n.cfg.HeartbeatTimeout, n.cfg.ElectionTimeout
	c.LeaderLeaseTimeout, c.CommitTimeout = n.cfg.LeaderLease, n.cfg.CommitTimeout
	c.MaxAppendEntries = n.cfg.maxAppendEntries()
	c.BatchApplyCh = true
	c.SnapshotThreshold = math.MaxUint64 // runSnapshots decides
	c.TrailingLogs = n.cfg.SnapshotTrailing
	c.NoSnapshotRestoreOnStart = true
	c.ShutdownOnRemove = false // the process decides about itself
	c.NoLegacyTelemetry = true
	c.NotifyCh = notify
	c.Logger = newHCLog(n.cfg.Logger)
	return c
}

// initialServers is Bootstrap in raft's words, and whether this node is in it.
func (n *Node) initialServers() (servers []raft.Server, self bool) {
	for _, m := range n.cfg.Bootstrap {
		s := raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Addr)}
		if m.Role == RoleLearner {
			s.Suffrage = raft.Nonvoter
		}
		self = self || m.ID == n.cfg.ID
		servers = append(servers, s)
	}
	return servers, self
}

func (n *Node) bootstrap(conf *raft.Config, st *stores, trans raft.Transport) error {
	existing, err := raft.HasExistingState(st.log, st.stable, st.snapshots)
	if err != nil {
		return err
	}
	n.fresh = !existing
	servers, self := n.initialServers()
	if !self || existing {
		return nil
	}
	err = raft.BootstrapCluster(conf, st.log, st.stable, st.snapshots, trans, raft.Configuration{Servers: servers})
	if err != nil {
		return fmt.Errorf("first configuration: %w", err)
	}
	return nil
}

func (n *Node) run(notify <-chan bool) {
	ctx, cancel := context.WithCancel(context.Background())
	n.endLead = cancel
	n.workers.Go(func() { n.runPump(notify) })
	n.workers.Go(n.runBatcher)
	n.workers.Go(n.runVerifier)
	n.workers.Go(n.runTeller)
	n.workers.Go(n.runSnapshots)
	if !n.cfg.weak.noStallWatch {
		n.workers.Go(func() { n.runStallWatch(stallEvery) })
	}
	go func() { defer close(n.leadDone); n.runLead(ctx) }()
	go func() { defer close(n.settled); n.runSettler() }()
}

// Fresh reports whether the node had no log, no snapshot and no term when it opened: it has never been a
// member of anything.
func (n *Node) Fresh() bool { return n.fresh }

// Barrier returns when everything that was committed before the call is applied here. Leader only.
func (n *Node) Barrier(ctx context.Context) error {
	if _, err := n.awaitReady(ctx); err != nil {
		return err
	}
	if err := n.await(ctx, n.raft.Barrier(0)); err != nil {
		return n.outcomeError(err)
	}
	return nil
}

// WaitApplied returns when this node's machine has applied the log up to index, or with the
// context's error.
func (n *Node) WaitApplied(ctx context.Context, index uint64) error {
	return n.fsm.reached.wait(ctx, index, n.dead)
}

// Snapshot takes a snapshot now. It returns nil when there is nothing new to take.
func (n *Node) Snapshot(ctx context.Context) error {
	f := submitted{make(chan error, 1)}
	go func() {
		if err := n.checkpointAhead(); err != nil {
			f.err <- err
			return
		}
		f.err <- n.raft.Snapshot().Error()
	}()
	if err := n.await(ctx, f); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// checkpointAhead makes what has changed durable while entries are still applied: raft stops applying for
// the moment in which it takes a view, and that takes a checkpoint of the little that came since.
func (n *Node) checkpointAhead() error {
	if n.cfg.weak.lateCheckpoint {
		return nil
	}
	if err := n.machine.Checkpoint(); err != nil {
		return n.failStop.fail("checkpoint before a snapshot", err)
	}
	return nil
}

func (n *Node) snapshotIndex() uint64 {
	v, _ := strconv.ParseUint(n.raft.Stats()["last_snapshot_index"], 10, 64)
	return v
}

func (n *Node) isClosing() bool {
	select {
	case <-n.stop:
		return true
	default:
		return false
	}
}

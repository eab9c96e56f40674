// Package node joins the shop's state machine with the replicated log: one node of the core cluster
// in one process.
//
// It promises an order of opening and closing in which nothing is accepted that could not be decided,
// and nothing is applied to a closed file. It holds no commerce and no consensus of its own. Read
// Config and Node first.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"meridian/api/coreclient"
	"meridian/backup"
	"meridian/core"
	"meridian/core/seal"
	"meridian/internal/nodetls"
	"meridian/replication"
)

// Config describes a node.
type Config struct {
	ID     string
	Region string
	// Data is the directory of the log, the state and the snapshots.
	Data string
	// APIAddr, RaftAddr and OpsAddr are where the node listens; an empty OpsAddr: nowhere.
	APIAddr, RaftAddr, OpsAddr string
	// RaftAdvertise is how the others reach RaftAddr, if not by that address.
	RaftAdvertise string
	// Peers are the first members of the cluster.
	Peers []replication.Member
	// APIs are where Peers answer edges, by id, and under this node's own id where it does. Without its own,
	// a node does not tell the others where it is.
	APIs map[string]string
	// Join are cores of a running cluster, with the addresses of their APIs, when this node is to become a
	// learner of it; Peers is empty then.
	Join []coreclient.Node
	// TLS is who this node is to edges and to the other nodes; nil: plain TCP, for one machine.
	TLS *nodetls.Source
	// Token is the secret that edges and nodes share.
	Token   string
	Keyring *seal.Keyring
	Staff   []core.Staff
	// Payments is the provider; Mailer may be nil.
	Payments core.Payments
	Mailer   core.Mailer
	ShopURL  string
	// RTT is a round trip added between nodes; default none.
	RTT time.Duration
	// Heartbeat is how long a leader may be silent; default 1.5 s.
	Heartbeat time.Duration
	// Election is how long an election may take before another begins; default Heartbeat.
	Election time.Duration
	// SnapshotThreshold is the number of log entries between two snapshots; default 8192.
	SnapshotThreshold int
	// RaftLog is what keeps the log; default replication.LogBolt.
	RaftLog replication.LogKind
	// Checkpoint is how often changed state is written to its file, DirtyMax the bytes of changes that
	// may wait for it; defaults 1 s and 256 MiB.
	Checkpoint time.Duration
	DirtyMax   int64
	// SnapshotTrailing is how many log entries are kept behind a snapshot; default 10240.
	SnapshotTrailing int
	// SnapshotInterval is how often the need of a snapshot is looked at; default 20 s.
	SnapshotInterval time.Duration
	// MmapSize bounds the state file; default 64 GiB.
	MmapSize int
	// ResolveAfter is how old an open payment must be before the provider is asked; default 5 s.
	ResolveAfter time.Duration
	// Backup is nil when there are none.
	Backup *BackupConfig
	// Exit ends the process when storage failed; default os.Exit.
	Exit   func(code int, reason error)
	Logger *slog.Logger
}

// Node is a running node.
type Node struct {
	Machine *core.Machine
	Service *core.Service
	Raft    *replication.Node
	Backup  *backup.Shipper // nil without backups

	server *core.Server
	ops    *http.Server
	opsLn  net.Listener
	staff  []core.Staff
	log    *slog.Logger
	cfg    Config

	stopping chan error // what this node must not serve on with
	heardAt  time.Time  // of a leader; of the goroutine that enlists
}

// raftAddress is how the others reach this node's raft listener.
func (c *Config) raftAddress() string {
	if c.RaftAdvertise != "" {
		return c.RaftAdvertise
	}
	for _, p := range c.Peers {
		if p.ID == c.ID {
			return p.Addr
		}
	}
	return c.RaftAddr
}

// Open opens the state first, then the log that changes it, then what answers.
func Open(cfg Config) (*Node, error) {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 1500 * time.Millisecond
	}
	if cfg.Election == 0 {
		cfg.Election = cfg.Heartbeat
	}
	if cfg.SnapshotInterval == 0 {
		cfg.SnapshotInterval = 20 * time.Second
	}
	if cfg.Exit == nil {
		cfg.Exit = func(code int, _ error) { os.Exit(code) }
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := Claim(cfg.Data, cfg.ID); err != nil {
		return nil, err
	}
	n := &Node{staff: cfg.Staff, log: cfg.Logger, cfg: cfg, stopping: make(chan error, 1)}
	var err error
	n.Machine, err = core.OpenMachine(core.MachineConfig{Path: filepath.Join(cfg.Data, "state.db"), CheckpointEvery: cfg.Checkpoint, DirtyMax: cfg.DirtyMax, InitialMmapSize: cfg.MmapSize, Logger: cfg.Logger, Fail: func(err error) {
		cfg.Logger.Error("stopping: the state can no longer be trusted or written", "error", err)
		cfg.Exit(1, err)
	}})
	if err != nil {
		return nil, err
	}
	if err := n.Machine.RightKeyring(cfg.Keyring); err != nil {
		return nil, errors.Join(err, n.Machine.Close())
	}
	if err := weaken(n.Machine); err != nil {
		return nil, errors.Join(err, n.Machine.Close())
	}
	lead, joined := (func(context.Context))(nil), make(chan struct{}) // lead is set before joined is closed
	rc := replication.Config{
		ID: cfg.ID, Region: cfg.Region, Dir: cfg.Data, LogKind: cfg.RaftLog, BindAddr: cfg.RaftAddr, AdvertiseAddr: cfg.RaftAdvertise, Bootstrap: cfg.Peers, Token: cfg.Token, RTT: cfg.RTT, RegionOf: n.Machine.RegionOf,
		HeartbeatTimeout: cfg.Heartbeat, ElectionTimeout: cfg.Election, LeaderLease: cfg.Heartbeat * 2 / 3,
		SnapshotThreshold: uint64(cfg.SnapshotThreshold), SnapshotTrailing: uint64(cfg.SnapshotTrailing), SnapshotInterval: cfg.SnapshotInterval, SnapshotRetain: 1, Logger: cfg.Logger, Exit: cfg.Exit,
		Lead: func(ctx context.Context) {
			select {
			case <-joined:
				lead(ctx)
			case <-ctx.Done():
			}
		},
	}
	if cfg.TLS != nil {
		rc.TLS = cfg.TLS.Server(nodetls.ProtocolRaft, nodetls.RoleCore)
		rc.TLSFor = func(id string) *tls.Config {
			return cfg.TLS.Client(nodetls.ProtocolRaft, nodetls.Identity{Role: nodetls.RoleCore, Name: id})
		}
	}
	n.Raft, err = replication.Open(rc, machine{n.Machine})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("join the cluster: %w", err), n.Close())
	}
	n.misplaced()
	var kept core.Backups
	if cfg.Backup != nil {
		if n.Backup, err = cfg.Backup.open(n, cfg.Logger); err != nil {
			return nil, errors.Join(err, n.Close())
		}
		kept = backups{n}
	}
	n.Service, err = core.NewService(core.ServiceConfig{
		ID: cfg.ID, Region: cfg.Region, Machine: n.Machine, Log: log{n.Raft}, Members: membership{n.Raft, cfg.Heartbeat, cfg.Logger}, Backups: kept, NamedPeers: cfg.TLS != nil, Keyring: cfg.Keyring,
		Payments: cfg.Payments, Mailer: cfg.Mailer, ShopURL: cfg.ShopURL, ResolveAfter: cfg.ResolveAfter, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	lead = func(ctx context.Context) {
		if !n.nameKeyring(ctx) {
			return
		}
		if err := n.Service.EnsureStaff(ctx, cfg.Staff); err != nil && ctx.Err() == nil {
			cfg.Logger.Error("create staff", "error", err)
		}
		work := []func(){func() { n.Service.Lead(ctx) }}
		if n.Backup != nil {
			work = append(work, func() { n.leadBackup(ctx) })
		}
		sideBySide(work...)
	}
	close(joined)
	return n, errors.Join(n.listen(cfg))
}

func (n *Node) listen(cfg Config) error {
	n.server = core.NewServer(n.Service, cfg.Token, cfg.Logger)
	if cfg.TLS != nil {
		n.server.Secure(cfg.TLS.Server(nodetls.ProtocolHTTP, nodetls.RoleCore, nodetls.RoleEdge), peerOf)
	}
	if err := n.server.Listen(cfg.APIAddr); err != nil {
		n.server = nil
		return errors.Join(err, n.Close())
	}
	if cfg.OpsAddr == "" {
		return nil
	}
	ln, err := net.Listen("tcp", cfg.OpsAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("--ops-addr %s: %w; give an address that is free", cfg.OpsAddr, err), n.Close())
	}
	n.opsLn = ln
	shown := collectors(n.Raft, cfg.TLS)
	if n.Backup != nil {
		shown = append(shown, backupCollectors(n.Backup)...)
	}
	n.ops = &http.Server{Handler: n.Service.Operations(n.Ready, shown...), ReadHeaderTimeout: 5 * time.Second}
	return nil
}

// Addr is where edges call.
func (n *Node) Addr() string { return n.server.Addr() }

// Serve answers until ctx ends or a listener fails. Close afterwards.
func (n *Node) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	enlisted := make(chan struct{})
	defer func() { cancel(); <-enlisted }()
	failed := make(chan error, 4)
	keyring := make(chan struct{})
	defer func() { cancel(); <-keyring }()
	go func() {
		defer close(keyring)
		if err := n.watchKeyring(ctx); err != nil {
			failed <- err
		}
	}()
	go func() {
		defer close(enlisted)
		if err := n.enlist(ctx, n.cfg); err != nil {
			failed <- err
		}
	}()
	go func() { failed <- n.server.Serve() }()
	if n.ops != nil {
		go func() { failed <- n.ops.Serve(n.opsLn) }()
	}
	n.log.Info("serving", "api", n.Addr(), "index", n.Machine.Index().String())
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case err := <-n.stopping:
		return err
	}
}

// Close closes in reverse: the listeners before the log, so that nothing new is accepted that could
// not be decided; the log before the state, so that nothing is applied to a closed file.
func (n *Node) Close() error {
	var errs []error
	if n.server != nil {
		errs = append(errs, n.server.Close())
	}
	if n.Service != nil {
		n.Service.Close()
	}
	if n.Raft != nil {
		errs = append(errs, n.Raft.Close())
	}
	errs = append(errs, n.Machine.Close())
	if n.ops != nil {
		errs = append(errs, n.ops.Close())
	}
	return errors.Join(errs...)
}

// peerOf reads a caller's certificate.
func peerOf(cs *tls.ConnectionState) (core.Peer, bool) {
	id, ok := nodetls.Peer(cs)
	return core.Peer{Role: id.Role, Name: id.Name}, ok
}

// Ready says why this node cannot serve, or nil: a leader is known, and the first staff can sign in.
func (n *Node) Ready() error {
	s := n.Raft.Status()
	switch {
	case s.Leader == "":
		return errors.New("no leader is known yet")
	case s.Leader == s.ID && !s.Ready:
		return errors.New("this node leads, but is not ready to decide yet")
	case !n.Service.KnowsStaff(n.staff):
		return errors.New("the first members of staff are not created yet")
	}
	return nil
}

package replication

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/hashicorp/raft"
)

// Role says whether a member votes.
type Role string

const (
	RoleVoter   Role = "voter"
	RoleLearner Role = "learner"
)

// Member is one node of the cluster.
type Member struct {
	ID     string
	Region string
	Addr   string // host:port of its raft listener, as the others reach it
	Role   Role   // default: voter in Bootstrap, learner in AddLearner
}

// Stores replaces the files in Dir, for tests in memory.
type Stores struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
}

// Config describes one node. Only ID and either Dir and BindAddr or Transport and Stores are required.
type Config struct {
	ID     string // --id: unique for the life of the cluster
	Region string // --region
	Dir    string // --data: holds the log (raft.db or wal/) and snapshots/
	// LogKind is --raft-log; default LogBolt.
	LogKind LogKind

	BindAddr      string       // --raft-addr: where to listen; port 0 picks one
	AdvertiseAddr string       // --raft-advertise: what the others dial; default: the listener's own address
	Listener      net.Listener // replaces BindAddr
	// Dial replaces net.DialTimeout("tcp", …).
	Dial func(addr string, timeout time.Duration) (net.Conn, error)
	TLS  *tls.Config // mutual TLS on the raft port; needs certificates, RootCAs and ClientCAs; nil: plain TCP
	// TLSFor replaces TLS where this node dials: it gives the configuration for the member with that id,
	// so that an address cannot answer for a member that it is not. It is asked for each connection.
	TLSFor func(id string) *tls.Config
	Token  string        // secret which both ends of each raft connection prove to know; empty: no proof
	RTT    time.Duration // added to each round trip with a peer, half per direction; for demos and tests; default 0

	// Bootstrap lists the initial members. It is used only when the store is empty and the list
	// holds this node; a node that joins later leaves it empty.
	Bootstrap []Member
	// RegionOf names the region of a member that neither Bootstrap nor AddLearner named here. It must not
	// block: Status asks it. Default: unknown.
	RegionOf func(id string) string

	HeartbeatTimeout time.Duration // default 1.5 s; at least ten times the largest RTT and four times the worst fsync
	ElectionTimeout  time.Duration // default 1.5 s
	LeaderLease      time.Duration // default 1 s; at most HeartbeatTimeout
	CommitTimeout    time.Duration // default 50 ms: how late a follower that was not told learns the commit index at the latest

	BatchMax   int // commands in one log entry; default 1024
	BatchBytes int // a batch is closed at this size; default 64 KiB
	CommandMax int // a larger command is refused; default 256 KiB
	InFlight   int // batches handed to raft and not yet committed; default 16
	QueueMax   int // commands waiting for a batch; beyond it ErrOverloaded; default 16384

	DiskStall time.Duration // a disk write that takes longer stops the process; default 30 s

	SnapshotInterval  time.Duration // how often the need of a snapshot is looked at, once to twice; default 60 s
	SnapshotThreshold uint64        // log entries between two snapshots at least, beside a quarter of the last one's size in bytes; default 8192
	SnapshotTrailing  uint64        // log entries kept behind a snapshot; default 10240
	SnapshotRetain    int           // snapshots kept; default 2

	Logger *slog.Logger // names the node, where several share an output; default: slog.Default
	// Lead runs while this node leads, after a barrier in its own term. Its context ends when
	// leadership is lost or the node closes; the next run waits until this one has returned.
	Lead func(ctx context.Context)
	// Exit stops the process. It is called once, at the first storage error, and should not
	// return. Default: os.Exit(code), after the reason was logged.
	Exit func(code int, reason error)

	Transport raft.Transport // replaces the network; must support pre-vote and close
	Stores    *Stores        // replaces the files; the caller closes them

	// segmentBytes lets a test see raft-wal change its files.
	segmentBytes int
	weak         weakened
}

// rpcBytes bounds the entries in one AppendEntries message: raft itself has a bound on their number only.
const rpcBytes = 8 << 20

func (c *Config) applyDefaults() {
	c.LogKind = cmp.Or(c.LogKind, LogBolt)
	c.HeartbeatTimeout = cmp.Or(c.HeartbeatTimeout, 1500*time.Millisecond)
	c.ElectionTimeout = cmp.Or(c.ElectionTimeout, 1500*time.Millisecond)
	c.LeaderLease = cmp.Or(c.LeaderLease, time.Second)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, 50*time.Millisecond)
	c.BatchMax = cmp.Or(c.BatchMax, 1024)
	c.BatchBytes = cmp.Or(c.BatchBytes, 64<<10)
	c.CommandMax = cmp.Or(c.CommandMax, 256<<10)
	c.InFlight = cmp.Or(c.InFlight, 16)
	c.QueueMax = cmp.Or(c.QueueMax, 16384)
	c.DiskStall = cmp.Or(c.DiskStall, 30*time.Second)
	c.SnapshotInterval = cmp.Or(c.SnapshotInterval, time.Minute)
	c.SnapshotThreshold = cmp.Or(c.SnapshotThreshold, 8192)
	c.SnapshotTrailing = cmp.Or(c.SnapshotTrailing, 10240)
	c.SnapshotRetain = cmp.Or(c.SnapshotRetain, 2)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Exit == nil {
		c.Exit = func(code int, _ error) { os.Exit(code) }
	}
	if c.Dial == nil {
		c.Dial = func(addr string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", addr, timeout)
		}
	}
}

// Validate says which setting is wrong, by its flag where it has one.
func (c *Config) Validate() error {
	switch {
	case c.ID == "":
		return errors.New("--id is empty: give every node its own, and never change it")
	case c.Stores == nil && c.Dir == "":
		return errors.New("--data is empty: name a directory for the log and the snapshots")
	case c.LogKind != LogBolt && c.LogKind != LogWAL:
		return fmt.Errorf("--raft-log %q: give %s or %s", c.LogKind, LogBolt, LogWAL)
	case c.Transport == nil && c.Listener == nil && c.BindAddr == "":
		return errors.New("--raft-addr is empty: name host:port for the raft listener")
	case c.LeaderLease > c.HeartbeatTimeout:
		return fmt.Errorf("leader lease %v is longer than the heartbeat time-out %v", c.LeaderLease, c.HeartbeatTimeout)
	case c.HeartbeatTimeout > c.ElectionTimeout:
		return fmt.Errorf("heartbeat time-out %v is longer than the election time-out %v", c.HeartbeatTimeout, c.ElectionTimeout)
	case c.RTT > 0 && c.HeartbeatTimeout < 3*c.RTT:
		return fmt.Errorf("heartbeat time-out %v is too short for a round trip of %v: use ten times the round trip", c.HeartbeatTimeout, c.RTT)
	case c.BatchMax < 1 || c.BatchBytes < 1 || c.CommandMax < 1 || c.InFlight < 1 || c.QueueMax < 1:
		return errors.New("batch, queue and in-flight bounds must be positive")
	case c.CommandMax > rpcBytes/2:
		return fmt.Errorf("a command of %d bytes does not fit a message of %d", c.CommandMax, rpcBytes)
	}
	seen := map[string]bool{}
	for _, m := range c.Bootstrap {
		if m.ID == "" || m.Addr == "" || seen[m.ID] {
			return fmt.Errorf("--peers: member %q needs an id of its own and an address", m.ID)
		}
		seen[m.ID] = true
	}
	return nil
}

// maxAppendEntries keeps a full message of the largest entries within rpcBytes.
func (c *Config) maxAppendEntries() int {
	return max(2, min(rpcBytes/max(c.BatchBytes, c.CommandMax), 1024))
}

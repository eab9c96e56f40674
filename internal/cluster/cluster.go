// Package cluster runs a whole shop in one process for tests: cores that replicate over loopback with
// their real storage, edges in front of them, and the sandbox payment provider behind.
//
// It promises that every part is the one that is deployed, only the processes are missing: what needs
// a kill -9 or a frozen process is tested on real processes in package test/process. It refuses to
// outlive its test, and checks every invariant of every replica when the test ends. Read Options and
// Cluster first.
package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/cmd/core/node"
	"meridian/core"
	"meridian/core/payments"
	"meridian/core/seal"
	"meridian/deploy/local/payments/sandbox"
	"meridian/edge"
	"meridian/edge/waiting"
	"meridian/internal/loopback"
	"meridian/replication"
)

// Options describe a cluster.
type Options struct {
	// RTT is the round trip between regions; default none.
	RTT time.Duration
	// DeafEdges do not follow the change feed: for the test that must then see stale pages.
	DeafEdges bool
	// SnapshotThreshold is the number of log entries between snapshots; default 8192.
	SnapshotThreshold int
}

// The regions of a cluster, with what each edge sells in.
var regions = []struct{ name, currency, country string }{{"eu", "EUR", "DE"}, {"us", "USD", "US"}, {"ap", "USD", "JP"}}

// StaffToken and OperatorToken open the staff API.
const (
	StaffToken    = "merchandiser-token-of-the-test"
	OperatorToken = "operator-token-of-the-test"
	secret        = "a cluster secret for tests"
)

// Cluster is a running shop.
type Cluster struct {
	// Provider is the payment provider's address.
	Provider string

	t     testing.TB
	opts  Options
	cores []*coreSlot
	edges []*edge.Server
	log   *slog.Logger
}

// coreSlot is a slot for a node that may be stopped and started again.
type coreSlot struct {
	cfg  node.Config
	node *node.Node
	stop context.CancelFunc
	done chan struct{}
}

// Start starts three cores and three edges, and waits until every edge serves.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, opts: o, log: slog.New(slog.DiscardHandler)}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(filepath.Join(dir, "keyring"), true)
	if err != nil {
		t.Fatal(err)
	}
	c.Provider = c.startProvider(filepath.Join(dir, "ledger"))
	peers := make([]replication.Member, len(regions))
	apis := make([]string, len(regions))
	for i, r := range regions {
		peers[i] = replication.Member{ID: "core-" + r.name, Region: r.name, Addr: freeAddr(t), Role: replication.RoleVoter}
		apis[i] = freeAddr(t)
	}
	heartbeat := 400 * time.Millisecond
	if o.RTT > 0 {
		heartbeat = 10 * o.RTT
	}
	for i, r := range regions {
		provider, err := payments.New(payments.Config{URL: c.Provider, Logger: c.log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(provider.Close)
		c.cores = append(c.cores, &coreSlot{cfg: node.Config{
			ID: "core-" + r.name, Region: r.name, Data: filepath.Join(dir, "core-"+r.name), APIAddr: apis[i], RaftAddr: peers[i].Addr, Peers: peers,
			Token: secret, Keyring: ring, Payments: provider, RTT: o.RTT, Heartbeat: heartbeat, SnapshotThreshold: o.SnapshotThreshold,
			MmapSize: 1 << 30, Logger: c.log,
			Staff: []core.Staff{{Email: "merch@example.com", Role: "merchandiser", Password: "a long password", Token: StaffToken},
				{Email: "ops@example.com", Role: "operator", Password: "a long password", Token: OperatorToken}},
			Exit: func(_ int, reason error) { t.Errorf("a core stopped: %v", reason) },
		}})
	}
	t.Cleanup(c.close)
	for i := range c.cores {
		c.StartCore(i)
	}
	for i := range regions {
		c.startEdge(i, apis)
	}
	Eventually(t, "every core and edge to be ready", func() bool {
		for _, s := range c.cores {
			if s.node.Ready() != nil {
				return false
			}
		}
		for _, e := range c.edges {
			if e.Ready() != nil {
				return false
			}
		}
		return true
	})
	return c
}

func (c *Cluster) startProvider(dir string) string {
	s, err := sandbox.New(sandbox.Config{Dir: dir, Slow: 300 * time.Millisecond, Logger: c.log})
	if err != nil {
		c.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	go s.Serve(ln)
	c.t.Cleanup(func() { s.Close() })
	return "http://" + ln.Addr().String()
}

func freeAddr(t testing.TB) string {
	t.Helper()
	all, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// StartCore starts a core that is not running.
func (c *Cluster) StartCore(i int) {
	c.t.Helper()
	s := c.cores[i]
	n, err := node.Open(s.cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.node, s.stop, s.done = n, cancel, make(chan struct{})
	go func() {
		defer close(s.done)
		if err := n.Serve(ctx); err != nil {
			c.t.Errorf("%s: %v", s.cfg.ID, err)
		}
	}()
}

// StopCore stops a core in order.
func (c *Cluster) StopCore(i int) {
	c.t.Helper()
	s := c.cores[i]
	s.stop()
	<-s.done
	if err := s.node.Close(); err != nil {
		c.t.Errorf("close %s: %v", s.cfg.ID, err)
	}
	s.node = nil
}

// Leader is the number of the core that leads.
func (c *Cluster) Leader() int {
	c.t.Helper()
	leader := -1
	Eventually(c.t, "a leader", func() bool {
		for i, s := range c.cores {
			if s.node != nil && s.node.Raft.Status().Ready {
				leader = i
			}
		}
		return leader >= 0
	})
	return leader
}

func (c *Cluster) startEdge(i int, apis []string) {
	r := regions[i]
	var nodes []coreclient.Node
	for k, other := range regions {
		nodes = append(nodes, coreclient.Node{ID: "core-" + other.name, Region: other.name, Addr: apis[k]})
	}
	far := func(from, to string) time.Duration {
		if from == to {
			return 0
		}
		return c.opts.RTT
	}
	client, err := coreclient.New(coreclient.Config{Nodes: nodes, Region: r.name, Token: secret, Edge: "edge-" + r.name, RTT: far, Logger: c.log})
	if err != nil {
		c.t.Fatal(err)
	}
	rooms := waiting.New(waiting.Config{Core: waiting.Cores{Client: client, Edge: "edge-" + r.name}, Secret: []byte(secret), Logger: c.log})
	shop := edge.NewShop(edge.ShopConfig{Core: client, Rooms: rooms, Region: r.name, TestCards: true, Log: c.log})
	server, err := edge.NewServer(edge.Config{
		ID: "edge-" + r.name, Region: r.name, Locale: api.Locale{Currency: r.currency, Country: r.country}, Addr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0",
		Routes: shop.Routes(), ErrorPage: shop.ErrorPage, Secret: []byte(secret), Feed: edge.CoreFeed{Client: client, Edge: "edge-" + r.name, Region: r.name},
		DisableFollower: c.opts.DeafEdges, TTL: time.Hour, Logger: c.log,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		c.t.Fatal(err)
	}
	go server.Serve()
	looking, stop := context.WithCancel(context.Background())
	var looks sync.WaitGroup
	looks.Go(func() { rooms.Run(looking) })
	c.t.Cleanup(func() { server.Close(); stop(); looks.Wait(); client.Close() })
	c.edges = append(c.edges, server)
}

// Edges are the addresses of the edges.
func (c *Cluster) Edges() []string {
	var out []string
	for _, e := range c.edges {
		out = append(out, "http://"+e.Addr())
	}
	return out
}

// Agree waits until every running replica has applied the same log, and verifies that their states
// are the same and that each holds every invariant.
func (c *Cluster) Agree() {
	c.t.Helper()
	var hashes []string
	Eventually(c.t, "the replicas to hold the same state", func() bool {
		hashes = hashes[:0]
		same := map[string]bool{}
		for _, s := range c.cores {
			if s.node == nil {
				continue
			}
			h := fmt.Sprintf("%s %v %016x", s.cfg.ID, s.node.Machine.Index(), s.node.Machine.Hash())
			hashes = append(hashes, h)
			same[h[len(s.cfg.ID):]] = true
		}
		return len(same) == 1
	})
	for _, s := range c.cores {
		if s.node == nil {
			continue
		}
		r, err := s.node.Machine.Check()
		if err != nil || len(r.Problems) > 0 {
			c.t.Errorf("%s: %v\n%s", s.cfg.ID, err, strings.Join(r.Problems, "\n"))
		}
	}
}

func (c *Cluster) close() {
	for i, s := range c.cores {
		if s.node != nil {
			c.StopCore(i)
		}
	}
}

// Eventually polls until ok, for at most 20 seconds.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s in vain for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

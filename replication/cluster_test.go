package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// line is a TCP listener and dialer that can be cut off from some addresses.
type line struct {
	net.Listener
	mu      sync.Mutex
	dialed  map[net.Conn]string
	blocked map[string]bool
}

func newLine(t *testing.T) *line {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lineOn(ln)
}

func lineOn(ln net.Listener) *line {
	return &line{Listener: ln, dialed: map[net.Conn]string{}, blocked: map[string]bool{}}
}

func (l *line) dial(addr string, timeout time.Duration) (net.Conn, error) {
	l.mu.Lock()
	blocked := l.blocked[addr]
	l.mu.Unlock()
	if blocked {
		return nil, errors.New("line is cut")
	}
	c, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.blocked[addr] {
		c.Close()
		return nil, errors.New("line is cut")
	}
	l.dialed[c] = addr
	return c, nil
}

func (l *line) block(addr string, blocked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocked[addr] = blocked
	for c, a := range l.dialed {
		if blocked && a == addr {
			c.Close()
			delete(l.dialed, c)
		}
	}
}

// split cuts every line between the two sides, or heals it.
func split(left, right []*testNode, cut bool) {
	for _, a := range left {
		for _, b := range right {
			a.line.block(b.cfg.AdvertiseAddr, cut)
			b.line.block(a.cfg.AdvertiseAddr, cut)
		}
	}
}

// cluster is nodes of this package over loopback, with real files.
type cluster struct {
	t     *testing.T
	nodes []*testNode
}

type testNode struct {
	*Node
	cfg     Config
	line    *line
	machine *journal
	exits   atomic.Int64
	closed  atomic.Bool
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func fastConfig(id, dir string) Config {
	return Config{
		ID: id, Region: "region-" + id, Dir: dir, Logger: quiet(),
		HeartbeatTimeout: 300 * time.Millisecond, ElectionTimeout: 300 * time.Millisecond, LeaderLease: 250 * time.Millisecond,
		SnapshotInterval: time.Hour,
	}
}

func newCluster(t *testing.T, size int, change func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t}
	var members []Member
	for i := range size {
		id := fmt.Sprintf("n%d", i)
		l := newLine(t)
		cfg := fastConfig(id, t.TempDir())
		cfg.Listener, cfg.Dial, cfg.AdvertiseAddr = l, l.dial, l.Addr().String()
		if change != nil {
			change(&cfg)
		}
		members = append(members, Member{ID: id, Region: cfg.Region, Addr: cfg.AdvertiseAddr})
		c.nodes = append(c.nodes, &testNode{cfg: cfg, line: l, machine: &journal{}})
	}
	for _, n := range c.nodes {
		n.cfg.Bootstrap = members
		c.open(n)
	}
	t.Cleanup(c.closeAll)
	return c
}

func (c *cluster) closeAll() {
	for _, n := range c.nodes {
		if n.Node == nil {
			continue
		}
		if !n.closed.Load() {
			n.kill()
		}
		if n.failStop.failure() == nil && n.exits.Load() > 0 {
			c.t.Errorf("%s: exit without a failure", n.cfg.ID)
		}
	}
}

func (c *cluster) open(n *testNode) {
	c.t.Helper()
	n.cfg.Exit = func(int, error) { n.exits.Add(1) }
	node, err := Open(n.cfg, n.machine)
	if err != nil {
		c.t.Fatal(err)
	}
	n.Node = node
	n.closed.Store(false)
}

// crash ends a node without ceremony; its machine keeps what was durable.
func (n *testNode) crash() {
	n.kill()
	n.closed.Store(true)
	n.machine = n.machine.crash()
}

// reopen starts a crashed node again on its old address.
func (c *cluster) reopen(n *testNode) {
	c.t.Helper()
	eventually(c.t, "the address is free", func() bool {
		ln, err := net.Listen("tcp", n.cfg.AdvertiseAddr)
		if err != nil {
			return false
		}
		n.line = lineOn(ln)
		return true
	})
	n.cfg.Listener, n.cfg.Dial = n.line, n.line.dial
	c.open(n)
}

// add opens a node that is not in the first configuration.
func (c *cluster) add(id string, change func(*Config)) *testNode {
	c.t.Helper()
	l := newLine(c.t)
	cfg := fastConfig(id, c.t.TempDir())
	if change != nil {
		change(&cfg)
	}
	cfg.Listener, cfg.Dial, cfg.AdvertiseAddr = l, l.dial, l.Addr().String()
	n := &testNode{cfg: cfg, line: l, machine: &journal{}}
	c.nodes = append(c.nodes, n)
	c.open(n)
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 15 s: %s", what)
}

// leader waits for a ready leader other than those excluded.
func (c *cluster) leader(except ...*testNode) *testNode {
	c.t.Helper()
	var found *testNode
	eventually(c.t, "a leader", func() bool {
		for _, n := range c.nodes {
			if n.closed.Load() || slices.Contains(except, n) {
				continue
			}
			if s := n.Status(); s.State == "leader" && s.Ready {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) followers(leader *testNode) []*testNode {
	var out []*testNode
	for _, n := range c.nodes {
		if n != leader && !n.closed.Load() {
			out = append(out, n)
		}
	}
	return out
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func mustPropose(t *testing.T, n *testNode, cmd string) Result {
	t.Helper()
	r, err := n.Propose(ctxFor(t, 10*time.Second), []byte(cmd))
	if err != nil {
		t.Fatalf("propose %q: %v", cmd, err)
	}
	return r
}

// settled waits until all open nodes applied the same sequence, and returns it.
func (c *cluster) settled() []string {
	c.t.Helper()
	var want uint64
	eventually(c.t, "a leader that can commit", func() bool {
		r, err := c.leader().Propose(ctxFor(c.t, 2*time.Second), []byte("settle"))
		want = r.Index
		return err == nil
	})
	var sequence []string
	for _, n := range c.nodes {
		if n.closed.Load() {
			continue
		}
		if err := n.WaitApplied(ctxFor(c.t, 15*time.Second), want); err != nil {
			c.t.Fatalf("%s: wait for %d: %v", n.cfg.ID, want, err)
		}
		got := n.machine.commands()
		if sequence == nil {
			sequence = got
		}
		if !slices.Equal(sequence, got) {
			c.t.Fatalf("%s applied another sequence, up to %d:\nhave %.300q\nelse %.300q", n.cfg.ID, want, got, sequence)
		}
	}
	return sequence
}

// slowToYield gives the first node a lease so long that it goes on believing that it leads.
func slowToYield(cfg *Config) {
	if cfg.ID == "n0" {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLease = 5*time.Second, 5*time.Second, 5*time.Second
	}
}

// leadWith makes a certain node the leader.
func (c *cluster) leadWith(n *testNode) {
	c.t.Helper()
	eventually(c.t, n.cfg.ID+" leads", func() bool {
		if n.Status().Ready {
			return true
		}
		if l := c.leader(); l != n {
			_ = l.TransferLeader(ctxFor(c.t, time.Second), n.cfg.ID)
		}
		return n.Status().Ready
	})
}

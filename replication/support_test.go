package replication

import (
	"context"
	"encoding/gob"
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

	"github.com/hashicorp/raft"
)

// journal is a Machine that remembers every command in order. disk is what a crash leaves.
type journal struct {
	mu      sync.Mutex
	now     journalState
	disk    journalState
	sealed  int
	applies int
	hold    chan struct{} // if set, Apply waits for it
	checkpt error         // if set, Checkpoint fails with it
	lies    bool          // if set, Checkpoint says that it is done and does nothing
}

type journalState struct {
	Index, Term uint64
	Commands    []string
}

func (s journalState) clone() journalState {
	s.Commands = slices.Clone(s.Commands)
	return s
}

func (j *journal) Apply(entries []Entry, reached uint64) [][]any {
	j.mu.Lock()
	hold := j.hold
	j.mu.Unlock()
	if hold != nil {
		<-hold
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([][]any, len(entries))
	for i, e := range entries {
		j.applies++
		out[i] = make([]any, len(e.Commands))
		for k, c := range e.Commands {
			j.now.Commands = append(j.now.Commands, string(c))
			out[i][k] = len(j.now.Commands)
		}
		j.now.Term = e.Term
	}
	j.now.Index = reached
	return out
}

func (j *journal) Seal() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sealed++
	return []byte{byte(j.sealed)}
}

func (j *journal) Applied() (uint64, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now.Index, j.now.Term
}

func (j *journal) Durable() (uint64, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.disk.Index, j.disk.Term
}

func (j *journal) Checkpoint() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.checkpt != nil {
		return j.checkpt
	}
	if !j.lies {
		j.disk = j.now.clone()
	}
	return nil
}

func (j *journal) Snapshot() (Snapshot, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &journalView{j.now.clone()}, nil
}

func (j *journal) Restore(r io.Reader) error {
	var s journalState
	if err := gob.NewDecoder(r).Decode(&s); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now, j.disk = s.clone(), s.clone()
	return nil
}

// crash forgets what was not durable.
func (j *journal) crash() *journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &journal{now: j.disk.clone(), disk: j.disk.clone()}
}

func (j *journal) commands() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.now.Commands)
}

type journalView struct{ s journalState }

func (v *journalView) Index() uint64 { return v.s.Index }
func (v *journalView) Release()      {}
func (v *journalView) WriteTo(w io.Writer) (int64, error) {
	return 0, gob.NewEncoder(w).Encode(v.s)
}

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
		if !n.closed.Load() {
			n.kill()
		}
		if n.Node != nil && n.failStop.failure() == nil && n.exits.Load() > 0 {
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

// gatedLog is a log store whose writes can be held or made to fail.
type gatedLog struct {
	raft.LogStore
	mu      sync.Mutex
	hold    chan struct{}
	held    atomic.Int64
	fail    error
	written atomic.Int64
}

func (g *gatedLog) StoreLogs(ls []*raft.Log) error {
	g.mu.Lock()
	hold, fail := g.hold, g.fail
	g.mu.Unlock()
	if fail != nil {
		return fail
	}
	if hold != nil {
		g.held.Add(1)
		<-hold
	}
	g.written.Add(1)
	return g.LogStore.StoreLogs(ls)
}

func (g *gatedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

func (g *gatedLog) set(hold chan struct{}, fail error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold, g.fail = hold, fail
}

// loneNode is a one-member cluster in memory. exits counts calls of Exit.
func loneNode(t *testing.T, mem *Memory, m *journal, change func(*Config)) (*Node, *atomic.Int64) {
	t.Helper()
	exits := new(atomic.Int64)
	cfg := fastConfig("a", "")
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLease = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	cfg.Bootstrap = []Member{mem.Member("a", "eu", RoleVoter)}
	cfg = mem.Configure(cfg)
	cfg.Exit = func(int, error) { exits.Add(1) }
	if change != nil {
		change(&cfg)
	}
	n, err := Open(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	eventually(t, "the node leads", func() bool { return n.Status().Ready })
	return n, exits
}

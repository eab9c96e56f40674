package replication

import (
	"encoding/gob"
	"io"
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

package replication

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// lostTail opens a follower whose last entry comes from a leader that never committed it.
func lostTail(t *testing.T) (*journal, *raft.InmemTransport) {
	t.Helper()
	mem, m := NewMemory(), &journal{}
	cfg := fastConfig("f", "")
	cfg.HeartbeatTimeout, cfg.ElectionTimeout = 20*time.Second, 20*time.Second
	cfg = mem.Configure(cfg)
	members := raft.Configuration{Servers: []raft.Server{{ID: "f", Address: "f"}, {ID: "l", Address: "l"}, {ID: "z", Address: "z"}}}
	if err := cfg.Stores.Log.StoreLogs([]*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members)},
		{Index: 2, Term: 2, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("shared")})},
		{Index: 3, Term: 2, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("lost")})},
	}); err != nil {
		t.Fatal(err)
	}
	n, err := Open(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	return m, peerOf(cfg.Transport.(*raft.InmemTransport))
}

// empty is what a leader of term 3 sends after a failed attempt: entry 3 is another one and committed there,
// but the request stops at entry 2.
func empty() *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{RPCHeader: leaderHeader(), Term: 3, PrevLogEntry: 2, PrevLogTerm: 2, LeaderCommitIndex: 3}
}

// TestLostEntriesAreNotApplied sends it as this package does, alone and pipelined.
func TestLostEntriesAreNotApplied(t *testing.T) {
	send := map[string]func(*guarded, *raft.AppendEntriesResponse) error{
		"alone": func(g *guarded, r *raft.AppendEntriesResponse) error {
			return g.AppendEntries("f", "f", empty(), r)
		},
		"pipelined": func(g *guarded, r *raft.AppendEntriesResponse) error {
			p, err := g.AppendEntriesPipeline("f", "f")
			if err != nil {
				return err
			}
			defer p.Close()
			f, err := p.AppendEntries(empty(), r)
			if err != nil {
				return err
			}
			return f.Error()
		},
	}
	for name, via := range send {
		t.Run(name, func(t *testing.T) {
			m, leader := lostTail(t)
			g, err := guardTransport(leader)
			if err != nil {
				t.Fatal(err)
			}
			var resp raft.AppendEntriesResponse
			if err := via(g, &resp); err != nil || !resp.Success {
				t.Fatal(err, resp)
			}
			// The true entry 3 follows; with it the follower commits.
			next := empty()
			next.Entries = []*raft.Log{{Index: 3, Term: 3, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("true")})}}
			if err := g.AppendEntries("f", "f", next, &resp); err != nil || !resp.Success {
				t.Fatal(err, resp)
			}
			eventually(t, "entry 3 is applied", func() bool { index, _ := m.Applied(); return index == 3 })
			if got := m.commands(); !slices.Equal(got, []string{"shared", "true"}) {
				t.Fatalf("applied %q", got)
			}
		})
	}
}

// TestUnclampedRequestAppliesLostEntries shows the fault. Should it fail after an update of raft, the
// clamp may be superfluous.
func TestUnclampedRequestAppliesLostEntries(t *testing.T) {
	m, leader := lostTail(t)
	var resp raft.AppendEntriesResponse
	if err := leader.AppendEntries("f", "f", empty(), &resp); err != nil || !resp.Success {
		t.Fatal(err, resp)
	}
	eventually(t, "the lost entry is applied", func() bool { return slices.Contains(m.commands(), "lost") })
}

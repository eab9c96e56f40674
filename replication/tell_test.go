package replication

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestFollowersAreTold: followers learn at once what was committed, though raft itself would tell them much later.
func TestFollowersAreTold(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.CommitTimeout = time.Minute })
	leader := c.leader()
	for _, cmd := range []string{"one", "two"} {
		at := mustPropose(t, leader, cmd).Index
		for _, f := range c.followers(leader) {
			if err := f.WaitApplied(ctxFor(t, 10*time.Second), at); err != nil {
				t.Fatalf("%q did not reach a follower: %v", cmd, err)
			}
		}
	}
}

// TestDeposedLeaderTellsNothing: what a deposed leader learns to be committed is another leader's, and a
// follower that still believes in the old one would apply the old one's entry.
func TestDeposedLeaderTellsNothing(t *testing.T) {
	m, leader := lostTail(t)
	g, err := guardTransport(leader)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.AppendEntriesPipeline("f", "f")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	q := empty()
	q.LeaderCommitIndex = 2
	q.Entries = []*raft.Log{{Index: 3, Term: 3, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("not committed")})}}
	var resp raft.AppendEntriesResponse
	f, err := p.AppendEntries(q, &resp)
	if err == nil {
		err = f.Error()
	}
	if err != nil || !resp.Success {
		t.Fatal(err, resp)
	}
	g.teller.tell(3, 4)
	if got := p.(*toldPipeline).last.LeaderCommitIndex; got != 2 {
		t.Fatalf("a leader of term 3 that is in term 4 by now announced %d as committed", got)
	}
	for g.teller.tell(3, 3) {
		<-time.After(tellAfter)
	}
	eventually(t, "what a leader in its own term tells is applied", func() bool { index, _ := m.Applied(); return index == 3 })
}

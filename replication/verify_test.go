package replication

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestDeposedLeaderReadsStale cuts the leader off. It goes on believing that it leads; its memory lacks
// what the others commit, and only VerifyRead keeps that from a reader.
func TestDeposedLeaderReadsStale(t *testing.T) {
	c := newCluster(t, 3, slowToYield)
	old := c.nodes[0]
	c.leadWith(old)
	mustPropose(t, old, "before")
	if err := old.VerifyRead(ctxFor(t, 5*time.Second)); err != nil {
		t.Fatalf("a healthy leader: %v", err)
	}
	split([]*testNode{old}, c.nodes[1:], true)
	next := c.leader(old)
	mustPropose(t, next, "after")

	if s := old.Status(); s.State != "leader" || !s.Ready {
		t.Fatalf("the old leader noticed already: %+v", s)
	}
	if slices.Contains(old.machine.commands(), "after") {
		t.Fatal("the old leader has the write: nothing is stale here")
	}
	if err := old.VerifyRead(ctxFor(t, 500*time.Millisecond)); err == nil {
		t.Fatal("a deposed leader confirmed a stale read")
	}
	var seen []string
	err := next.ReadExact(ctxFor(t, 5*time.Second), func() error { seen = next.machine.commands(); return nil })
	if err != nil || !slices.Contains(seen, "after") {
		t.Fatalf("the new leader: %v %v", seen, err)
	}
	split([]*testNode{old}, c.nodes[1:], false)
	c.settled()
}

// TestLearnersDoNotConfirmReads leaves two learners with a deposed leader. raft's VerifyLeader counts
// their answers and confirms; VerifyRead does not.
func TestLearnersDoNotConfirmReads(t *testing.T) {
	c := newCluster(t, 3, slowToYield)
	old := c.nodes[0]
	c.leadWith(old)
	patient := func(cfg *Config) {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLease = 5*time.Second, 5*time.Second, 5*time.Second
	}
	learners := []*testNode{c.add("l1", patient), c.add("l2", patient)}
	for _, l := range learners {
		if err := old.AddLearner(ctxFor(t, 5*time.Second), Member{ID: l.cfg.ID, Region: "far", Addr: l.cfg.AdvertiseAddr}); err != nil {
			t.Fatal(err)
		}
	}
	index := mustPropose(t, old, "before").Index
	for _, l := range learners {
		if err := l.WaitApplied(ctxFor(t, 5*time.Second), index); err != nil {
			t.Fatal(err)
		}
	}
	left, right := append([]*testNode{old}, learners...), c.nodes[1:3]
	split(left, right, true)
	mustPropose(t, c.leader(left...), "after")
	if old.Status().State != "leader" {
		t.Fatal("the old leader noticed already")
	}
	if err := old.raft.VerifyLeader().Error(); err != nil {
		t.Errorf("raft's own check refused (%v): does it count voters only by now?", err)
	}
	if err := old.VerifyRead(ctxFor(t, 500*time.Millisecond)); err == nil {
		t.Error("learners confirmed the read of a deposed leader")
	}
	split(left, right, false)
}

// TestQuorumCountsOnlyFreshVotes holds the count against acknowledgements that prove nothing.
func TestQuorumCountsOnlyFreshVotes(t *testing.T) {
	began := time.Now()
	servers := []raft.Server{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "l", Suffrage: raft.Nonvoter}}
	for name, test := range map[string]struct {
		peer string
		k    contact
		want bool
	}{
		"fresh voter":          {"b", contact{term: 7, sent: began}, true},
		"sent before the read": {"b", contact{term: 7, sent: began.Add(-time.Nanosecond)}, false},
		"of another term":      {"b", contact{term: 6, sent: began.Add(time.Second)}, false},
		"learner":              {"l", contact{term: 7, sent: began}, false},
		"stranger":             {"x", contact{term: 7, sent: began}, false},
	} {
		c := newContacts()
		c.record(test.peer, test.k)
		if got, _ := c.quorum("a", servers, 7, began); got != test.want {
			t.Errorf("%s: quorum %v", name, got)
		}
	}
	c := newContacts()
	if got, _ := c.quorum("l", servers[:2], 7, began); got {
		t.Error("a learner confirmed itself")
	}
	if got, _ := c.quorum("a", servers[:1], 7, began); !got {
		t.Error("a lone voter did not confirm itself")
	}
}

// TestReadAcrossGenerations: a value that was taken before this node lost and regained leadership is
// not confirmed by the new leadership.
func TestReadAcrossGenerations(t *testing.T) {
	c := newCluster(t, 3, nil)
	n := c.leader()
	err := n.ReadExact(ctxFor(t, 20*time.Second), func() error {
		if err := n.TransferLeader(ctxFor(t, 5*time.Second), ""); err != nil {
			return err
		}
		c.leader(n)
		c.leadWith(n)
		return nil
	})
	var nl *ErrNotLeader
	if !errors.As(err, &nl) {
		t.Fatalf("confirmed, or another error: %v", err)
	}
}

// TestReadsShareRounds: reads that wait together cost one round.
func TestReadsShareRounds(t *testing.T) {
	c := newCluster(t, 3, nil)
	n := c.leader()
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 64 {
		wg.Go(func() {
			for range 20 {
				if err := n.VerifyRead(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s := n.Stats()
	if s.VerifiedReads != 64*20 || s.VerifyRounds*4 > s.VerifiedReads {
		t.Errorf("%d reads took %d rounds", s.VerifiedReads, s.VerifyRounds)
	}
}

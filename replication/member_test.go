package replication

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func (n *testNode) member() Member {
	return Member{ID: n.cfg.ID, Region: n.cfg.Region, Addr: n.cfg.AdvertiseAddr}
}

func roles(s Status) string {
	var out []string
	for _, m := range s.Members {
		out = append(out, m.ID+"="+string(m.Role))
	}
	return strings.Join(out, " ")
}

// TestMembership takes a node through its life: a learner that starts from a snapshot, a voter, a
// learner again, gone.
func TestMembership(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.SnapshotTrailing = 1 })
	leader := c.leader()
	for i := range 50 {
		mustPropose(t, leader, fmt.Sprint(i))
	}
	if err := leader.Snapshot(ctxFor(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	n := c.add("late", nil)
	ctx := ctxFor(t, 30*time.Second)
	if err := leader.Promote(ctx, "late"); !errors.Is(err, ErrNotReady) {
		t.Fatalf("promoted a stranger: %v", err)
	}
	if err := leader.AddLearner(ctx, n.member()); err != nil {
		t.Fatal(err)
	}
	c.settled()
	if n.Stats().Restores != 1 {
		t.Errorf("the new node restored %d snapshots", n.Stats().Restores)
	}
	if got := roles(leader.Status()); got != "n0=voter n1=voter n2=voter late=learner" {
		t.Fatal(got)
	}
	if err := leader.Promote(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if err := leader.AddLearner(ctx, n.member()); !errors.Is(err, ErrNotReady) {
		t.Fatalf("a voter was added as a learner: %v", err)
	}
	eventually(t, "the leader hears the new voter", func() bool {
		m := leader.Status().Members[3]
		return m.Role == RoleVoter && m.LastContact >= 0 && m.LastIndex == leader.Status().LastIndex && m.Region == "region-late"
	})
	if err := leader.TransferLeader(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new node leads", func() bool { return n.Status().Ready })
	c.settled()
	c.leadWith(leader)
	if err := leader.Demote(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if got := roles(leader.Status()); got != "n0=voter n1=voter n2=voter late=learner" {
		t.Fatal(got)
	}
	c.settled()
	if err := leader.Promote(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if err := leader.Remove(ctx, "late"); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "demote it first") {
		t.Fatalf("a voter was removed: %v", err)
	}
	if err := leader.Demote(ctx, leader.cfg.ID); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "hand over") {
		t.Fatalf("the leader was demoted: %v", err)
	}
	if err := leader.Demote(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if err := leader.Remove(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n.closed.Store(true)
	c.settled()
}

// TestChangesKeepTheQuorum: with one of three voters dead, the dead one may lose its vote and a living one
// may not, nor may a change come between. With two dead nothing can be changed.
func TestChangesKeepTheQuorum(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	mustPropose(t, leader, "x")
	followers := c.followers(leader)
	dead, living := followers[0], followers[1]
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	dead.closed.Store(true)
	eventually(t, "the leader to miss the dead voter and hear the living one", func() bool { return !leader.alive(dead.cfg.ID) && leader.alive(living.cfg.ID) })
	for _, m := range leader.Status().Members {
		if m.Alive != (m.ID != dead.cfg.ID) {
			t.Errorf("%s: alive %v", m.ID, m.Alive)
		}
	}
	ctx := ctxFor(t, 20*time.Second)
	err := leader.Demote(ctx, living.cfg.ID)
	if !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), dead.cfg.ID) {
		t.Fatalf("a voter was taken that is needed: %v", err)
	}
	if err := leader.TransferLeader(ctx, dead.cfg.ID); !errors.Is(err, ErrNotReady) {
		t.Fatalf("a dead voter was told to lead: %v", err)
	}
	leader.changing <- struct{}{}
	if err := leader.Demote(ctx, dead.cfg.ID); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "one at a time") {
		t.Fatalf("two changes at once: %v", err)
	}
	<-leader.changing
	if err := leader.Demote(ctx, dead.cfg.ID); err != nil {
		t.Fatal(err)
	}
	mustPropose(t, leader, "y") // two voters, both alive
	if err := leader.Demote(ctx, living.cfg.ID); err != nil {
		t.Fatal(err)
	}
	mustPropose(t, leader, "z") // one voter
	if err := leader.Remove(ctx, dead.cfg.ID); err != nil {
		t.Fatal(err)
	}
	if dead.Fresh() != true {
		t.Error("a node that began with an empty directory is not fresh")
	}
	dead.machine = dead.machine.crash()
	c.reopen(dead)
	if dead.Fresh() {
		t.Error("a node that comes back with its data is fresh")
	}
}

func TestLastVoterStays(t *testing.T) {
	n, _ := loneNode(t, NewMemory(), &journal{}, nil)
	if err := n.Remove(t.Context(), "a"); !errors.Is(err, ErrNotReady) {
		t.Fatal(err)
	}
	if err := n.Demote(t.Context(), "a"); !errors.Is(err, ErrNotReady) {
		t.Fatal(err)
	}
}

// TestSilentLearnerIsNotPromoted: a voter that does not answer would cost the cluster its margin.
func TestSilentLearnerIsNotPromoted(t *testing.T) {
	c := newCluster(t, 1, nil)
	leader := c.leader()
	gone := newLine(t)
	gone.Close()
	if err := leader.AddLearner(t.Context(), Member{ID: "x", Addr: gone.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if err := leader.Promote(t.Context(), "x"); !errors.Is(err, ErrNotReady) {
		t.Fatal(err)
	}
}

// TestLead: it runs on the leader only, after a barrier, never twice at once on a node, and its context
// ends with the leadership.
func TestLead(t *testing.T) {
	var running [3]atomic.Int64
	var runs [3]atomic.Int64
	var overlap atomic.Int64
	index := map[string]int{"n0": 0, "n1": 1, "n2": 2}
	c := newCluster(t, 3, func(cfg *Config) {
		i := index[cfg.ID]
		cfg.Lead = func(ctx context.Context) {
			if running[i].Add(1) > 1 {
				overlap.Add(1)
			}
			runs[i].Add(1)
			<-ctx.Done()
			running[i].Add(-1)
		}
	})
	for i := range 3 {
		n := c.nodes[i]
		c.leadWith(n)
		eventually(t, "Lead runs on the leader alone", func() bool {
			total := int64(0)
			for k := range running {
				total += running[k].Load()
			}
			return total == 1 && running[i].Load() == 1
		})
	}
	if overlap.Load() > 0 {
		t.Error("Lead ran twice at once")
	}
	for i := range runs {
		if runs[i].Load() == 0 {
			t.Errorf("Lead never ran on n%d", i)
		}
	}
}

// TestCloseHandsOver: a leader that closes leaves a leader behind at once, and no goroutine.
func TestCloseHandsOver(t *testing.T) {
	before := ours()
	c := newCluster(t, 3, nil)
	leader := c.leader()
	mustPropose(t, leader, "x")
	term := leader.Status().Term
	if err := leader.Close(); err != nil {
		t.Fatal(err)
	}
	leader.closed.Store(true)
	if _, err := leader.Propose(t.Context(), []byte("y")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := leader.VerifyRead(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := leader.WaitApplied(t.Context(), 1<<40); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	next := c.leader(leader)
	if s := next.Status(); s.Term != term+1 {
		t.Errorf("term %d after %d: an election, not a transfer", s.Term, term)
	}
	for _, n := range c.followers(leader) {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		n.closed.Store(true)
	}
	eventually(t, "no goroutine is left", func() bool { return ours() <= before })
}

// ours counts goroutines of this package and of raft, tests aside.
func ours() int {
	buf := make([]byte, 4<<20)
	count := 0
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "testing.tRunner") {
			continue
		}
		if strings.Contains(g, "replication.") || strings.Contains(g, "hashicorp/raft") {
			count++
		}
	}
	return count
}

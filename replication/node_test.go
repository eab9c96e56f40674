package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestMemoryNode(t *testing.T) {
	mem := NewMemory()
	cfg := fastConfig("a", "")
	cfg.Bootstrap = []Member{mem.Member("a", "eu", RoleVoter)}
	led := make(chan struct{})
	cfg.Lead = func(ctx context.Context) { close(led); <-ctx.Done() }
	n, err := Open(mem.Configure(cfg), &journal{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	<-led
	r, err := n.Propose(t.Context(), []byte("x"))
	if err != nil || r.Value != 1 {
		t.Fatal(r, err)
	}
	if err := n.VerifyRead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitApplied(t.Context(), r.Index); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Propose(t.Context(), []byte("y")); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// TestLeaderKilled proposes from many goroutines while the leader dies: every acknowledged command is
// there once, and all nodes applied the same sequence.
func TestLeaderKilled(t *testing.T) {
	onEachLog(t, leaderKilled)
}

func leaderKilled(t *testing.T, change func(*Config)) {
	c := newCluster(t, 3, change)
	victim := c.leader()
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	target := func() *testNode {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range c.nodes {
			if !n.closed.Load() && n.Status().Ready {
				return n
			}
		}
		return nil
	}
	for w := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				n := target()
				if n == nil {
					time.Sleep(time.Millisecond)
					continue
				}
				cmd := fmt.Sprintf("w%d-%d", w, i)
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				_, err := n.Propose(ctx, []byte(cmd))
				cancel()
				if err == nil {
					mu.Lock()
					acked[cmd] = true
					mu.Unlock()
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	eventually(t, "a thousand commands", func() bool { return count() > 1000 })
	mu.Lock()
	victim.closed.Store(true)
	mu.Unlock()
	victim.crash()
	c.leader(victim)
	before := count()
	eventually(t, "a thousand more with the new leader", func() bool { return count() > before+1000 })
	close(stop)
	wg.Wait()
	c.reopen(victim)
	seen := map[string]int{}
	for _, cmd := range c.settled() {
		seen[cmd]++
	}
	for cmd := range acked {
		if seen[cmd] != 1 {
			t.Errorf("acknowledged %s was applied %d times", cmd, seen[cmd])
		}
	}
	if victim.Stats().Skipped > 0 && len(victim.machine.commands()) == 0 {
		t.Error("skipped entries that the machine does not have")
	}
}

func TestFollowerRefuses(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	f := c.followers(leader)[0]
	var nl *ErrNotLeader
	eventually(t, "the follower knows the leader", func() bool {
		_, err := f.Propose(t.Context(), []byte("x"))
		return errors.As(err, &nl) && nl.LeaderID == leader.cfg.ID
	})
	if err := f.VerifyRead(t.Context()); !errors.As(err, &nl) {
		t.Fatal(err)
	}
	if slices.Contains(c.settled(), "x") {
		t.Fatal("a refused command was applied")
	}
}

// TestMemoryCluster runs three nodes in memory, cuts off the leader, and closes and opens another.
func TestMemoryCluster(t *testing.T) {
	mem := NewMemory()
	c := &cluster{t: t}
	var members []Member
	for i := range 3 {
		members = append(members, mem.Member(fmt.Sprintf("n%d", i), "eu", RoleVoter))
	}
	for _, m := range members {
		cfg := fastConfig(m.ID, "")
		cfg.Bootstrap = members
		n := &testNode{cfg: mem.Configure(cfg), machine: &journal{}}
		c.nodes = append(c.nodes, n)
		c.open(n)
	}
	t.Cleanup(c.closeAll)
	old := c.leader()
	mustPropose(t, old, "one")
	mem.Disconnect(old.cfg.ID)
	next := c.leader(old)
	mustPropose(t, next, "two")
	mem.Reconnect(old.cfg.ID)
	c.settled()
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	old.closed.Store(true)
	mustPropose(t, c.leader(), "three")
	old.cfg = mem.Configure(old.cfg)
	old.machine = old.machine.crash()
	c.open(old)
	if got := c.settled(); !slices.Contains(got, "two") || !slices.Contains(got, "three") {
		t.Fatal(got)
	}
}

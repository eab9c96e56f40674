package replication

import (
	"slices"
	"strings"
	"testing"
)

// TestSeed begins a cluster with the state of a backup: one member has it, the others get it.
func TestSeed(t *testing.T) {
	onEachLog(t, seededCluster)
}

func seededCluster(t *testing.T, change func(*Config)) {
	backup := journalState{Index: 500, Term: 7, Commands: []string{"old", "older"}}
	c := newSeeded(t, backup, change)
	got := c.settled()
	if !slices.Equal(got[:2], backup.Commands) || len(got) < 3 {
		t.Fatalf("%q", got)
	}
	if s := c.leader().Status(); s.Term <= 7 || s.AppliedIndex <= 500 || roles(s) != "n0=voter n1=voter n2=voter" {
		t.Errorf("%+v", s)
	}
	seeded := c.nodes[0]
	seeded.crash()
	err := Seed(seeded.cfg, &journal{now: backup.clone(), disk: backup.clone()})
	if err == nil || !strings.Contains(err.Error(), "raft log already") {
		t.Fatalf("seeded over a log: %v", err)
	}
	c.reopen(seeded)
	c.settled()
}

func newSeeded(t *testing.T, backup journalState, change func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t}
	t.Cleanup(c.closeAll)
	var members []Member
	for _, id := range []string{"n0", "n1", "n2"} {
		l := newLine(t)
		cfg := fastConfig(id, t.TempDir())
		change(&cfg)
		cfg.Listener, cfg.Dial, cfg.AdvertiseAddr = l, l.dial, l.Addr().String()
		members = append(members, Member{ID: id, Addr: cfg.AdvertiseAddr})
		c.nodes = append(c.nodes, &testNode{cfg: cfg, line: l, machine: &journal{}})
	}
	first := c.nodes[0]
	first.cfg.Bootstrap = members
	first.machine = &journal{now: backup.clone(), disk: backup.clone()}
	if err := Seed(first.cfg, first.machine); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		c.open(n)
	}
	return c
}

func TestSeedRefuses(t *testing.T) {
	mem := NewMemory()
	cfg := mem.Configure(fastConfig("a", ""))
	full := &journal{now: journalState{Index: 1}, disk: journalState{Index: 1}}
	if err := Seed(cfg, full); err == nil {
		t.Error("seeded a node that is no member")
	}
	cfg.Bootstrap = []Member{mem.Member("a", "", RoleVoter)}
	if err := Seed(cfg, &journal{}); err == nil {
		t.Error("seeded with nothing")
	}
}

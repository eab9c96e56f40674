package replication

import (
	"errors"
	"fmt"
	"testing"
)

// TestCommitted reads the log of a node back: every command, in order, on the leader and on a
// follower; nothing that is not applied yet, and nothing that was cut.
func TestCommitted(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.SnapshotTrailing = 4 })
	leader := c.leader()
	const commands = 40
	for i := range commands {
		if _, err := leader.Propose(t.Context(), []byte(fmt.Sprintf("c%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	c.settled()
	to := leader.Status().AppliedIndex
	for _, n := range c.nodes {
		seen := 0
		for after, rounds := uint64(0), 0; after < to; rounds++ {
			entries, reached, err := n.Committed(after, to, 64)
			if err != nil || reached <= after {
				t.Fatalf("%s after %d: up to %d, %v", n.cfg.ID, after, reached, err)
			}
			for _, e := range entries {
				_, cmds, err := Decode(e.Data)
				if err != nil || e.Index <= after || e.Index > reached {
					t.Fatalf("entry %d: %v", e.Index, err)
				}
				for _, cmd := range cmds {
					if string(cmd) == fmt.Sprintf("c%d", seen) {
						seen++
					}
				}
			}
			after = reached
		}
		if seen != commands {
			t.Errorf("%s: %d of %d commands were read", n.cfg.ID, seen, commands)
		}
	}
	if _, _, err := leader.Committed(0, to+1, 1); err == nil {
		t.Error("an entry that is not applied was read")
	}
	if err := leader.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := leader.Committed(0, to, 1<<20); !errors.Is(err, ErrCompacted) {
		t.Errorf("entries that were cut: %v", err)
	}
	if entries, reached, err := leader.Committed(to-2, to, 1<<20); err != nil || reached != to || len(entries) > 2 {
		t.Errorf("the newest entries: %d, up to %d, %v", len(entries), reached, err)
	}
}

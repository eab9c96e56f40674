package replication

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// cutShort is a follower which applied entries up to 200, took a snapshot there and keeps 16 of them.
type cutShort struct {
	t       *testing.T
	machine *journal
	log     raft.LogStore
	leader  *raft.InmemTransport
	members raft.Configuration
}

func newCutShort(t *testing.T, change func(*Config)) *cutShort {
	t.Helper()
	c := &cutShort{t: t, machine: &journal{}}
	cfg := fastConfig("f", "")
	cfg.HeartbeatTimeout, cfg.ElectionTimeout = 20*time.Second, 20*time.Second
	cfg.SnapshotTrailing = 16
	if change != nil {
		change(&cfg)
	}
	cfg = NewMemory().Configure(cfg)
	c.log = cfg.Stores.Log
	c.members = raft.Configuration{Servers: []raft.Server{{ID: "f", Address: "f"}, {ID: "l", Address: "l"}, {ID: "z", Address: "z"}}}
	if err := c.log.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(c.members)}); err != nil {
		t.Fatal(err)
	}
	n, err := Open(cfg, c.machine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	c.leader = peerOf(cfg.Transport.(*raft.InmemTransport))
	if !c.append(1, 1, 200) {
		t.Fatal("the first entries were refused")
	}
	eventually(t, "entry 200 is applied", func() bool { index, _ := c.machine.Applied(); return index == 200 })
	if err := n.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.holds(185, 200)
	return c
}

// append sends the entries after prev up to last, committed.
func (c *cutShort) append(prev, prevTerm, last uint64) bool {
	c.t.Helper()
	q := &raft.AppendEntriesRequest{RPCHeader: leaderHeader(), Term: 3, PrevLogEntry: prev, PrevLogTerm: prevTerm, LeaderCommitIndex: last}
	for i := prev + 1; i <= last; i++ {
		q.Entries = append(q.Entries, &raft.Log{Index: i, Term: 3, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{fmt.Append(nil, i)})})
	}
	var resp raft.AppendEntriesResponse
	if err := c.leader.AppendEntries("f", "f", q, &resp); err != nil {
		c.t.Fatal(err)
	}
	return resp.Success
}

func (c *cutShort) holds(first, last uint64) {
	c.t.Helper()
	lo, err := c.log.FirstIndex()
	if err != nil {
		c.t.Fatal(err)
	}
	hi, err := c.log.LastIndex()
	if err != nil || lo != first || hi != last {
		c.t.Fatalf("the log holds %d to %d (%v), want %d to %d", lo, hi, err, first, last)
	}
}

// applied waits for the state after last and checks it.
func (c *cutShort) applied(last uint64) {
	c.t.Helper()
	eventually(c.t, "the entries are applied", func() bool { index, _ := c.machine.Applied(); return index >= last })
	var want []string
	for i := uint64(2); i <= last; i++ {
		want = append(want, fmt.Sprint(i))
	}
	if got := c.machine.commands(); !slices.Equal(got, want) {
		c.t.Fatalf("applied %q", got)
	}
}

// TestEntriesBelowTheSnapshotAreTaken: a leader that does not know how much a follower has begins before
// what that one has kept of its log.
func TestEntriesBelowTheSnapshotAreTaken(t *testing.T) {
	for _, sent := range []struct{ prev, prevTerm, last uint64 }{
		{100, 3, 100}, // none
		{100, 3, 150}, // all of them in the snapshot
		{184, 3, 190}, // into what is left of the log
		{1, 1, 200},   // up to its end
		{100, 3, 230}, // and beyond
		{200, 3, 230}, // only beyond
	} {
		t.Run(fmt.Sprintf("%d to %d", sent.prev, sent.last), func(t *testing.T) {
			c := newCutShort(t, nil)
			if !c.append(sent.prev, sent.prevTerm, sent.last) {
				t.Fatal("refused")
			}
			last := max(sent.last, 200)
			c.holds(185, last)
			c.applied(last)
			if !c.append(last, 3, last+10) {
				t.Fatal("what follows was refused")
			}
			c.applied(last + 10)
		})
	}
}

// TestOldSnapshotChangesNothing: one that was overtaken by entries must not take them back.
func TestOldSnapshotChangesNothing(t *testing.T) {
	c := newCutShort(t, nil)
	if !c.append(200, 3, 230) {
		t.Fatal("refused")
	}
	c.applied(230)
	installSnapshot(t, c.leader, c.members) // of 179; the leader hears that it is there
	c.holds(185, 230)
	c.applied(230)
	if !c.append(179, 3, 240) {
		t.Fatal("what follows was refused")
	}
	c.applied(240)
}

// TestGateInbox shows both faults of raft without it. Should it fail after an update of raft, the inbox may
// be superfluous.
func TestGateInbox(t *testing.T) {
	c := newCutShort(t, WithoutInbox)
	if c.append(100, 3, 150) {
		t.Fatal("raft took entries before those in its log")
	}
	installSnapshot(t, c.leader, c.members)
	c.holds(0, 0)
	if got := c.machine.commands(); !slices.Equal(got, []string{"snapshot"}) {
		t.Fatalf("raft kept %q over an older snapshot", got)
	}
}

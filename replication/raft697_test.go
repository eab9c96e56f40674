package replication

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestStallAfterInstallSnapshot reproduces hashicorp/raft#697: a follower with an uncommitted tail up to
// 200 takes a snapshot at 179 and from then on refuses every append, until it is started again.
func TestStallAfterInstallSnapshot(t *testing.T) {
	f := newForsaken(t)
	leader := f.leader()
	installSnapshot(t, leader, f.members)
	if appendAfterSnapshot(t, leader) {
		t.Fatal("raft accepted the append: is the bug gone? Then the watch can go too")
	}
	t.Log(f.reason())
	f.restart()
}

// TestNoHoleBehindASnapshot is the worse half of #697: a leader that has heard of the deleted tail
// appends behind it. Raft takes that, and would never start again over such a log.
func TestNoHoleBehindASnapshot(t *testing.T) {
	f := newForsaken(t)
	leader := f.leader()
	installSnapshot(t, leader, f.members)
	go func() { // no answer comes: the node stops
		_ = leader.AppendEntries("f", "f", &raft.AppendEntriesRequest{
			RPCHeader: leaderHeader(), Term: 3, PrevLogEntry: 200, PrevLogTerm: 1,
			Entries: []*raft.Log{{Index: 201, Term: 3, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("behind")})}},
		}, &raft.AppendEntriesResponse{})
	}()
	if reason := f.reason(); !strings.Contains(reason.Error(), "hole") {
		t.Fatalf("stopped because of %v", reason)
	}
	if last, err := f.cfg.Stores.Log.LastIndex(); err != nil || last != 0 {
		t.Fatalf("the log reaches to %d (%v) behind the snapshot at 179", last, err)
	}
	f.restart()
}

// forsaken is a follower with an uncommitted tail up to 200 of a leader that is gone.
type forsaken struct {
	t       *testing.T
	mem     *Memory
	cfg     Config
	machine *journal
	node    *Node
	exit    chan error
	members raft.Configuration
}

func newForsaken(t *testing.T) *forsaken {
	t.Helper()
	f := &forsaken{t: t, mem: NewMemory(), machine: &journal{}, exit: make(chan error, 1)}
	f.cfg = fastConfig("f", "")
	f.cfg.HeartbeatTimeout, f.cfg.ElectionTimeout = 20*time.Second, 20*time.Second
	f.cfg.Exit = func(_ int, reason error) { f.exit <- reason }
	f.cfg = f.mem.Configure(f.cfg)
	f.members = raft.Configuration{Servers: []raft.Server{{ID: "f", Address: "f"}, {ID: "l", Address: "l"}, {ID: "z", Address: "z"}}}
	log := f.cfg.Stores.Log
	if err := log.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(f.members)}); err != nil {
		t.Fatal(err)
	}
	for i := uint64(2); i <= 200; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("lost")})}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if f.node, err = Open(f.cfg, f.machine); err != nil {
		t.Fatal(err)
	}
	return f
}

// leader plays the leader of the follower.
func (f *forsaken) leader() *raft.InmemTransport {
	return peerOf(f.cfg.Transport.(*raft.InmemTransport))
}

// reason waits until the process would have ended.
func (f *forsaken) reason() error {
	f.t.Helper()
	select {
	case reason := <-f.exit:
		return reason
	case <-time.After(20 * time.Second):
		f.t.Fatal("the fault was not noticed")
		return nil
	}
}

// restart starts the follower again: it takes what comes after the snapshot.
func (f *forsaken) restart() {
	f.t.Helper()
	f.node.kill()
	f.cfg = f.mem.Configure(f.cfg)
	f.cfg.Exit = func(_ int, reason error) { f.t.Error(reason) }
	n, err := Open(f.cfg, f.machine.crash())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(n.kill)
	if !appendAfterSnapshot(f.t, f.leader()) {
		f.t.Fatal("still refused after the restart")
	}
	if got := n.machine.(*journal).commands(); len(got) != 1 || got[0] != "snapshot" {
		f.t.Fatalf("state after the restart: %q", got)
	}
}

// peerOf is a transport that plays the leader l.
func peerOf(f *raft.InmemTransport) *raft.InmemTransport {
	addr, l := raft.NewInmemTransport("l")
	f.Connect(addr, l)
	l.Connect(f.LocalAddr(), f)
	return l
}

func leaderHeader() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: 3, ID: []byte("l"), Addr: []byte("l")}
}

func installSnapshot(t *testing.T, leader *raft.InmemTransport, members raft.Configuration) {
	t.Helper()
	body := bytes.NewBuffer(binary.LittleEndian.AppendUint64([]byte{snapshotType, snapshotVersion}, 179))
	if err := gob.NewEncoder(body).Encode(journalState{Index: 179, Term: 2, Commands: []string{"snapshot"}}); err != nil {
		t.Fatal(err)
	}
	var resp raft.InstallSnapshotResponse
	err := leader.InstallSnapshot("f", "f", &raft.InstallSnapshotRequest{
		RPCHeader: leaderHeader(), SnapshotVersion: 1, Term: 3, Leader: []byte("l"), LastLogIndex: 179, LastLogTerm: 2,
		Configuration: raft.EncodeConfiguration(members), ConfigurationIndex: 1, Size: int64(body.Len()),
	}, &resp, body)
	if err != nil || !resp.Success {
		t.Fatalf("install snapshot: %v %+v", err, resp)
	}
}

func appendAfterSnapshot(t *testing.T, leader *raft.InmemTransport) bool {
	t.Helper()
	var resp raft.AppendEntriesResponse
	if err := leader.AppendEntries("f", "f", &raft.AppendEntriesRequest{
		RPCHeader: leaderHeader(), Term: 3, PrevLogEntry: 179, PrevLogTerm: 2,
		Entries:           []*raft.Log{{Index: 180, Term: 3, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("next")})}},
		LeaderCommitIndex: 179,
	}, &resp); err != nil {
		t.Fatal(err)
	}
	return resp.Success
}

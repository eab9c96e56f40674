package replication

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestStallAfterInstallSnapshot reproduces hashicorp/raft#697: a follower with an uncommitted tail up to
// 200 takes a snapshot at 179 and from then on refuses every append, until it is started again.
func TestStallAfterInstallSnapshot(t *testing.T) {
	mem := NewMemory()
	exit := make(chan error, 1)
	cfg := fastConfig("f", "")
	cfg.HeartbeatTimeout, cfg.ElectionTimeout = 20*time.Second, 20*time.Second
	cfg.Exit = func(_ int, reason error) { exit <- reason }
	cfg = mem.Configure(cfg)
	members := raft.Configuration{Servers: []raft.Server{{ID: "f", Address: "f"}, {ID: "l", Address: "l"}, {ID: "z", Address: "z"}}}
	log := cfg.Stores.Log
	if err := log.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members)}); err != nil {
		t.Fatal(err)
	}
	for i := uint64(2); i <= 200; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: encodeEntry(nil, [][]byte{[]byte("lost")})}); err != nil {
			t.Fatal(err)
		}
	}
	machine := &journal{}
	n, err := Open(cfg, machine)
	if err != nil {
		t.Fatal(err)
	}
	leader := peerOf(cfg.Transport.(*raft.InmemTransport))
	installSnapshot(t, leader, members)
	if appendAfterSnapshot(t, leader) {
		t.Fatal("raft accepted the append: is the bug gone? Then the watch can go too")
	}
	select {
	case reason := <-exit:
		t.Log(reason)
	case <-time.After(20 * time.Second):
		t.Fatal("the stall was not noticed")
	}
	n.kill()

	cfg = mem.Configure(cfg)
	cfg.Exit = func(_ int, reason error) { t.Error(reason) }
	if n, err = Open(cfg, machine.crash()); err != nil {
		t.Fatal(err)
	}
	defer n.kill()
	if !appendAfterSnapshot(t, peerOf(cfg.Transport.(*raft.InmemTransport))) {
		t.Fatal("still refused after the restart")
	}
	if got := n.machine.(*journal).commands(); len(got) != 1 || got[0] != "snapshot" {
		t.Fatalf("state after the restart: %q", got)
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

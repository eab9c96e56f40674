package replication

import (
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// leadingAlone starts raft as the only voter, with a log whose writes can be held.
type leadingAlone struct {
	raft *raft.Raft
	addr raft.ServerAddress
	log  *gatedLog
}

// guardedNode is a Node as Open makes it, on a real network transport.
func guardedNode(t *testing.T) leadingAlone {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inner := raft.NewInmemStore()
	log := &gatedLog{LogStore: inner}
	cfg := fastConfig("a", "")
	cfg.Listener = ln
	cfg.Stores = &Stores{Log: log, Stable: inner, Snapshots: raft.NewInmemSnapshotStore()}
	cfg.Bootstrap = []Member{{ID: "a", Addr: ln.Addr().String()}}
	n, err := Open(cfg, &journal{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	eventually(t, "the node leads", func() bool { return n.Status().Ready })
	return leadingAlone{n.raft, raft.ServerAddress(ln.Addr().String()), log}
}

// bareRaft is the same without this package's transport.
func bareRaft(t *testing.T) leadingAlone {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := fastConfig("a", "")
	cfg.Listener = ln
	cfg.applyDefaults()
	s, err := listen(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	trans := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: s, Timeout: time.Second, Logger: newHCLog(quiet())})
	inner := raft.NewInmemStore()
	log := &gatedLog{LogStore: inner}
	conf := newNode(cfg, &journal{}).raftConfig(nil)
	conf.NotifyCh = nil
	snaps := raft.NewInmemSnapshotStore()
	if err := raft.BootstrapCluster(conf, log, inner, snaps, trans, raft.Configuration{
		Servers: []raft.Server{{ID: "a", Address: trans.LocalAddr()}}}); err != nil {
		t.Fatal(err)
	}
	f := &fsm{machine: &journal{}, stop: newFailStop(func(int, error) {}, quiet(), time.Minute), stats: &counters{}}
	r, err := raft.NewRaft(conf, f, log, inner, snaps, trans)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown().Error() })
	eventually(t, "raft leads", func() bool { return r.State() == raft.Leader && r.Barrier(0).Error() == nil })
	return leadingAlone{r, trans.LocalAddr(), log}
}

// changesTerm sends the heartbeat of a newer leader while raft's main goroutine is held in the write of
// an entry of its own term, and says whether the term changed under that write.
func (l leadingAlone) changesTerm(t *testing.T) bool {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{ID: "b", Listener: ln, Logger: quiet()}
	cfg.applyDefaults()
	s, err := listen(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	peer := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: s, Timeout: 10 * time.Second, Logger: newHCLog(quiet())})
	t.Cleanup(func() { peer.Close() })

	hold := make(chan struct{})
	l.log.set(hold, nil)
	l.raft.Apply(encodeEntry(nil, [][]byte{[]byte("x")}), 0)
	eventually(t, "the main goroutine is in the write", func() bool { return l.log.held.Load() > 0 })
	own := l.raft.CurrentTerm()

	answered := make(chan error, 1)
	go func() {
		self := peer.EncodePeer("b", peer.LocalAddr())
		var resp raft.AppendEntriesResponse
		answered <- peer.AppendEntries("a", l.addr, &raft.AppendEntriesRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte("b"), Addr: self}, Term: own + 10}, &resp)
	}()
	changed := false
	for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end) && !changed; time.Sleep(time.Millisecond) {
		changed = l.raft.CurrentTerm() != own
	}
	l.log.set(nil, nil)
	close(hold)
	if err := <-answered; err != nil {
		t.Fatalf("the heartbeat was not answered: %v", err)
	}
	eventually(t, "the heartbeat takes effect", func() bool { return l.raft.CurrentTerm() >= own+10 })
	return changed
}

// TestHeartbeatWaitsForTheWrite is the guard against hashicorp/raft#695.
func TestHeartbeatWaitsForTheWrite(t *testing.T) {
	if guardedNode(t).changesTerm(t) {
		t.Error("a heartbeat changed the term under a write of the old term")
	}
}

// TestHeartbeatFastPathIsUnsafe shows the fault that the guard removes. Should it fail after an update
// of raft, the guard may be superfluous.
func TestHeartbeatFastPathIsUnsafe(t *testing.T) {
	if !bareRaft(t).changesTerm(t) {
		t.Error("without the guard the term did not change under a write")
	}
}

type voteless struct{ raft.Transport }

func TestTransportWithoutPreVoteIsRefused(t *testing.T) {
	_, inner := raft.NewInmemTransport("a")
	if _, err := guardTransport(voteless{inner}); err == nil {
		t.Error("a transport without pre-vote was accepted")
	}
	g, err := guardTransport(inner)
	if err != nil {
		t.Fatal(err)
	}
	var asTransport raft.Transport = g
	if _, ok := asTransport.(raft.WithPreVote); !ok {
		t.Error("the guard hides pre-vote")
	}
	if _, ok := asTransport.(raft.WithClose); !ok {
		t.Error("the guard hides close")
	}
}

package replication

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestCrashAtEveryStep writes, checkpoints and snapshots in turn, crashes after each step and holds
// what comes back against what was acknowledged.
func TestCrashAtEveryStep(t *testing.T) {
	steps := []string{"write", "checkpoint", "write", "snapshot", "write", "barrier", "snapshot", "write", "checkpoint", "write", "snapshot"}
	mem := NewMemory()
	m := &journal{}
	var want []string
	for i, step := range steps {
		n, exits := loneNode(t, mem, m, func(cfg *Config) { cfg.SnapshotTrailing = 1 })
		var err error
		switch step {
		case "write":
			for k := range 5 {
				cmd := fmt.Sprintf("%d-%d", i, k)
				_, err = n.Propose(t.Context(), []byte(cmd))
				want = append(want, cmd)
			}
		case "checkpoint":
			err = m.Checkpoint()
		case "barrier":
			err = n.Barrier(t.Context())
		case "snapshot":
			err = n.Snapshot(t.Context())
		}
		if err != nil {
			t.Fatalf("step %d, %s: %v", i, step, err)
		}
		n.kill()
		m = m.crash()
		n, _ = loneNode(t, mem, m, nil)
		if err := n.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := m.commands(); !slices.Equal(got, want) {
			t.Fatalf("after a crash behind step %d, %s:\nhave %q\nwant %q", i, step, got, want)
		}
		if n.Stats().Restores != 0 {
			t.Errorf("step %d, %s: restored a snapshot that the state had already", i, step)
		}
		n.kill()
		m = m.crash()
		if exits.Load() != 0 {
			t.Fatalf("step %d: exit", i)
		}
	}
}

// snapshotTaken makes a lone node with a snapshot, and log entries behind it.
func snapshotTaken(t *testing.T) (*Memory, *journal, []string) {
	t.Helper()
	mem, m := NewMemory(), &journal{}
	n, _ := loneNode(t, mem, m, func(cfg *Config) { cfg.SnapshotTrailing = 1 })
	var want []string
	for i := range 30 {
		cmd := fmt.Sprint(i)
		want = append(want, cmd)
		if _, err := n.Propose(t.Context(), []byte(cmd)); err != nil {
			t.Fatal(err)
		}
		if i == 19 {
			if err := n.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.kill()
	return mem, m, want
}

// TestStateBehindTheSnapshot: raft never looks at its newest snapshot at start, so that a state which
// is older would miss what the log no longer has.
func TestStateBehindTheSnapshot(t *testing.T) {
	mem, _, want := snapshotTaken(t)
	m := &journal{}
	n, _ := loneNode(t, mem, m, nil)
	if err := n.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.commands(); !slices.Equal(got, want) {
		t.Fatalf("have %q\nwant %q", got, want)
	}
	if n.Stats().Restores != 1 {
		t.Errorf("restored %d times", n.Stats().Restores)
	}
}

// TestStateAheadOfTheSnapshot: raft hands over again what follows its snapshot, and the machine must
// not see it twice.
func TestStateAheadOfTheSnapshot(t *testing.T) {
	mem, m, want := snapshotTaken(t)
	if err := m.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	m = m.crash()
	n, _ := loneNode(t, mem, m, nil)
	if err := n.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.commands(); !slices.Equal(got, want) || m.applies != 0 {
		t.Fatalf("applied %d entries again: %q", m.applies, got)
	}
	if n.Stats().Skipped == 0 {
		t.Error("nothing was skipped: raft did not replay, the test shows nothing")
	}
}

// TestSnapshotNeedsACheckpoint: without a durable state there is no snapshot, and the process stops.
func TestSnapshotNeedsACheckpoint(t *testing.T) {
	for name, spoil := range map[string]func(*journal){
		"fails": func(m *journal) { m.checkpt = errors.New("disk is gone") },
		"lies":  func(m *journal) { m.lies = true },
	} {
		t.Run(name, func(t *testing.T) {
			mem, m := NewMemory(), &journal{}
			n, exits := loneNode(t, mem, m, nil)
			if _, err := n.Propose(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
			m.mu.Lock()
			spoil(m)
			m.mu.Unlock()
			go n.Snapshot(ctxFor(t, 5*time.Second))
			eventually(t, "exit", func() bool { return exits.Load() == 1 })
			n.kill()
			if list, err := mem.nodes["a"].stores.Snapshots.List(); err != nil || (len(list) > 0 && list[0].Size > 0) {
				t.Fatalf("a snapshot was written: %v %v", list, err)
			}
		})
	}
}

// TestGateCheckpointFirst crashes a node whose log was cut by a snapshot. Its state is on disk, because a
// snapshot waits for a checkpoint; were it not, the start would bring it up to the snapshot. Without both it
// goes on from a state that lacks what was cut. Either alone is enough.
func TestGateCheckpointFirst(t *testing.T) {
	for _, weak := range []weakened{{}, {lateCheckpoint: true}, {noCatchUp: true}, {lateCheckpoint: true, noCatchUp: true}} {
		mem, m := NewMemory(), &journal{}
		n, _ := loneNode(t, mem, m, func(c *Config) { c.SnapshotTrailing, c.weak = 1, weak })
		for i := range 10 {
			if _, err := n.Propose(t.Context(), fmt.Appendf(nil, "%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.Snapshot(ctxFor(t, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		want := m.commands()
		n.kill()
		m = m.crash()
		n, _ = loneNode(t, mem, m, func(c *Config) { c.SnapshotTrailing, c.weak = 1, weak })
		if err := n.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		lost := !slices.Equal(m.commands(), want)
		if lost != (weak.lateCheckpoint && weak.noCatchUp) {
			t.Errorf("with %+v: lost %v; have %q, want %q", weak, lost, m.commands(), want)
		}
		n.kill()
	}
}

func TestLostLogIsRefused(t *testing.T) {
	_, m, _ := snapshotTaken(t)
	if err := m.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	cfg := NewMemory().Configure(fastConfig("a", ""))
	if n, err := Open(cfg, m); err == nil {
		n.kill()
		t.Fatal("a state beyond an empty log was accepted")
	} else if !strings.Contains(err.Error(), "log was lost") {
		t.Fatal(err)
	}
}

// TestFollowerRestarts: a follower with an old state and real files catches up from its own log.
func TestFollowerRestarts(t *testing.T) {
	onEachLog(t, followerRestarts)
}

func followerRestarts(t *testing.T, change func(*Config)) {
	c := newCluster(t, 3, func(cfg *Config) { change(cfg); cfg.SnapshotTrailing = 1 })
	leader := c.leader()
	f := c.followers(leader)[0]
	for i := range 20 {
		r := mustPropose(t, leader, fmt.Sprint(i))
		if i == 9 {
			if err := f.WaitApplied(ctxFor(t, 5*time.Second), r.Index); err != nil {
				t.Fatal(err)
			}
			if err := f.Snapshot(ctxFor(t, 5*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.crash()
	for i := range 20 {
		mustPropose(t, leader, fmt.Sprint("later", i))
	}
	c.reopen(f)
	c.settled()
}

// TestStorageFailureStops: the first failed write ends the process, and nothing is written after it,
// even if the disk would take it.
func TestStorageFailureStops(t *testing.T) {
	log := &gatedLog{}
	n, exits := loneNode(t, NewMemory(), &journal{}, func(cfg *Config) {
		log.LogStore = cfg.Stores.Log
		cfg.Stores.Log = log
	})
	log.set(nil, errors.New("input/output error"))
	answered := make(chan error, 1)
	go func() { _, err := n.Propose(t.Context(), []byte("x")); answered <- err }()
	eventually(t, "exit", func() bool { return exits.Load() == 1 })
	log.set(nil, nil)
	before := log.written.Load()
	late := make(chan error, 1)
	go func() {
		defer close(late) // whoever writes before the node has stopped ends with it
		late <- n.logs.StoreLog(&raft.Log{Index: 1 << 40})
	}()
	n.kill()
	if err, returned := <-late; returned && err == nil {
		t.Error("a write after the failure succeeded")
	}
	if err := <-answered; !errors.Is(err, ErrUnknown) {
		t.Errorf("the command whose write failed: %v", err)
	}
	if log.written.Load() != before || exits.Load() != 1 {
		t.Errorf("%d writes and %d exits after the failure", log.written.Load()-before, exits.Load())
	}
}

func TestFailStopKnowsNotFound(t *testing.T) {
	exits := 0
	f := newFailStop(func(int, error) { exits++ }, quiet(), time.Minute)
	for _, harmless := range []error{raft.ErrLogNotFound, errors.New("not found"), nil} {
		if err := f.do("x", func() error { return harmless }); !errors.Is(err, harmless) {
			t.Errorf("%v became %v", harmless, err)
		}
	}
	if exits != 0 {
		t.Fatal("a missing key stopped the process")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.do("x", func() error { return io.ErrUnexpectedEOF })
		t.Error("a goroutine went on without storage")
	}()
	eventually(t, "the failure", func() bool { return f.failure() != nil })
	close(f.halted)
	<-ended
	if !errors.Is(f.failure(), io.ErrUnexpectedEOF) {
		t.Fatal(f.failure())
	}
}

// TestHangingDiskStops: a write that neither ends nor fails would leave a leader that nobody replaces.
func TestHangingDiskStops(t *testing.T) {
	log := &gatedLog{}
	n, exits := loneNode(t, NewMemory(), &journal{}, func(cfg *Config) {
		log.LogStore = cfg.Stores.Log
		cfg.Stores.Log = log
		cfg.DiskStall = 100 * time.Millisecond
	})
	hold := make(chan struct{})
	log.set(hold, nil)
	go n.Propose(t.Context(), []byte("x"))
	eventually(t, "exit", func() bool { return exits.Load() == 1 })
	log.set(nil, nil)
	close(hold)
}

// TestEndlessTransferStops: raft that refuses entries because of a transfer long after it ended is
// started again; a transfer that ends in time is nothing.
func TestEndlessTransferStops(t *testing.T) {
	n, exits := loneNode(t, NewMemory(), &journal{}, nil)
	n.watchTransfer(raft.ErrLeadershipTransferInProgress)
	if n.transferBlocked.Load() == 0 {
		t.Fatal("the first refusal was not noted")
	}
	n.watchTransfer(nil)
	if n.transferBlocked.Load() != 0 {
		t.Fatal("an entry was taken, and the refusal still counts")
	}
	n.transferBlocked.Store(time.Now().Add(-time.Second).UnixNano())
	n.watchTransfer(raft.ErrLeadershipTransferInProgress)
	n.transferBlocked.Store(time.Now().Add(-time.Minute).UnixNano())
	if exits.Load() != 0 {
		t.Fatal("stopped too early")
	}
	n.watchTransfer(raft.ErrLeadershipTransferInProgress)
	eventually(t, "exit", func() bool { return exits.Load() == 1 })
}

// TestSnapshotGolden: the header in front of the machine's stream is for ever.
func TestSnapshotGolden(t *testing.T) {
	m := &journal{now: journalState{Index: 0x0102030405}}
	view, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	f := &fsm{machine: m, stop: newFailStop(func(int, error) {}, quiet(), time.Minute), stats: &counters{}}
	store := raft.NewInmemSnapshotStore()
	_, trans := raft.NewInmemTransport("a")
	sink, err := store.Create(1, 9, 1, raft.Configuration{}, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&fsmSnapshot{fsm: f, view: view}).Persist(sink); err != nil {
		t.Fatal(err)
	}
	_, r, err := store.Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	header := make([]byte, snapshotHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/snapshot-2-1.hex", header)
	if index, err := readSnapshotHeader(strings.NewReader(string(header))); err != nil || index != 0x0102030405 {
		t.Fatal(index, err)
	}
}

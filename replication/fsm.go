package replication

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// A snapshot stream starts with type 2, version 1 and the machine's index, little endian. That index
// may be below raft's own for the snapshot: barriers count there and never reach a machine.
const (
	snapshotType    = 2
	snapshotVersion = 1
	snapshotHeader  = 10
)

// fsm joins raft to a Machine. Raft calls Apply, Snapshot and Restore from one goroutine, Persist from another.
type fsm struct {
	machine Machine
	stop    *failStop
	reached watermark
	stats   *counters
	// committed, if set, is called after entries were applied.
	committed func()
	weak      weakened
}

var _ raft.BatchingFSM = (*fsm)(nil)

func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch hands new entries to the machine. Raft replays the log from its newest snapshot at
// start, and the machine is usually ahead of that: what it has is skipped.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	applied, _ := f.machine.Applied()
	var entries []Entry
	var at []int
	for i, l := range logs {
		if l.Type != raft.LogCommand {
			continue
		}
		if l.Index <= applied {
			atomic.AddUint64(&f.stats.Skipped, 1)
			continue
		}
		header, commands, err := decodeEntry(l.Data)
		if err != nil {
			f.stop.fail(fmt.Sprintf("read entry %d of term %d", l.Index, l.Term), err)
			return results
		}
		entries = append(entries, Entry{Index: l.Index, Term: l.Term, Header: header, Commands: commands})
		at = append(at, i)
	}
	reached := logs[len(logs)-1].Index
	if reached > applied {
		answers := f.machine.Apply(entries, reached)
		for i := range answers {
			if i < len(at) {
				results[at[i]] = answers[i]
			}
		}
	}
	atomic.AddUint64(&f.stats.AppliedEntries, uint64(len(entries)))
	f.reached.raise(reached)
	if f.committed != nil {
		f.committed()
	}
	return results
}

func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	s, err := f.machine.Snapshot()
	if err != nil {
		return nil, f.stop.fail("take snapshot", err)
	}
	return &fsmSnapshot{fsm: f, view: s}, nil
}

func (f *fsm) Restore(r io.ReadCloser) error {
	index, err := readSnapshotHeader(r)
	if err == nil {
		err = f.restore(r, index)
	}
	if err != nil {
		return f.stop.fail("restore snapshot", err)
	}
	f.reached.raise(index)
	return nil
}

func (f *fsm) restore(r io.Reader, index uint64) error {
	if err := f.machine.Restore(r); err != nil {
		return err
	}
	atomic.AddUint64(&f.stats.Restores, 1)
	if durable, _ := f.machine.Durable(); durable < index {
		return fmt.Errorf("the restored state is durable up to index %d only, the snapshot is at %d", durable, index)
	}
	return nil
}

func readSnapshotHeader(r io.Reader) (uint64, error) {
	var h [snapshotHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, fmt.Errorf("snapshot header: %w", err)
	}
	if h[0] != snapshotType || h[1] != snapshotVersion {
		return 0, fmt.Errorf("snapshot type %d version %d is not known to this release", h[0], h[1])
	}
	return binary.LittleEndian.Uint64(h[2:]), nil
}

type fsmSnapshot struct {
	fsm  *fsm
	view Snapshot
}

// Persist returns only after the machine is durable at the snapshot's index: after it raft may drop
// the log up to there, and at the next start it replays only what follows.
func (s *fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	index := s.view.Index()
	if !s.fsm.weak.lateCheckpoint {
		if err := s.checkpoint(index); err != nil {
			return err
		}
	}
	h := binary.LittleEndian.AppendUint64([]byte{snapshotType, snapshotVersion}, index)
	if _, err := sink.Write(h); err != nil {
		return err
	}
	if _, err := s.view.WriteTo(&yielding{Writer: sink, began: time.Now(), halted: s.fsm.stop.halted}); err != nil {
		return s.fsm.stop.fail("write snapshot", err)
	}
	atomic.AddUint64(&s.fsm.stats.Snapshots, 1)
	return sink.Close()
}

func (s *fsmSnapshot) checkpoint(index uint64) error {
	if err := s.fsm.machine.Checkpoint(); err != nil {
		return s.fsm.stop.fail("checkpoint before a snapshot", err)
	}
	if durable, _ := s.fsm.machine.Durable(); durable < index {
		return s.fsm.stop.fail("checkpoint before a snapshot",
			fmt.Errorf("durable up to index %d only, the snapshot is at %d", durable, index))
	}
	return nil
}

func (s *fsmSnapshot) Release() { s.view.Release() }

// prepare brings the machine up to the newest snapshot before raft starts: raft takes that snapshot
// for applied and never looks at it. It refuses a log that lost entries which the machine has.
func (f *fsm) prepare(logs raft.LogStore, snaps raft.SnapshotStore) error {
	metas, err := snaps.List()
	if err != nil {
		return err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return err
	}
	if len(metas) > 0 {
		last = max(last, metas[0].Index)
		if err := f.catchUp(logs, snaps, metas[0]); err != nil {
			return fmt.Errorf("snapshot %s: %w", metas[0].ID, err)
		}
	}
	applied, _ := f.machine.Applied()
	if applied > last {
		return fmt.Errorf("the state is at index %d but the raft log ends at %d: the log was lost or replaced; "+
			"remove this node from the cluster, empty its data directory and add it again", applied, last)
	}
	f.reached.raise(applied)
	return nil
}

// catchUp restores the newest snapshot, unless the machine has all of it. A snapshot is as large as the state and
// is read as a whole when it is opened, so that most starts do without.
func (f *fsm) catchUp(logs raft.LogStore, snaps raft.SnapshotStore, newest *raft.SnapshotMeta) error {
	durable, _ := f.machine.Durable()
	if f.weak.noCatchUp || durable >= newest.Index {
		return nil
	}
	if none, err := noCommands(logs, durable+1, newest); none || err != nil {
		return err
	}
	_, r, err := snaps.Open(newest.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	index, err := readSnapshotHeader(r)
	if err != nil || durable >= index {
		return err
	}
	return f.restore(r, index)
}

// noCommands says that the log holds nothing for a machine from index lo up to the snapshot: its index counts
// barriers and changes of members, which never reach one. The log may still be that of a lost leader, if the process
// ended while a snapshot was installed; it is the snapshot's own where both have the same last entry.
func noCommands(logs raft.LogStore, lo uint64, newest *raft.SnapshotMeta) (bool, error) {
	const few = 64
	if newest.Index-lo >= few {
		return false, nil
	}
	var l raft.Log
	for i := lo; i <= newest.Index; i++ {
		if err := logs.GetLog(i, &l); errors.Is(err, raft.ErrLogNotFound) || err == nil && l.Type == raft.LogCommand {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return l.Term == newest.Term, nil
}

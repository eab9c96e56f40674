package replication

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"io"
	"testing"

	"github.com/hashicorp/raft"
)

// openCounter is a snapshot store that counts what is read.
type openCounter struct {
	raft.SnapshotStore
	opened int
}

func (o *openCounter) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	o.opened++
	return o.SnapshotStore.Open(id)
}

// TestSnapshotIsReadWhenItIsNeeded starts over a snapshot of index 10 and term 2, with a state at 8. It holds
// nothing that the state lacks only if the log says so, and if that log is the snapshot's own.
func TestSnapshotIsReadWhenItIsNeeded(t *testing.T) {
	entry := func(index, term uint64, kind raft.LogType) *raft.Log {
		return &raft.Log{Index: index, Term: term, Type: kind}
	}
	for name, test := range map[string]struct {
		durable uint64
		log     []*raft.Log
		read    bool
	}{
		"the state is beyond it":           {12, []*raft.Log{entry(12, 2, raft.LogCommand)}, false},
		"the state is at it":               {10, nil, false},
		"only barriers between":            {8, []*raft.Log{entry(9, 2, raft.LogBarrier), entry(10, 2, raft.LogConfiguration)}, false},
		"a command between":                {8, []*raft.Log{entry(9, 2, raft.LogCommand), entry(10, 2, raft.LogBarrier)}, true},
		"the log is cut":                   {8, nil, true},
		"the log is cut in part":           {8, []*raft.Log{entry(10, 2, raft.LogBarrier)}, true},
		"barriers of a leader that lost":   {8, []*raft.Log{entry(9, 1, raft.LogBarrier), entry(10, 1, raft.LogBarrier)}, true},
		"a log that ends before, and lost": {8, []*raft.Log{entry(9, 1, raft.LogBarrier)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			snaps := &openCounter{SnapshotStore: raft.NewInmemSnapshotStore()}
			sink, err := snaps.Create(1, 10, 2, raft.Configuration{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			body := bytes.NewBuffer(binary.LittleEndian.AppendUint64([]byte{snapshotType, snapshotVersion}, 10))
			if err := gob.NewEncoder(body).Encode(journalState{Index: 10, Term: 2, Commands: []string{"snapshot"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := sink.Write(body.Bytes()); errors.Join(err, sink.Close()) != nil {
				t.Fatal(err)
			}
			logs := raft.NewInmemStore()
			if err := logs.StoreLogs(test.log); err != nil {
				t.Fatal(err)
			}
			m := &journal{disk: journalState{Index: test.durable, Term: 2, Commands: []string{"own"}}}
			m = m.crash()
			f := &fsm{machine: m, stop: newFailStop(func(int, error) {}, quiet(), 0), stats: new(counters)}
			if err := f.prepare(logs, snaps); err != nil {
				t.Fatal(err)
			}
			if (snaps.opened > 0) != test.read {
				t.Errorf("the snapshot was opened %d times", snaps.opened)
			}
			if restored := m.commands()[0] == "snapshot"; restored != test.read {
				t.Errorf("state %q", m.commands())
			}
		})
	}
}

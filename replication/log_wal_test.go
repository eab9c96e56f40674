package replication

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// sealedTail makes a log whose process was killed between filling a file and beginning the next, and says how many entries it has.
func sealedTail(t *testing.T, dir string, change func(*Config)) (last uint64) {
	t.Helper()
	log, err := openLogIn(t, dir, change)
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 10; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 1, Data: []byte("entry")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, walDir)
	var db metadb.BoltMetaDB
	state, err := db.Load(in)
	if err != nil {
		t.Fatal(err)
	}
	file, err := segment.NewFiler(in, walfs.New()).RecoverTail(state.Segments[len(state.Segments)-1])
	if err != nil {
		t.Fatal(err)
	}
	for sealed := false; !sealed; {
		var b bytes.Buffer
		last = file.LastIndex() + 1
		if err := new(wal.BinaryCodec).Encode(&raft.Log{Index: last, Term: 1, Data: make([]byte, 1000)}, &b); err != nil {
			t.Fatal(err)
		}
		if err := file.Append([]types.LogEntry{{Index: last, Data: b.Bytes()}}); err != nil {
			t.Fatal(err)
		}
		if sealed, _, err = file.Sealed(); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return last
}

func smallWAL(cfg *Config) { cfg.LogKind, cfg.segmentBytes = LogWAL, 32<<10 }

// TestKilledBetweenTwoFiles: what was stored is there, and the log goes on.
func TestKilledBetweenTwoFiles(t *testing.T) {
	dir := t.TempDir()
	last := sealedTail(t, dir, smallWAL)
	for range 2 { // a second start finds nothing to do
		log, err := openLogIn(t, dir, smallWAL)
		if err != nil {
			t.Fatal(err)
		}
		for i := uint64(1); i <= last; i++ {
			var l raft.Log
			if err := log.GetLog(i, &l); err != nil || l.Index != i {
				t.Fatalf("entry %d of %d: %+v, %v", i, last, l, err)
			}
		}
		last++
		if err := log.StoreLog(&raft.Log{Index: last, Term: 1, Data: []byte("after the kill")}); err != nil {
			t.Fatalf("append after the kill: %v", err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGateFinishSealed: without it, nothing can be appended any more.
func TestGateFinishSealed(t *testing.T) {
	dir := t.TempDir()
	last := sealedTail(t, dir, smallWAL)
	log, err := wal.Open(filepath.Join(dir, walDir), wal.WithSegmentSize(32<<10))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.StoreLog(&raft.Log{Index: last + 1, Term: 1, Data: []byte("x")}); err == nil {
		t.Error("raft-wal appends to a log that was killed between two files: finishSealed can go")
	}
}

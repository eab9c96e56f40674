package replication

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"go.etcd.io/bbolt"
)

// openWAL opens raft-wal. Its own database would wait for ever for another process to let go of it.
func (n *Node) openWAL(meta string) (logFiles, error) {
	if err := os.MkdirAll(filepath.Dir(meta), 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(meta); err == nil {
		db, err := bbolt.Open(meta, 0o600, boltOptions())
		if err == nil {
			err = db.Close()
		}
		if err != nil {
			return nil, explainOpen(meta, err)
		}
	}
	size := n.cfg.segmentBytes
	if size == 0 {
		size = wal.DefaultSegmentSize
	}
	if err := finishSealed(filepath.Dir(meta)); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Dir(meta), err)
	}
	store, err := wal.Open(filepath.Dir(meta), wal.WithSegmentSize(size), wal.WithLogger(newHCLog(n.cfg.Logger)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Dir(meta), err)
	}
	return walLog{store}, nil
}

// walLog is raft-wal, closed between two files: one that is closed while it changes to a new file is opened with
// the old one, which is sealed, and appends nothing any more.
type walLog struct{ *wal.WAL }

func (l walLog) Close() error {
	// What lies behind the end is nothing, and asking for it waits for the new file.
	return errors.Join(l.DeleteRange(math.MaxUint64, math.MaxUint64), l.WAL.Close())
}

// finishSealed begins the next file where a process was killed after it had filled one and before it had noted that. raft-wal 0.4.2 takes such a
// file for the one to append to, which refuses for ever. What it would have noted is in the file, and the new file is made by wal.Open,
// which expects that one may be missing.
func finishSealed(dir string) (err error) {
	if _, err := os.Stat(filepath.Join(dir, metadb.FileName)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var db metadb.BoltMetaDB
	defer func() { err = errors.Join(err, db.Close()) }()
	state, err := db.Load(dir)
	if err != nil || len(state.Segments) == 0 {
		return err
	}
	tail := &state.Segments[len(state.Segments)-1]
	if !tail.SealTime.IsZero() {
		return nil
	}
	file, err := segment.NewFiler(dir, walfs.New()).RecoverTail(*tail)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	sealed, index, err := file.Sealed()
	last := file.LastIndex()
	if err := errors.Join(err, file.Close()); err != nil || !sealed {
		return err
	}
	now := time.Now()
	tail.SealTime, tail.MaxIndex, tail.IndexStart = now, last, index
	next := *tail
	next.ID, next.BaseIndex, next.MinIndex, next.MaxIndex, next.IndexStart = state.NextSegmentID, last+1, last+1, 0, 0
	next.CreateTime, next.SealTime = now, time.Time{}
	state.NextSegmentID++
	state.Segments = append(state.Segments, next)
	return db.CommitState(state)
}

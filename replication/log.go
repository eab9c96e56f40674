package replication

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/hashicorp/raft-wal/metadb"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// LogKind names what keeps log, term and vote in Dir. A directory stays with the one it began with.
type LogKind string

const (
	LogBolt LogKind = "boltdb" // raft-boltdb in raft.db: two fsyncs an append
	LogWAL  LogKind = "wal"    // raft-wal in wal/: one fsync an append; experimental, as its authors say
)

const (
	boltFile = "raft.db"
	walDir   = "wal"
)

// logFiles is what both kinds implement.
type logFiles interface {
	raft.LogStore
	raft.StableStore
	io.Closer
}

// openLog opens the log in Dir, or starts one.
func (n *Node) openLog() (logFiles, error) {
	bolt, meta := filepath.Join(n.cfg.Dir, boltFile), filepath.Join(n.cfg.Dir, walDir, metadb.FileName)
	if n.cfg.LogKind == LogWAL {
		if err := onlyLog(bolt, LogBolt); err != nil {
			return nil, err
		}
		return n.openWAL(meta)
	}
	if err := onlyLog(meta, LogWAL); err != nil {
		return nil, err
	}
	var store *raftboltdb.BoltStore
	err := unpanicked(func() (err error) {
		store, err = raftboltdb.New(raftboltdb.Options{Path: bolt, BoltOptions: boltOptions()})
		return err
	})
	if err != nil {
		return nil, explainOpen(bolt, err)
	}
	// A process that was killed may have left what it wrote in the page cache only. Whatever is read from now
	// on counts as stored.
	if err := store.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", bolt, err), store.Close())
	}
	return store, nil
}

func boltOptions() *bbolt.Options {
	return &bbolt.Options{Timeout: lockWait, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType}
}

func explainOpen(path string, err error) error {
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return fmt.Errorf("%s is in use: is another process running on this data directory?", path)
	}
	for _, damage := range []error{errDamaged, bbolterrors.ErrInvalid, bbolterrors.ErrChecksum, bbolterrors.ErrVersionMismatch} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%s is damaged: %w; keep a copy of the directory, then treat it as a lost disk (docs/OPERATIONS.md, When a node is lost)", path, err)
		}
	}
	return fmt.Errorf("%s: %w", path, err)
}

// onlyLog refuses a directory that has a log of the other kind: an empty log beside it would forget the
// votes that this node gave.
func onlyLog(path string, kind LogKind) error {
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("--raft-log: %s is a log of the other kind: give %s, or remove this member and add it again, under another id and with an empty directory", path, kind)
}

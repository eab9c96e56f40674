package replication

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/raft"

	"meridian/internal/durable"
)

const (
	// logCacheEntries keeps the newest entries in memory for the followers.
	logCacheEntries = 512
	// maxRPCsInFlight fills a long line; raft's own default of 2 waits for it.
	maxRPCsInFlight = 64
	// lockWait bounds the wait for another process to let go of the log.
	lockWait = 5 * time.Second
	ioWait   = 10 * time.Second
)

// stores are the fail-stop wrappers around what keeps log, term, vote and snapshots.
type stores struct {
	log       *logStore
	stable    *stableStore
	snapshots *snapshotStore
}

func (n *Node) wrap(s Stores) *stores {
	return &stores{
		log:       &logStore{inner: s.Log, snapshots: s.Snapshots, stop: n.failStop, emptied: n.noteEmptied, stored: n.appended},
		stable:    &stableStore{inner: s.Stable, stop: n.failStop},
		snapshots: &snapshotStore{inner: s.Snapshots, stop: n.failStop},
	}
}

func (n *Node) openStores() (*stores, error) {
	if n.cfg.Stores != nil {
		return n.wrap(*n.cfg.Stores), nil
	}
	if err := os.MkdirAll(n.cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	files, err := n.openLog()
	if err != nil {
		return nil, err
	}
	n.release = files.Close
	if err := durable.SyncDir(n.cfg.Dir); err != nil {
		return nil, err
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(n.cfg.Dir, n.cfg.SnapshotRetain, newHCLog(n.cfg.Logger))
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	st := n.wrap(Stores{Log: files, Stable: files, Snapshots: snaps})
	st.snapshots.dir = n.cfg.Dir
	return st, nil
}

func (n *Node) openTransport() (*guarded, error) {
	t := n.cfg.Transport
	if t == nil {
		s, err := listen(&n.cfg)
		if err != nil {
			return nil, err
		}
		n.stream = s
		t = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: s, MaxPool: 3, MaxRPCsInFlight: maxRPCsInFlight, Timeout: ioWait,
			Logger: newHCLog(n.cfg.Logger),
		})
	}
	g, err := guardTransport(t)
	if err != nil {
		return nil, err
	}
	g.weak = n.cfg.weak
	closeStores := n.release
	n.release = func() error { return errors.Join(g.Close(), closeStores()) }
	return g, nil
}

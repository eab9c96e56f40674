package replication

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

const (
	// snapshotShare is the part of the newest snapshot's size that the log must have grown by before the
	// next one. A snapshot copies all of the state: taken after a number of entries alone, the cost of an
	// entry would grow with the shop.
	snapshotShare = 4
	// syncEvery is how much of a snapshot waits in memory for the disk. The file system makes the log's
	// fsync wait for other dirty pages, so there must never be many.
	syncEvery = 4 << 20
	// truncateAtOnce is how many entries one transaction takes off the beginning of the log; an append
	// waits for at most one of them.
	truncateAtOnce = 256
)

// runSnapshots takes snapshots when they are due.
func (n *Node) runSnapshots() {
	var before uint64 // bytes written to the log when the newest snapshot was begun
	known := false    // after a start it is not known how much the log has grown
	for {
		interval := n.cfg.SnapshotInterval
		select {
		case <-time.After(interval + rand.N(interval)):
		case <-n.stop:
			return
		}
		written := n.logs.written.Load()
		grown := uint64(math.MaxUint64)
		if known {
			grown = written - before
		}
		if !n.snapshotDue(grown) {
			continue
		}
		if err := n.Snapshot(context.Background()); err != nil {
			if !n.isClosing() {
				n.cfg.Logger.Warn("a snapshot failed; the next try is at the next interval", "error", err)
			}
			continue
		}
		before, known = written, true
	}
}

// snapshotDue says whether the log has grown enough, in entries and in bytes since the last one.
func (n *Node) snapshotDue(grown uint64) bool {
	if n.raft.LastIndex() < n.snapshotIndex()+n.cfg.SnapshotThreshold {
		return false
	}
	metas, err := n.snapshots.List()
	return err == nil && (len(metas) == 0 || grown >= uint64(metas[0].Size)/snapshotShare)
}

// yieldMost bounds one pause of a snapshot.
const yieldMost = time.Second

// yielding leaves processor and disk to the entries for half of the time: nobody waits for a snapshot,
// and everybody for the entries that come while one is written.
type yielding struct {
	io.Writer
	began   time.Time // of the work since the last pause
	written int
	halted  <-chan struct{}
}

func (y *yielding) Write(p []byte) (n int, err error) {
	n, err = y.Writer.Write(p)
	if y.written += n; err != nil || y.written < syncEvery {
		return n, err
	}
	select {
	case <-time.After(min(time.Since(y.began), yieldMost)):
	case <-y.halted:
	}
	y.began, y.written = time.Now(), 0
	return n, nil
}

// pacedSink writes a snapshot's file to the disk as it goes, and keeps it out of the page cache, where the
// state's own file is of more use.
type pacedSink struct {
	raft.SnapshotSink
	file    *os.File // the same file as raft's
	unsaved int
}

// paced finds the file that raft's store writes. Without it, the sink is as raft made it.
func paced(s raft.SnapshotSink, dir string) raft.SnapshotSink {
	if dir == "" {
		return s
	}
	f, err := os.OpenFile(filepath.Join(dir, "snapshots", s.ID()+".tmp", "state.bin"), os.O_WRONLY, 0)
	if err != nil {
		return s
	}
	return &pacedSink{SnapshotSink: s, file: f}
}

func (s *pacedSink) Write(p []byte) (n int, err error) {
	n, err = s.SnapshotSink.Write(p)
	if s.unsaved += n; err != nil || s.unsaved < syncEvery {
		return n, err
	}
	s.unsaved = 0
	if err := s.file.Sync(); err != nil {
		return n, err
	}
	_ = unix.Fadvise(int(s.file.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint
	return n, nil
}

func (s *pacedSink) Close() error {
	defer s.file.Close()
	return s.SnapshotSink.Close()
}

func (s *pacedSink) Cancel() error {
	defer s.file.Close()
	return s.SnapshotSink.Cancel()
}

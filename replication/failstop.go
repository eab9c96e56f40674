package replication

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// failStop ends the process at the first storage error. Raft logs such an error and lives on, and a
// later fsync of the same file may report success for pages the kernel has already dropped.
type failStop struct {
	exit  func(code int, reason error)
	log   *slog.Logger
	stall time.Duration // a write that takes longer has failed

	mu     sync.Mutex
	failed error
	halted chan struct{} // closed when the node has stopped: nothing counts any more
}

func newFailStop(exit func(int, error), log *slog.Logger, stall time.Duration) *failStop {
	return &failStop{exit: exit, log: log, stall: stall, halted: make(chan struct{})}
}

func (f *failStop) isHalted() bool {
	select {
	case <-f.halted:
		return true
	default:
		return false
	}
}

// fail calls Exit once. Should Exit return, as in a test, the caller is held until the node stops, because
// a node without storage must do nothing more, and its goroutine ends then: raft panics when it cannot
// write its term.
func (f *failStop) fail(op string, err error) error {
	if f.isHalted() {
		return err
	}
	f.mu.Lock()
	first := f.failed == nil
	if first {
		f.failed = fmt.Errorf("replication: %s: %w", op, err)
	}
	reason := f.failed
	f.mu.Unlock()
	if first {
		f.log.Error("storage failed: the process stops; check disk and file system, then start it again; if it stops here again, treat it as a lost disk (docs/OPERATIONS.md, When a node is lost)",
			"op", op, "error", err)
		f.exit(1, reason)
	}
	<-f.halted
	runtime.Goexit()
	return reason
}

// failure is the first error, once there was one.
func (f *failStop) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// do runs one storage operation, and none after the first that failed.
func (f *failStop) do(op string, fn func() error) error {
	if err := f.failure(); err != nil {
		return f.fail(op, err)
	}
	err := unpanicked(fn)
	if err == nil || isNotFound(err) {
		return err
	}
	return f.fail(op, err)
}

// unpanicked makes errors of the panics with which a store meets a damaged file.
func unpanicked(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	return fn()
}

var errDamaged = errors.New("what is stored is damaged")

// write is do for a write. A disk that hangs is a failed one: a leader's heartbeats would go on, and
// nobody would take its place.
func (f *failStop) write(op string, fn func() error) error {
	return f.do(op, func() error {
		watch := time.AfterFunc(f.stall, func() { _ = f.fail(op, fmt.Errorf("the disk did not answer for %v", f.stall)) })
		defer watch.Stop()
		return fn()
	})
}

// isNotFound knows the answers that mean "no such key". raft itself compares the text.
func isNotFound(err error) bool {
	return errors.Is(err, raft.ErrLogNotFound) || err.Error() == "not found"
}

// logStore is a raft.LogStore that fails stop and keeps no gaps in its indexes.
type logStore struct {
	inner     raft.LogStore
	snapshots raft.SnapshotStore
	stop      *failStop
	emptied   func()            // called after a deletion which left nothing
	stored    func([]*raft.Log) // called when entries are in the log; may be nil
	written   atomic.Uint64     // bytes of entries since the start
}

var (
	_ raft.LogStore          = (*logStore)(nil)
	_ raft.MonotonicLogStore = (*logStore)(nil)
)

// IsMonotonic makes raft drop the whole log after it installed a snapshot, instead of keeping
// entries of a lost leader behind it.
func (s *logStore) IsMonotonic() bool { return true }

func (s *logStore) FirstIndex() (v uint64, err error) {
	err = s.stop.do("first log index", func() (e error) { v, e = s.inner.FirstIndex(); return })
	return v, err
}

func (s *logStore) LastIndex() (v uint64, err error) {
	err = s.stop.do("last log index", func() (e error) { v, e = s.inner.LastIndex(); return })
	return v, err
}

func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	return s.stop.do("read log", func() error { return s.inner.GetLog(index, l) })
}

func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s *logStore) StoreLogs(ls []*raft.Log) error {
	if len(ls) > 0 {
		if err := s.joins(ls[0].Index); err != nil {
			return s.stop.fail("write log", err)
		}
	}
	for _, l := range ls {
		s.written.Add(uint64(len(l.Data)))
	}
	err := s.stop.write("write log", func() error { return s.inner.StoreLogs(ls) })
	if err == nil && s.stored != nil {
		s.stored(ls)
	}
	return err
}

// joins refuses an entry that would leave a hole: one after neither the log's last entry nor the newest
// snapshot. After an InstallSnapshot raft may believe in entries which it has just deleted
// (hashicorp/raft#697) and append behind them; with a hole in its log a node never starts again.
func (s *logStore) joins(index uint64) error {
	last, err := s.inner.LastIndex()
	if err != nil || index <= last+1 {
		return err
	}
	metas, err := s.snapshots.List()
	if err != nil {
		return err
	}
	for _, m := range metas {
		last = max(last, m.Index)
	}
	if index > last+1 {
		return fmt.Errorf("entry %d would leave a hole after %d; raft believes in entries it has deleted, a restart cures it", index, last)
	}
	return nil
}

// DeleteRange deletes the beginning of the log in small steps: one transaction over all that a snapshot
// made superfluous would hold up every append behind it.
func (s *logStore) DeleteRange(lo, hi uint64) error {
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	for lo == first && hi >= lo+truncateAtOnce {
		to := lo + truncateAtOnce - 1
		if err := s.stop.write("delete log", func() error { return s.inner.DeleteRange(lo, to) }); err != nil {
			return err
		}
		lo, first = to+1, to+1
	}
	if err := s.stop.write("delete log", func() error { return s.inner.DeleteRange(lo, hi) }); err != nil {
		return err
	}
	first, err = s.FirstIndex()
	if err == nil && first == 0 && s.emptied != nil {
		s.emptied()
	}
	return err
}

// stableStore is a raft.StableStore that fails stop.
type stableStore struct {
	inner raft.StableStore
	stop  *failStop
}

var _ raft.StableStore = (*stableStore)(nil)

func (s *stableStore) Set(k, v []byte) error {
	return s.stop.write("write term or vote", func() error { return s.inner.Set(k, v) })
}

func (s *stableStore) Get(k []byte) (v []byte, err error) {
	err = s.stop.do("read term or vote", func() (e error) { v, e = s.inner.Get(k); return })
	return v, err
}

func (s *stableStore) SetUint64(k []byte, v uint64) error {
	return s.stop.write("write term or vote", func() error { return s.inner.SetUint64(k, v) })
}

func (s *stableStore) GetUint64(k []byte) (v uint64, err error) {
	err = s.stop.do("read term or vote", func() (e error) { v, e = s.inner.GetUint64(k); return })
	return v, err
}

// snapshotStore is a raft.SnapshotStore that fails stop.
type snapshotStore struct {
	inner raft.SnapshotStore
	stop  *failStop
	dir   string // where raft's own store keeps its files; empty: another store
}

var _ raft.SnapshotStore = (*snapshotStore)(nil)

func (s *snapshotStore) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, ci uint64, t raft.Transport) (sink raft.SnapshotSink, err error) {
	err = s.stop.do("create snapshot", func() (e error) { sink, e = s.inner.Create(v, index, term, c, ci, t); return })
	if err != nil {
		return nil, err
	}
	return &snapshotSink{SnapshotSink: paced(sink, s.dir), stop: s.stop}, nil
}

func (s *snapshotStore) List() (m []*raft.SnapshotMeta, err error) {
	err = s.stop.do("list snapshots", func() (e error) { m, e = s.inner.List(); return })
	return m, err
}

// Open does not fail stop when the snapshot is gone: a newer one may have replaced it since the List.
func (s *snapshotStore) Open(id string) (meta *raft.SnapshotMeta, r io.ReadCloser, err error) {
	var gone error
	err = s.stop.do("open snapshot", func() (e error) {
		meta, r, e = s.inner.Open(id)
		if errors.Is(e, fs.ErrNotExist) {
			gone, e = e, nil
		}
		return e
	})
	return meta, r, errors.Join(err, gone)
}

type snapshotSink struct {
	raft.SnapshotSink
	stop *failStop
}

func (s *snapshotSink) Write(p []byte) (n int, err error) {
	err = s.stop.write("write snapshot", func() (e error) { n, e = s.SnapshotSink.Write(p); return })
	return n, err
}

func (s *snapshotSink) Close() error {
	return s.stop.write("finish snapshot", s.SnapshotSink.Close)
}

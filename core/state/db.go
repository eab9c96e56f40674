package state

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// DefaultMmapSize is the address space reserved for the state file, and its largest size.
const DefaultMmapSize = 64 << 30

// Options configure a DB.
type Options struct {
	// Path is the state file. It is created when missing; its directory must exist.
	Path string
	// ReadOnly reads the file of a DB that is closed, and changes nothing on disk. Update must not be called.
	ReadOnly bool
	// CheckpointEvery is how often changes are made durable in the background. Default 1 s.
	CheckpointEvery time.Duration
	// InitialMmapSize is the address space reserved for the file, in bytes, and the file's largest
	// size: bbolt would have to wait for every reader to map more. Default 64 GiB.
	InitialMmapSize int
	// DirtyMax bounds the encoded bytes that wait for a checkpoint; beyond it Update writes one
	// itself first. Default 256 MiB.
	DirtyMax int64
	// Loaded is called after Load and after every Restore, before anyone can read: the place to rebuild
	// what follows from the hot tables. It may read them and must not call the DB otherwise.
	Loaded func()
	// Logger gets one line a restore and the error before a stop. Default slog.Default().
	Logger *slog.Logger
	// Fail is called once, after a storage error, and must not call the DB. Nothing more becomes
	// durable afterwards. Default: log and exit with status 1.
	Fail func(error)
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("state: closed")

// DB is the state. Tables are registered with NewTable between Open and Load.
//
// Locks, in the order in which they are taken: checkpointing (one checkpoint or restore at a time),
// mu (readers share it, Update and the short steps of a checkpoint own it), and the leaf locks
// positionMu and generation.mu.
type DB struct {
	opts   Options
	tables []table
	loaded bool

	checkpointing sync.Mutex
	mu            sync.RWMutex
	gen           *generation // guarded by mu
	updating      bool        // guarded by mu: an Update owns the lock
	reading       *bbolt.Tx   // guarded by mu: what the running Update reads the file with

	positionMu sync.Mutex
	position   Position
	durable    Position
	recent     history
	moved      bool // the position moved since the last checkpoint began

	dirtyBytes atomic.Int64
	broken     atomic.Pointer[error]
	failOnce   sync.Once

	closeOnce sync.Once
	closeErr  error
	stop      chan struct{}
	done      chan struct{}

	// step is called between the steps of a checkpoint and a restore, so that tests can stop there.
	step func(name string)
}

// Open opens the state file, or creates it. Register the tables, then call Load.
func Open(o Options) (*DB, error) {
	if o.Path == "" {
		return nil, errors.New("state: Options.Path is empty")
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = time.Second
	}
	if o.InitialMmapSize <= 0 {
		o.InitialMmapSize = DefaultMmapSize
	}
	if o.DirtyMax <= 0 {
		o.DirtyMax = 256 << 20
	}
	if o.Loaded == nil {
		o.Loaded = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Fail == nil {
		logger := o.Logger
		o.Fail = func(err error) {
			logger.Error("state storage failed, stopping", "error", err)
			os.Exit(1)
		}
	}
	gen, err := openGeneration(o.Path, o.InitialMmapSize, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	return &DB{
		opts: o,
		gen:  gen,
		stop: make(chan struct{}),
		done: make(chan struct{}),
		step: func(string) {},
	}, nil
}

// View runs fn while no entry is applied and no restore happens. Many views run at once. Views must
// not nest, and fn must not call Update, Checkpoint, Snapshot or Restore.
func (db *DB) View(fn func()) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	fn()
}

// Update applies one log entry: fn may read and change every table. index must be beyond everything
// applied or reached before. When Update returns, the position and the hash have moved and readers
// see the entry; it is durable with the next checkpoint.
//
// A panic in fn leaves the entry half applied in memory, so nothing is made durable after it.
func (db *DB) Update(index, term uint64, fn func()) {
	if db.dirtyBytes.Load() > db.opts.DirtyMax {
		// An error has already gone to Fail; the entry may still be applied in memory.
		_ = db.Checkpoint()
	}
	db.mu.Lock()
	finished := false
	defer func() {
		db.endReading()
		db.updating = false
		if !finished {
			db.breakWith(fmt.Errorf("state: entry %d was applied only in part", index))
		}
		db.mu.Unlock()
	}()
	db.mustAdvance(index)
	db.updating = true
	fn()
	var sum uint64
	for _, t := range db.tables {
		sum += t.finish()
	}
	db.advance(index, term, sum)
	finished = true
}

// Reached records that the log is consumed up to index without an entry for this state: no-ops and
// configuration changes. An index at or below the present one is ignored.
func (db *DB) Reached(index uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	if index > db.position.Reached {
		db.position.Reached = index
		db.moved = true
	}
}

// breakWith makes every later checkpoint fail with err. It reports whether it was the first.
func (db *DB) breakWith(err error) bool {
	return db.broken.CompareAndSwap(nil, &err)
}

// fail reports a storage error, once.
func (db *DB) fail(err error) {
	db.breakWith(err)
	db.failOnce.Do(func() { db.opts.Fail(err) })
}

// Close makes everything durable and closes the file. An unreleased Snapshot keeps the file open
// and locked until it is released.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		if db.loaded {
			close(db.stop)
			<-db.done
			db.closeErr = db.Checkpoint()
		}
		db.breakWith(ErrClosed)
		db.checkpointing.Lock()
		defer db.checkpointing.Unlock()
		db.mu.Lock()
		defer db.mu.Unlock()
		db.closeErr = errors.Join(db.closeErr, db.gen.release())
	})
	return db.closeErr
}

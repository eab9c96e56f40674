package analytics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"meridian/api"
)

// Bounds of a segment. It is sealed at whichever comes first.
const (
	segmentRows  = 20_000
	segmentBytes = 4 << 20
	segmentAge   = time.Second
)

const (
	// groupBytes bounds what waits for one fsync.
	groupBytes = 8 << 20
	// usualRecord is what most records need at most, in bytes.
	usualRecord = 256
)

var errSpoolClosed = errors.New("the event spool is closed")

// Spool is the disk queue between the edge and ClickHouse. Append returns when its rows are synced;
// everything that waits shares one fsync. Sealed segments leave it only through done or bury.
type Spool struct {
	cfg  SpoolConfig
	dir  string // the slot that this process writes in
	lock *os.File

	mu      sync.Mutex // guards group, queue, usage and closed
	group   *group
	queue   []sealed // oldest first
	usage   usage
	closed  bool
	counter spoolCounters
	files   sync.Mutex // held while a sealed file is replaced or leaves; taken before mu

	wake   chan struct{} // there is a group to write
	ready  chan struct{} // there is a sealed segment
	stop   chan struct{}
	exited chan struct{}

	open *openSegment // the committer's own
	seq  uint64       // the committer's own
}

// SpoolConfig configures a Spool.
type SpoolConfig struct {
	Dir      string
	Edge     string
	Region   string
	MaxBytes int64
	// Successor says that the process before may still write: then this one writes beside it.
	Successor bool
	Logger    *slog.Logger
	// Now is the clock of segment names and ages. Default time.Now.
	Now func() time.Time

	// step is called after each change of the directory, by tests that look at what a kill leaves.
	step func(name string)
}

// sealed is a file that waits for delivery.
type sealed struct {
	path  string
	bytes int64
	// found is set when the file was there at start: an earlier process may have sent it already.
	found bool
	taken bool // somebody delivers it
}

// group is what shares one fsync.
type group struct {
	buf  []byte
	rows int
	done chan struct{}
	err  error // read after done is closed
}

// openSegment is the file being written.
type openSegment struct {
	named bool // its name is durable
	file  *os.File
	path  string
	rows  int
	bytes int64 // synced
	born  time.Time
}

// OpenSpool takes the directory over: torn tails are cut, files left open are sealed.
func OpenSpool(cfg SpoolConfig) (*Spool, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.step == nil {
		cfg.step = func(string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, deadDir), 0o755); err != nil {
		return nil, fmt.Errorf("open the event spool: %w", err)
	}
	dir, lock, err := takeSlot(cfg.Dir, cfg.Successor)
	if err != nil {
		return nil, err
	}
	s := &Spool{cfg: cfg, dir: dir, lock: lock, wake: make(chan struct{}, 1), ready: make(chan struct{}, 1),
		stop: make(chan struct{}), exited: make(chan struct{})}
	if err := s.recover(); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("open the event spool: %w", err)
	}
	s.adopt()
	go s.commit()
	return s, nil
}

// Append stores rows and returns once they are synced. Under pressure it drops rows of little value
// (see usage) and counts them; what it must not drop it refuses with an error of code overloaded.
// When ctx ends first the rows may or may not be stored.
func (s *Spool) Append(ctx context.Context, rows []Row) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errSpoolClosed
	}
	kept, err := s.admit(rows)
	s.mu.Unlock()
	if err != nil || len(kept) == 0 {
		return err
	}
	buf := make([]byte, 0, len(kept)*usualRecord)
	for _, r := range kept {
		start := len(buf)
		if buf = appendRecord(buf, r); len(buf)-start > recordMax {
			return api.NewError(api.CodeTooLarge, "An event is larger than %d KiB.", recordMax>>10)
		}
	}
	g, err := s.join(buf, len(kept))
	if err != nil {
		return err
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join adds encoded rows to the group that the next fsync covers.
func (s *Spool) join(buf []byte, rows int) (*group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errSpoolClosed
	}
	if s.group == nil {
		s.group = &group{done: make(chan struct{})}
	}
	if len(s.group.buf) > 0 && len(s.group.buf)+len(buf) > groupBytes {
		s.counter.refused += int64(rows)
		return nil, api.NewError(api.CodeOverloaded, "Too many events at once. Send them again in a moment.")
	}
	s.group.buf = append(s.group.buf, buf...)
	s.group.rows += rows
	signal(s.wake)
	return s.group, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// commit is the one goroutine that writes. It runs until Close.
func (s *Spool) commit() {
	defer close(s.exited)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	left := time.NewTicker(adoptEvery)
	defer left.Stop()
	for {
		if s.open != nil {
			timer.Reset(max(0, segmentAge-s.cfg.Now().Sub(s.open.born)))
		} else {
			timer.Stop()
		}
		select {
		case <-s.wake:
			s.writeGroup()
		case <-timer.C:
			s.seal()
		case <-left.C:
			s.adopt()
		case <-s.stop:
			s.writeGroup()
			s.seal()
			return
		}
		if o := s.open; o != nil && (o.rows >= segmentRows || o.bytes >= segmentBytes || s.cfg.Now().Sub(o.born) >= segmentAge) {
			s.seal()
		}
	}
}

// Close refuses new rows, writes what waits, seals the open segment and lets the directory go. What
// is sealed stays on disk for the next process.
func (s *Spool) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		<-s.exited
		return nil
	}
	close(s.stop)
	<-s.exited
	return s.lock.Close()
}

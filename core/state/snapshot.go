package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// A snapshot is a header, the state file as of one checkpoint, and xxhash64 of all before it.
const (
	snapshotMagic   = "MRDSTATE"
	snapshotVersion = 1
	snapshotHeader  = len(snapshotMagic) + 1 + 3*8
	checksumBytes   = 8
)

// header begins a snapshot.
type header struct {
	index, term uint64 // as Applied gives them
	length      uint64 // bytes of the file that follows
}

func (h header) encode() []byte {
	b := append(make([]byte, 0, snapshotHeader), snapshotMagic...)
	b = append(b, snapshotVersion)
	for _, n := range []uint64{h.index, h.term, h.length} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func decodeHeader(b []byte) (header, error) {
	if len(b) != snapshotHeader || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return header{}, fmt.Errorf("%w: this is not a snapshot", ErrCorrupt)
	}
	b = b[len(snapshotMagic):]
	if b[0] != snapshotVersion {
		return header{}, fmt.Errorf("snapshot has version %d, this program knows %d: use the program that wrote it, or a newer one", b[0], snapshotVersion)
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[1+8*i:]) }
	return header{index: n(0), term: n(1), length: n(2)}, nil
}

// Snapshot is a durable, consistent view of the state. Entries go on while it exists, but the file
// cannot reuse space: write it out and release it.
type Snapshot struct {
	mu  sync.Mutex
	tx  *bbolt.Tx // nil once released
	gen *generation
	at  Position
}

// Snapshot makes everything applied durable and returns a view of it.
func (db *DB) Snapshot() (*Snapshot, error) {
	if err := db.Checkpoint(); err != nil {
		return nil, err
	}
	db.mu.RLock()
	defer db.mu.RUnlock()
	tx, err := db.gen.bolt.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("state: snapshot: %w", err)
	}
	// A checkpoint may have committed since; the transaction itself says what it holds.
	m, err := readMeta(tx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state: snapshot: %w", err), tx.Rollback())
	}
	db.gen.acquire()
	return &Snapshot{tx: tx, gen: db.gen, at: m.position}, nil
}

// Index is the log index up to which the snapshot holds the state, as Applied gives it.
func (s *Snapshot) Index() uint64 { return s.at.Reached }

// Position is everything known about the snapshot's place in the log.
func (s *Snapshot) Position() Position { return s.at }

// WriteTo streams the snapshot.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return 0, errors.New("state: snapshot was released")
	}
	digest := xxhash.New()
	both := io.MultiWriter(w, digest)
	h := header{index: s.at.Reached, term: s.at.Term, length: uint64(s.tx.Size())}
	n, err := both.Write(h.encode())
	total := int64(n)
	if err != nil {
		return total, fmt.Errorf("state: write snapshot: %w", err)
	}
	live := &livePages{w: both, file: s.gen.file, size: s.tx.DB().Info().PageSize}
	body, err := s.tx.WriteTo(live)
	total += body
	if err != nil {
		return total, fmt.Errorf("state: write snapshot: %w", err)
	}
	n, err = w.Write(binary.BigEndian.AppendUint64(nil, digest.Sum64()))
	total += int64(n)
	if err != nil {
		return total, fmt.Errorf("state: write snapshot: %w", err)
	}
	return total, nil
}

// Release gives the view up. It waits for WriteTo; repeating it is harmless.
func (s *Snapshot) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return
	}
	// Neither can fail for a read transaction, and nothing was written that could be lost.
	_ = s.tx.Rollback()
	_ = s.gen.release()
	s.tx = nil
}

package state

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// Position says which log prefix the state holds.
type Position struct {
	Index    uint64 // the last entry applied
	Term     uint64 // its term
	Reached  uint64 // the log is consumed up to here, at least Index
	Hash     uint64 // sum of the row hashes
	Timeline uint64 // moves when a backup is restored; starts at 1
}

const (
	positionVersion = 1
	positionBytes   = 1 + 5*8
	// historyMax is how many recent entries keep their hash for comparison with other replicas.
	historyMax = 1024
)

func (p Position) encode() []byte {
	b := make([]byte, 1, positionBytes)
	b[0] = positionVersion
	for _, n := range []uint64{p.Index, p.Term, p.Reached, p.Hash, p.Timeline} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func decodePosition(b []byte) (Position, error) {
	if len(b) == 0 {
		return Position{}, fmt.Errorf("%w: empty position", ErrCorrupt)
	}
	if b[0] != positionVersion {
		return Position{}, fmt.Errorf("position has version %d, this program knows %d: use the program that wrote the file", b[0], positionVersion)
	}
	if len(b) != positionBytes {
		return Position{}, fmt.Errorf("%w: position of %d bytes", ErrCorrupt, len(b))
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[1+8*i:]) }
	p := Position{Index: n(0), Term: n(1), Reached: n(2), Hash: n(3), Timeline: n(4)}
	if p.Reached < p.Index || p.Timeline == 0 {
		return Position{}, fmt.Errorf("%w: position %+v contradicts itself", ErrCorrupt, p)
	}
	return p, nil
}

// Applied is the log index up to which the state is current, Reached included, and the term of the
// last entry.
func (db *DB) Applied() (index, term uint64) {
	p := db.Position()
	return p.Reached, p.Term
}

// Durable is Applied as of the last durable checkpoint.
func (db *DB) Durable() (index, term uint64) {
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	return db.durable.Reached, db.durable.Term
}

// Hash is the running hash: the sum modulo 2^64 of xxhash64(table, 0, key, 0, value) over all rows.
// Inside an Update it is the hash before the entry.
func (db *DB) Hash() uint64 { return db.Position().Hash }

// Timeline is the timeline of the state, 1 in a new file.
func (db *DB) Timeline() uint64 { return db.Position().Timeline }

// Position is all of the above, taken at one moment.
func (db *DB) Position() Position {
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	return db.position
}

// SetTimeline begins a new timeline, durably. Call it after restoring a backup, before the node
// joins a cluster.
func (db *DB) SetTimeline(timeline uint64) error {
	db.mu.Lock()
	db.positionMu.Lock()
	current := db.position.Timeline
	if timeline > current {
		db.position.Timeline = timeline
		db.moved = true
	}
	db.positionMu.Unlock()
	db.mu.Unlock()
	if timeline <= current {
		return fmt.Errorf("state: timeline %d is not beyond the present one, %d", timeline, current)
	}
	return db.Checkpoint()
}

// HashAt is the hash as it was when the log was consumed up to index. It is known for the last 1024
// entries since start or restore and for the indexes between and after them.
func (db *DB) HashAt(index uint64) (uint64, bool) {
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	if index > db.position.Reached {
		return 0, false
	}
	return db.recent.at(index)
}

// mustAdvance refuses an entry that is already part of the state: applying it again would change
// this replica and no other.
func (db *DB) mustAdvance(index uint64) {
	if !db.loaded {
		panic("state: Update before Load")
	}
	if p := db.Position(); index <= p.Reached {
		panic(fmt.Sprintf("state: entry %d is at or below the state's own index %d", index, p.Reached))
	}
}

func (db *DB) advance(index, term, sum uint64) {
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	db.position.Index, db.position.Term, db.position.Reached = index, term, index
	db.position.Hash = sum
	db.recent.add(index, sum)
	db.moved = true
}

// history holds the hashes after the last historyMax entries, oldest first from next on.
type history struct {
	marks []mark
	next  int
}

type mark struct{ index, hash uint64 }

func (h *history) add(index, hash uint64) {
	if len(h.marks) < historyMax {
		h.marks = append(h.marks, mark{index, hash})
		return
	}
	h.marks[h.next] = mark{index, hash}
	h.next = (h.next + 1) % historyMax
}

// at finds the last entry at or below index.
func (h *history) at(index uint64) (uint64, bool) {
	n := len(h.marks)
	i := sort.Search(n, func(i int) bool { return h.marks[(h.next+i)%n].index > index })
	if i == 0 {
		return 0, false
	}
	return h.marks[(h.next+i-1)%n].hash, true
}

// Package backup keeps a replicated log's state in S3: full snapshots, and the log since them, sent
// while the node serves. It knows neither Raft nor commerce.
//
// It promises that what was applied on the leading node is in the bucket a fraction of a second later,
// that nothing in the bucket is ever overwritten, that two histories never mix under one name, and
// that whatever is read back was verified or is an error that says what is missing. It refuses to ship
// into a bucket that belongs to another history. While S3 is down it waits, says how far it is behind,
// and holds nobody up. Read Shipper and Bucket first.
package backup

import (
	"errors"
	"io"
)

var (
	// ErrGone says that the node's log does not hold the entries asked for any more.
	ErrGone = errors.New("the log does not hold these entries any more")
	// ErrDamaged says that something in the bucket is not what was put there.
	ErrDamaged = errors.New("damaged backup")
	// ErrMissing says that something that is needed is not in the bucket.
	ErrMissing = errors.New("incomplete backup")
	// ErrForeign says that the place in the bucket belongs to another history.
	ErrForeign = errors.New("this place in the bucket belongs to another history")
)

// Entry is one committed entry of the log, as the log holds it.
type Entry struct {
	Index, Term uint64
	Data        []byte
}

// Position is where a node's state stands.
type Position struct {
	Timeline uint32
	Index    uint64
	// History names this life of the state: a restore begins another, so that two restores of one
	// backup can be told apart.
	History string
}

// Source is the node that is backed up.
type Source interface {
	Position() Position
	// Entries gives committed entries after one index and up to another, in order, and stops early
	// after about maxBytes. reached is the index up to which they are complete. ErrGone: too late.
	Entries(after, to uint64, maxBytes int) (entries []Entry, reached uint64, err error)
	// TimeOf is the time that an entry carries, in milliseconds.
	TimeOf(data []byte) (int64, error)
	// Snapshot is a durable view of the state.
	Snapshot() (Snapshot, error)
}

// Snapshot is a view of the state, to be written out and released.
type Snapshot interface {
	// About is what the manifest says of it: place in the log, hash and time.
	About() (index, term, hash uint64, timeMS int64)
	WriteTo(w io.Writer) (int64, error)
	Release()
}

// Package replication wraps hashicorp/raft once: it makes many commands one ordered log on several
// nodes. It knows no commerce and imports nothing of ours. Read Node and Machine first.
//
// It promises: a proposed command is applied exactly in log order on every node, an answer is given
// only after the command is committed, an unknown outcome is called unknown, and a node whose
// storage failed stops instead of guessing.
package replication

import "io"

// Entry is one committed log entry: the commands that the leader gathered, and the header that the
// leader's Machine put in front of them when the batch was sealed.
type Entry struct {
	Index    uint64
	Term     uint64
	Header   []byte
	Commands [][]byte
}

// Machine is the replicated state machine. Apply and Restore are called by one goroutine.
type Machine interface {
	// Apply applies entries in log order and returns one result a command. Entries at or below the
	// machine's own index are skipped (nil results). reached is the Raft index up to which the log is
	// consumed, no-ops and configuration changes included.
	Apply(entries []Entry, reached uint64) [][]any
	// Seal returns the header of the batch about to be proposed (the leader's time, a state hash).
	Seal() []byte
	// Applied is the index the machine has applied; Durable that of its last durable checkpoint.
	Applied() (index, term uint64)
	Durable() (index, term uint64)
	// Checkpoint makes everything applied so far durable.
	Checkpoint() error
	// Snapshot takes a consistent view cheaply; it is streamed later, while Apply goes on.
	Snapshot() (Snapshot, error)
	// Restore replaces the state by a snapshot and makes it durable before it returns.
	Restore(r io.Reader) error
}

// Snapshot is a consistent view of a Machine at an index.
type Snapshot interface {
	Index() uint64
	WriteTo(w io.Writer) (int64, error)
	Release()
}

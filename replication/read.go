package replication

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// ErrCompacted says that the log does not hold these entries any more: a snapshot covers them.
var ErrCompacted = errors.New("replication: the log was cut there")

// RawEntry is a committed entry as the log holds it. Decode reads Data.
type RawEntry struct {
	Index, Term uint64
	Data        []byte
}

// Committed reads the entries with after < index <= to that hold commands, out of this node's log. It
// stops early after about maxBytes; reached is the index up to which the answer is complete. to must
// have been applied here: what is applied is never changed any more.
func (n *Node) Committed(after, to uint64, maxBytes int) (entries []RawEntry, reached uint64, err error) {
	if applied := n.fsm.reached.load(); to > applied {
		return nil, after, fmt.Errorf("replication: entry %d is asked for, applied up to %d", to, applied)
	}
	size := 0
	for reached = after; reached < to && size < maxBytes; reached++ {
		var l raft.Log
		if err := n.cached.GetLog(reached+1, &l); err != nil {
			if errors.Is(err, raft.ErrLogNotFound) {
				return nil, after, fmt.Errorf("%w: entry %d", ErrCompacted, reached+1)
			}
			return nil, after, fmt.Errorf("replication: read entry %d: %w", reached+1, err)
		}
		if l.Type == raft.LogCommand {
			entries = append(entries, RawEntry{l.Index, l.Term, l.Data})
			size += len(l.Data)
		}
	}
	return entries, reached, nil
}

// Decode reads a RawEntry's data: the header that the leader sealed, and the commands. They are slices
// of data.
func Decode(data []byte) (header []byte, commands [][]byte, err error) { return decodeEntry(data) }

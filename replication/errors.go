package replication

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

var (
	// ErrUnknown: the command was handed to raft and its outcome was not learnt in time. It may be
	// committed, now or later. Repeat it with the same key.
	ErrUnknown = errors.New("outcome unknown")
	// ErrOverloaded: too many commands wait; this one was not handed to raft.
	ErrOverloaded = errors.New("overloaded")
	// ErrClosed: the node is closing; the command was not handed to raft.
	ErrClosed = errors.New("node is closed")
	// ErrTooLarge: the command is above CommandMax; it was not handed to raft.
	ErrTooLarge = errors.New("command is too large")
	// ErrNotReady: a member is too far behind, or too long silent, for what was asked of it.
	ErrNotReady = errors.New("member is not ready")
)

// ErrNotLeader says that this node does not lead, or not yet, and that the command was not handed to
// raft. Match it with errors.As into a *ErrNotLeader.
type ErrNotLeader struct {
	LeaderID   string // empty: none known
	LeaderAddr string
}

func (e *ErrNotLeader) Error() string {
	if e.LeaderID == "" {
		return "not the leader, and no leader is known"
	}
	return "not the leader: ask " + e.LeaderID
}

// refused lists raft's answers that guarantee that an entry did not enter the log.
func refused(err error) bool {
	return errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress) ||
		errors.Is(err, raft.ErrEnqueueTimeout)
}

// outcomeError turns raft's error for an entry into ours. Anything but a certain refusal is unknown.
func (n *Node) outcomeError(err error) error {
	if refused(err) {
		return n.notLeader()
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

func (n *Node) notLeader() error {
	addr, id := n.raft.LeaderWithID()
	if id == raft.ServerID(n.cfg.ID) {
		addr, id = "", ""
	}
	return &ErrNotLeader{LeaderID: string(id), LeaderAddr: string(addr)}
}

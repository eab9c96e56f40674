package replication

import (
	"io"

	"github.com/hashicorp/raft"
)

// inbox stands between the transport and raft, and takes out of a request what this node holds already
// and has cut off its log. raft looks up the entry before those of a request in its log alone: what its own
// snapshot covers it refuses, the leader steps back to the end of its own log and sends its own, older
// snapshot, for ever. And it installs any snapshot, also one that was overtaken: the entries it had
// acknowledged behind that are deleted.
type inbox struct {
	logs      raft.LogStore
	snapshots raft.SnapshotStore
	committed func() uint64 // an index up to which all that this node holds is committed
	in        <-chan raft.RPC
	out       chan<- raft.RPC
	stop      <-chan struct{}
}

func (b *inbox) run() {
	for {
		select {
		case rpc := <-b.in:
			b.receive(rpc)
		case <-b.stop:
			return
		}
	}
}

func (b *inbox) receive(rpc raft.RPC) {
	switch q := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		q, err := b.beyond(q)
		if err != nil {
			rpc.Respond(nil, err)
			return
		}
		rpc.Command = q
	case *raft.InstallSnapshotRequest:
		if q.LastLogIndex <= b.committed() {
			b.decline(rpc, q)
			return
		}
	}
	b.pass(rpc)
}

func (b *inbox) pass(rpc raft.RPC) bool {
	select {
	case b.out <- rpc:
		return true
	case <-b.stop:
		return false
	}
}

// beyond is a request without what lies in this node's newest snapshot. Those entries are committed, so
// they are the leader's as well, whatever its term; what remains follows them, as if they were the
// beginning of the log.
func (b *inbox) beyond(q *raft.AppendEntriesRequest) (*raft.AppendEntriesRequest, error) {
	if q.PrevLogEntry == 0 && len(q.Entries) == 0 {
		return q, nil
	}
	first, err := b.logs.FirstIndex()
	if err != nil || (first > 0 && first <= max(q.PrevLogEntry, 1)) {
		return q, err
	}
	metas, err := b.snapshots.List()
	if err != nil || len(metas) == 0 || q.PrevLogEntry > metas[0].Index {
		return q, err
	}
	covered := metas[0].Index
	if first == 0 && q.PrevLogEntry == covered {
		return q, nil
	}
	c := *q
	c.PrevLogEntry, c.PrevLogTerm = 0, 0
	for len(c.Entries) > 0 && c.Entries[0].Index <= covered {
		c.Entries = c.Entries[1:]
	}
	return &c, nil
}

// decline answers a snapshot of what this node has already as if it had installed it. raft sees a
// heartbeat in its place, for the term.
func (b *inbox) decline(rpc raft.RPC, q *raft.InstallSnapshotRequest) {
	heard := make(chan raft.RPCResponse, 1)
	if !b.pass(raft.RPC{Command: &raft.AppendEntriesRequest{RPCHeader: q.RPCHeader, Term: q.Term, Leader: q.Leader}, RespChan: heard}) {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, rpc.Reader) // what is left of it would be read as the next request
		select {
		case r := <-heard:
			answer, ok := r.Response.(*raft.AppendEntriesResponse)
			if r.Error != nil || !ok {
				rpc.Respond(nil, r.Error)
				return
			}
			rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: answer.RPCHeader, Term: answer.Term, Success: answer.Success}, nil)
		case <-b.stop:
		}
	}()
}

package sim

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

var (
	errTimeout = errors.New("simulated network: time-out")
	errGone    = errors.New("simulated network: this end is closed")
)

// transport is one incarnation of a node on the network. Calls are independent and may overtake each
// other; what goes through a pipeline keeps its order, as in a connection, and one lost message breaks it.
type transport struct {
	net      *network
	addr     raft.ServerAddress
	consumer chan raft.RPC

	mu        sync.Mutex
	heartbeat func(raft.RPC)
	closed    chan struct{}
	once      sync.Once
}

var (
	_ raft.Transport   = (*transport)(nil)
	_ raft.WithPreVote = (*transport)(nil)
	_ raft.WithClose   = (*transport)(nil)
)

func (t *transport) Consumer() <-chan raft.RPC                               { return t.consumer }
func (t *transport) LocalAddr() raft.ServerAddress                           { return t.addr }
func (t *transport) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }
func (t *transport) DecodePeer(b []byte) raft.ServerAddress                  { return raft.ServerAddress(b) }
func (t *transport) Close() error                                            { t.once.Do(func() { close(t.closed) }); return nil }

// SetHeartbeatHandler offers the fast path, as raft's own network transport does.
func (t *transport) SetHeartbeatHandler(fn func(raft.RPC)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heartbeat = fn
}

func isHeartbeat(cmd any) bool {
	q, ok := cmd.(*raft.AppendEntriesRequest)
	return ok && q.Term != 0 && len(q.Entries) == 0 && q.PrevLogEntry == 0 && q.PrevLogTerm == 0 && q.LeaderCommitIndex == 0
}

func (t *transport) fastPath(cmd any) func(raft.RPC) {
	if !isHeartbeat(cmd) {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heartbeat
}

// deliver hands a request to the node and waits for its answer.
func (t *transport) deliver(cmd any, body io.Reader, giveUp <-chan time.Time) (raft.RPCResponse, error) {
	answer := make(chan raft.RPCResponse, 1)
	rpc := raft.RPC{Command: cmd, Reader: body, RespChan: answer}
	if fast := t.fastPath(cmd); fast != nil {
		go fast(rpc)
	} else {
		select {
		case t.consumer <- rpc:
		case <-t.closed:
			return raft.RPCResponse{}, errTimeout
		case <-giveUp:
			return raft.RPCResponse{}, errTimeout
		}
	}
	select {
	case r := <-answer:
		return r, r.Error
	case <-t.closed:
		return raft.RPCResponse{}, errTimeout
	case <-giveUp:
		return raft.RPCResponse{}, errTimeout
	}
}

// call sends one request. A request may arrive after the sender gave up, and be acted on.
func (t *transport) call(to raft.ServerAddress, cmd any, body io.Reader, limit time.Duration) (any, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	wait := func(d time.Duration) error {
		p := time.NewTimer(d)
		defer p.Stop()
		select {
		case <-p.C:
			return nil
		case <-timer.C:
			return errTimeout
		case <-t.closed:
			return errGone
		}
	}
	there, ok := t.net.send(t.addr, to, cmd)
	if !ok {
		if err := wait(limit * 2); err != nil {
			return nil, err
		}
		return nil, errTimeout
	}
	if there >= limit {
		go func() {
			select {
			case <-time.After(there):
			case <-t.closed:
				return
			}
			if peer := t.net.peer(to); peer != nil {
				_, _ = peer.deliver(cmd, body, time.After(limit)) // nobody waits for it any more
			}
		}()
	}
	if err := wait(there); err != nil {
		return nil, err
	}
	peer := t.net.peer(to)
	if peer == nil {
		return nil, errTimeout
	}
	r, err := peer.deliver(cmd, body, timer.C)
	if err != nil {
		return nil, err
	}
	back, ok := t.net.pass(to, t.addr)
	if !ok {
		back = limit * 2
	}
	if err := wait(back); err != nil {
		return nil, err
	}
	return r.Response, nil
}

func answer[T any](out *T, r any, err error) error {
	if err != nil {
		return err
	}
	*out = *(r.(*T))
	return nil
}

func (t *transport) AppendEntries(_ raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, p *raft.AppendEntriesResponse) error {
	r, err := t.call(to, q, nil, rpcTimeout)
	return answer(p, r, err)
}

func (t *transport) RequestVote(_ raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, p *raft.RequestVoteResponse) error {
	r, err := t.call(to, q, nil, rpcTimeout)
	return answer(p, r, err)
}

func (t *transport) RequestPreVote(_ raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, p *raft.RequestPreVoteResponse) error {
	r, err := t.call(to, q, nil, rpcTimeout)
	return answer(p, r, err)
}

func (t *transport) TimeoutNow(_ raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, p *raft.TimeoutNowResponse) error {
	r, err := t.call(to, q, nil, rpcTimeout)
	return answer(p, r, err)
}

// InstallSnapshot reads the snapshot first: the leader's disk may go away while it travels.
func (t *transport) InstallSnapshot(_ raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, p *raft.InstallSnapshotResponse, body io.Reader) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	r, err := t.call(to, q, bytes.NewReader(b), bulkWait)
	return answer(p, r, err)
}

// AppendEntriesPipeline opens a pipeline, if the other end can be reached at all.
func (t *transport) AppendEntriesPipeline(_ raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	d, ok := t.net.send(t.addr, to, nil)
	if !ok || t.net.peer(to) == nil {
		return nil, errTimeout
	}
	time.Sleep(2 * d)
	p := &pipeline{t: t, to: to, peer: t.net.peer(to), sending: make(chan *flight, pipelined), waiting: make(chan *flight, pipelined), done: make(chan raft.AppendFuture, pipelined), closed: make(chan struct{})}
	go p.send()
	go p.receive()
	return p, nil
}

package sim

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const pipelined = 64

type pipeline struct {
	t                *transport
	to               raft.ServerAddress
	peer             *transport // a connection ends with the process at its other end
	sending, waiting chan *flight
	done             chan raft.AppendFuture
	closed           chan struct{}
	once             sync.Once
}

// flight is one request in a pipeline.
type flight struct {
	q        *raft.AppendEntriesRequest
	p        *raft.AppendEntriesResponse
	start    time.Time
	answer   chan raft.RPCResponse
	err      error
	finished chan struct{}
}

func (f *flight) Error() error                          { <-f.finished; return f.err }
func (f *flight) Start() time.Time                      { return f.start }
func (f *flight) Request() *raft.AppendEntriesRequest   { return f.q }
func (f *flight) Response() *raft.AppendEntriesResponse { return f.p }

func (p *pipeline) AppendEntries(q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	f := &flight{q: q, p: r, start: time.Now(), answer: make(chan raft.RPCResponse, 1), finished: make(chan struct{})}
	select {
	case <-p.closed:
		return nil, raft.ErrPipelineShutdown
	default:
	}
	select {
	case p.sending <- f:
		return f, nil
	default: // the line has been silent for long: to wait here would stop simulated time if a lock is held
		return nil, errTimeout
	}
}

func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.done }
func (p *pipeline) Close() error                       { p.once.Do(func() { close(p.closed) }); return nil }

// pause waits unless the pipeline ends first.
func (p *pipeline) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.closed:
	case <-p.t.closed:
	}
	return false
}

func (p *pipeline) send() {
	var last time.Time
	for {
		var f *flight
		select {
		case f = <-p.sending:
		case <-p.closed:
			return
		case <-p.t.closed:
			return
		}
		d, ok := p.t.net.send(p.t.addr, p.to, f.q)
		due := f.start.Add(d)
		if due.Before(last) { // it queues behind what was sent before
			due = last
		}
		last = due
		if ok && !p.pause(time.Until(due)) {
			return
		}
		if ok {
			select {
			case p.peer.consumer <- raft.RPC{Command: f.q, RespChan: f.answer}:
			case <-p.peer.closed:
			case <-p.closed:
				return
			case <-p.t.closed:
				return
			}
		}
		select {
		case p.waiting <- f:
		case <-p.closed:
			return
		case <-p.t.closed:
			return
		}
	}
}

func (p *pipeline) receive() {
	for {
		var f *flight
		select {
		case f = <-p.waiting:
		case <-p.closed:
			return
		case <-p.t.closed:
			return
		}
		timer := time.NewTimer(rpcTimeout)
		select {
		case r := <-f.answer:
			f.err = r.Error
			if back, ok := p.t.net.pass(p.to, p.t.addr); !ok {
				f.err = errTimeout
				if !p.pause(rpcTimeout) {
					return
				}
			} else if !p.pause(back) {
				return
			}
			if f.err == nil {
				*f.p = *(r.Response.(*raft.AppendEntriesResponse))
			}
		case <-timer.C:
			f.err = errTimeout
		case <-p.closed:
			return
		case <-p.t.closed:
			return
		}
		timer.Stop()
		close(f.finished)
		select {
		case p.done <- f:
		case <-p.closed:
			return
		case <-p.t.closed:
			return
		}
	}
}

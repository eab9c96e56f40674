package replication

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Result is the answer to a command.
type Result struct {
	Index uint64 // of the log entry that carried it
	Value any    // what the machine returned for it
}

// A proposal is queued until the batcher takes it or its caller gives up, whichever is first.
const (
	stateQueued = iota
	stateTaken
	stateGivenUp
)

type proposal struct {
	cmd   []byte
	state atomic.Int32
	done  chan outcome // buffered: nobody may be waiting any more
}

type outcome struct {
	result Result
	err    error
}

func (p *proposal) take() bool   { return p.state.CompareAndSwap(stateQueued, stateTaken) }
func (p *proposal) giveUp() bool { return p.state.CompareAndSwap(stateQueued, stateGivenUp) }

type batch struct {
	future    raft.ApplyFuture
	proposals []*proposal
}

// Propose puts a command into the log and returns the machine's answer once it is committed and
// applied here. Every error but ErrUnknown guarantees that the command did not enter the log.
// cmd must not change afterwards.
func (n *Node) Propose(ctx context.Context, cmd []byte) (Result, error) {
	if len(cmd) > n.cfg.CommandMax {
		return Result{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(cmd), n.cfg.CommandMax)
	}
	if _, err := n.awaitReady(ctx); err != nil {
		return Result{}, err
	}
	p := &proposal{cmd: cmd, done: make(chan outcome, 1)}
	select {
	case n.queue <- p:
	default:
		atomic.AddUint64(&n.stats.Overloaded, 1)
		return Result{}, fmt.Errorf("%w: %d commands wait", ErrOverloaded, n.cfg.QueueMax)
	}
	select {
	case o := <-p.done:
		return o.result, o.err
	case <-ctx.Done():
		return p.abandon(&n.stats, fmt.Errorf("%w: still queued: %w", ErrOverloaded, context.Cause(ctx)), context.Cause(ctx))
	case <-n.dead:
		return p.abandon(&n.stats, ErrClosed, ErrClosed)
	}
}

// abandon ends the wait: a refusal while the command is queued, unknown once it was taken.
func (p *proposal) abandon(stats *counters, refusal, cause error) (Result, error) {
	if p.giveUp() {
		return Result{}, refusal
	}
	select {
	case o := <-p.done: // the answer came at the same moment
		return o.result, o.err
	default:
	}
	atomic.AddUint64(&stats.Unknown, 1)
	return Result{}, fmt.Errorf("%w: %w", ErrUnknown, cause)
}

// runBatcher gathers what queued up while earlier batches were in flight, so that batches grow with
// the load and a lone command never waits for company.
func (n *Node) runBatcher() {
	defer close(n.inflight)
	var carry *proposal
	for {
		first := carry
		carry = nil
		if first == nil {
			select {
			case first = <-n.queue:
			case <-n.stop:
				n.refuseQueued()
				return
			}
		}
		select {
		case n.slots <- struct{}{}:
		case <-n.stop:
			first.refuse(ErrClosed)
			n.refuseQueued()
			return
		}
		var taken []*proposal
		if taken, carry = n.gather(first); len(taken) == 0 {
			<-n.slots
			continue
		}
		n.send(taken)
	}
}

// gather takes commands in the order of the queue until the batch is full. The command that did not
// fit comes back as carry.
func (n *Node) gather(first *proposal) (taken []*proposal, carry *proposal) {
	bytes := 0
	for p := first; p != nil; {
		size := entrySize(p.cmd)
		if len(taken) > 0 && bytes+size > n.cfg.BatchBytes {
			return taken, p
		}
		if p.take() {
			taken, bytes = append(taken, p), bytes+size
		}
		if len(taken) == n.cfg.BatchMax {
			return taken, nil
		}
		select {
		case p = <-n.queue:
		default:
			p = nil
		}
	}
	return taken, nil
}

// send seals and hands over one batch. A node that has not applied a barrier of its own term must
// not seal: its time could lie behind that of entries which it has not applied yet.
func (n *Node) send(taken []*proposal) {
	if _, _, ready := n.leading.current(); !ready {
		<-n.slots
		answer(taken, outcome{err: n.notLeader()})
		return
	}
	commands := make([][]byte, len(taken))
	for i, p := range taken {
		commands[i] = p.cmd
	}
	data := encodeEntry(n.machine.Seal(), commands)
	atomic.AddUint64(&n.stats.Batches, 1)
	atomic.AddUint64(&n.stats.Commands, uint64(len(taken)))
	n.inflight <- batch{future: n.raft.Apply(data, 0), proposals: taken}
}

func (n *Node) refuseQueued() {
	for {
		select {
		case p := <-n.queue:
			p.refuse(ErrClosed)
		default:
			return
		}
	}
}

func (p *proposal) refuse(err error) {
	if p.take() {
		p.done <- outcome{err: err}
	}
}

func answer(ps []*proposal, o outcome) {
	for _, p := range ps {
		p.done <- o
	}
}

// runSettler answers batches in the order in which they were sent, which is that of the log.
func (n *Node) runSettler() {
	for b := range n.inflight {
		err := b.future.Error()
		<-n.slots
		n.settle(b, err)
	}
}

func (n *Node) settle(b batch, err error) {
	if err != nil {
		n.watchTransfer(err)
		err = n.outcomeError(err)
		if errors.Is(err, ErrUnknown) {
			atomic.AddUint64(&n.stats.Unknown, uint64(len(b.proposals)))
		}
		answer(b.proposals, outcome{err: err})
		return
	}
	n.watchTransfer(nil)
	index := b.future.Index()
	values, _ := b.future.Response().([]any)
	if len(values) != len(b.proposals) {
		n.failStop.fail("apply", fmt.Errorf("entry %d: the machine gave %d results for %d commands", index, len(values), len(b.proposals)))
		answer(b.proposals, outcome{err: fmt.Errorf("%w: no result", ErrUnknown)})
		return
	}
	for i, p := range b.proposals {
		p.done <- outcome{result: Result{Index: index, Value: values[i]}}
	}
}

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

// proposal is one or more commands that go into the same entry.
type proposal struct {
	commands [][]byte
	state    atomic.Int32
	done     chan outcome // buffered: nobody may be waiting any more
}

// outcome is how a proposal ended: values holds an answer for each command, or err says why not.
type outcome struct {
	index  uint64
	values []any
	err    error
}

func (p *proposal) take() bool   { return p.state.CompareAndSwap(stateQueued, stateTaken) }
func (p *proposal) giveUp() bool { return p.state.CompareAndSwap(stateQueued, stateGivenUp) }

type batch struct {
	data      []byte // the entry
	future    raft.ApplyFuture
	proposals []*proposal
	commands  int
}

// Propose puts a command into the log and returns the machine's answer once it is committed and
// applied here. Every error but ErrUnknown guarantees that the command did not enter the log.
// cmd must not change afterwards.
func (n *Node) Propose(ctx context.Context, cmd []byte) (Result, error) {
	o := n.propose(ctx, [][]byte{cmd})
	if o.err != nil {
		return Result{}, o.err
	}
	return Result{Index: o.index, Value: o.values[0]}, nil
}

// ProposeAll puts commands that came together into the log, in their order. They are decided one by
// one, and wait as one, which costs less than a Propose each. The error holds for all of them.
// Together they have to fit one entry: at most BatchMax commands and BatchBytes bytes; ErrTooLarge otherwise.
func (n *Node) ProposeAll(ctx context.Context, commands [][]byte) (index uint64, values []any, err error) {
	if len(commands) == 0 {
		return 0, nil, nil
	}
	size := 0
	for _, c := range commands {
		size += entrySize(c)
	}
	if len(commands) > 1 && (len(commands) > n.cfg.BatchMax || size > n.cfg.BatchBytes) {
		return 0, nil, fmt.Errorf("%w: %d commands of %d bytes together, at most %d of %d", ErrTooLarge, len(commands), size, n.cfg.BatchMax, n.cfg.BatchBytes)
	}
	o := n.propose(ctx, commands)
	return o.index, o.values, o.err
}

func (n *Node) propose(ctx context.Context, commands [][]byte) outcome {
	for _, c := range commands {
		if len(c) > n.cfg.CommandMax {
			return outcome{err: fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(c), n.cfg.CommandMax)}
		}
	}
	if _, err := n.awaitReady(ctx); err != nil {
		return outcome{err: err}
	}
	p := &proposal{commands: commands, done: make(chan outcome, 1)}
	if !n.enqueue(p) {
		atomic.AddUint64(&n.stats.Overloaded, uint64(len(commands)))
		return outcome{err: fmt.Errorf("%w: %d commands wait", ErrOverloaded, n.cfg.QueueMax)}
	}
	select {
	case o := <-p.done:
		return o
	case <-ctx.Done():
		return p.abandon(&n.stats, fmt.Errorf("%w: still queued: %w", ErrOverloaded, context.Cause(ctx)), context.Cause(ctx))
	case <-n.dead:
		return p.abandon(&n.stats, ErrClosed, ErrClosed)
	}
}

// enqueue reports whether there was room. The channel has room for QueueMax proposals, which are at
// least as many commands.
func (n *Node) enqueue(p *proposal) bool {
	size := int64(len(p.commands))
	if n.waiting.Add(size) > int64(n.cfg.QueueMax) {
		n.waiting.Add(-size)
		return false
	}
	select {
	case n.queue <- p:
		return true
	default:
		n.waiting.Add(-size)
		return false
	}
}

// left notes that a proposal has left the queue.
func (n *Node) left(p *proposal) *proposal {
	n.waiting.Add(-int64(len(p.commands)))
	return p
}

// abandon ends the wait: a refusal while the command is queued, unknown once it was taken.
func (p *proposal) abandon(stats *counters, refusal, cause error) outcome {
	if p.giveUp() {
		return outcome{err: refusal}
	}
	select {
	case o := <-p.done: // the answer came at the same moment
		return o
	default:
	}
	atomic.AddUint64(&stats.Unknown, uint64(len(p.commands)))
	return outcome{err: fmt.Errorf("%w: %w", ErrUnknown, cause)}
}

// runBatcher gathers what queued up while the batch before was being written to this node's own disk, so
// that batches grow with the load and a lone command never waits for company.
func (n *Node) runBatcher() {
	defer close(n.inflight)
	var carry *proposal
	for {
		first := carry
		carry = nil
		if first == nil {
			select {
			case p := <-n.queue:
				first = n.left(p)
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
		if !n.appending.wait(n.stop) {
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

// send seals and hands over one batch. A node that has not applied a barrier of its own term must
// not seal: its time could lie behind that of entries which it has not applied yet.
func (n *Node) send(taken []*proposal) {
	if _, _, ready := n.leading.current(); !ready {
		<-n.slots
		answer(taken, outcome{err: n.notLeader()})
		return
	}
	b := batch{proposals: taken}
	commands := taken[0].commands
	if len(taken) > 1 {
		commands = make([][]byte, 0, 2*len(taken))
		for _, p := range taken {
			commands = append(commands, p.commands...)
		}
	}
	b.commands = len(commands)
	b.data = encodeEntry(n.machine.Seal(), commands)
	atomic.AddUint64(&n.stats.Batches, 1)
	atomic.AddUint64(&n.stats.Commands, uint64(len(commands)))
	n.flying.begin(b.commands)
	n.appending.begin(b.data)
	b.future = n.raft.Apply(b.data, 0)
	n.inflight <- b
}

func (n *Node) refuseQueued() {
	for {
		select {
		case p := <-n.queue:
			n.left(p).refuse(ErrClosed)
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
		n.appending.end(b.data)
		n.flying.end(b.commands)
		<-n.slots
		n.settle(b, err)
	}
}

func (n *Node) settle(b batch, err error) {
	if err != nil {
		n.watchTransfer(err)
		err = n.outcomeError(err)
		if errors.Is(err, ErrUnknown) {
			atomic.AddUint64(&n.stats.Unknown, uint64(b.commands))
		}
		answer(b.proposals, outcome{err: err})
		return
	}
	n.watchTransfer(nil)
	index := b.future.Index()
	values, _ := b.future.Response().([]any)
	if len(values) != b.commands {
		n.failStop.fail("apply", fmt.Errorf("entry %d: the machine gave %d results for %d commands", index, len(values), b.commands))
		answer(b.proposals, outcome{err: fmt.Errorf("%w: no result", ErrUnknown)})
		return
	}
	for _, p := range b.proposals {
		k := len(p.commands)
		p.done <- outcome{index: index, values: values[:k:k]}
		values = values[k:]
	}
}

package replication

import (
	"sync/atomic"
	"time"
)

// linger is how long a batch that is small beside what is in flight waits for company: about as long as an append
// takes. A batch costs every node an append, so that few large ones do more than many small ones; a
// command that comes alone finds nothing in flight and waits for nobody.
const linger = 2 * time.Millisecond

// flying counts the commands that were sent and are not settled yet.
type flying struct {
	commands atomic.Int64
	fewer    chan struct{} // has an element when some were settled
}

func newFlying() *flying { return &flying{fewer: make(chan struct{}, 1)} }

func (f *flying) begin(commands int) { f.commands.Add(int64(commands)) }

func (f *flying) end(commands int) {
	f.commands.Add(-int64(commands))
	select {
	case f.fewer <- struct{}{}:
	default:
	}
}

// outweighs reports whether a batch of so many commands had better grow: those in flight are more than
// twice as many, and most of their callers come back with the next.
func (f *flying) outweighs(count int) bool { return int64(2*count) < f.commands.Load() }

// gather takes proposals in the order of the queue until the batch is full. The one that did not fit
// comes back as carry.
func (n *Node) gather(first *proposal) (taken []*proposal, carry *proposal) {
	count, bytes := 0, 0
	var late *time.Timer // one for the batch: who comes meanwhile does not prolong the wait of who came first
	defer func() {
		if late != nil {
			late.Stop()
		}
	}()
	for p := first; p != nil; {
		size := 0
		for _, c := range p.commands {
			size += entrySize(c)
		}
		if len(taken) > 0 && (bytes+size > n.cfg.BatchBytes || count+len(p.commands) > n.cfg.BatchMax) {
			return taken, p
		}
		if p.take() {
			taken, count, bytes = append(taken, p), count+len(p.commands), bytes+size
		}
		if count >= n.cfg.BatchMax {
			return taken, nil
		}
		select {
		case p = <-n.queue:
			n.left(p)
			continue
		default:
		}
		if !n.flying.outweighs(count) {
			return taken, nil
		}
		if late == nil {
			late = time.NewTimer(linger)
		}
		p = n.company(count, late.C)
	}
	return taken, nil
}

// company waits for a proposal while the batch is small beside what is in flight, and until it is late.
func (n *Node) company(count int, late <-chan time.Time) *proposal {
	for n.flying.outweighs(count) {
		select {
		case p := <-n.queue:
			return n.left(p)
		case <-n.flying.fewer:
		case <-late:
			return nil
		case <-n.stop:
			return nil
		}
	}
	return nil
}

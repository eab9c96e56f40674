package replication

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// round confirms the leadership once, for every read that was waiting when it started.
type round struct {
	gen  uint64
	err  error
	done chan struct{}
}

type verifier struct {
	mu   sync.Mutex
	next *round // collects reads until it starts
	kick chan struct{}
	weak weakened
	runs *round // the one under way
}

func (v *verifier) join() *round {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.weak.joinRunning && v.runs != nil {
		return v.runs
	}
	if v.next == nil {
		v.next = &round{done: make(chan struct{})}
		select {
		case v.kick <- struct{}{}:
		default:
		}
	}
	return v.next
}

func (v *verifier) start() *round {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.next
	v.next, v.runs = nil, r
	return r
}

func (v *verifier) end(r *round) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.runs = nil
	close(r.done)
}

// VerifyRead confirms that this node led at some moment after the call. Take the value first, then
// verify, then answer. Where a value may be older than one election, use ReadExact.
func (n *Node) VerifyRead(ctx context.Context) error {
	gen, err := n.awaitReady(ctx)
	if err != nil {
		return err
	}
	return n.verify(ctx, gen)
}

// ReadExact runs take, which reads from the machine, and confirms that this node led from before take
// until after it: what take saw is not older than any write that was answered before the call.
func (n *Node) ReadExact(ctx context.Context, take func() error) error {
	gen, err := n.awaitReady(ctx)
	if err != nil {
		return err
	}
	if err := take(); err != nil {
		return err
	}
	return n.verify(ctx, gen)
}

func (n *Node) verify(ctx context.Context, gen uint64) error {
	atomic.AddUint64(&n.stats.VerifiedReads, 1)
	r := n.verifier.join()
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	case <-n.dead:
		return ErrClosed
	}
	if r.err != nil {
		return r.err
	}
	if r.gen != gen {
		return n.notLeader()
	}
	return nil
}

func (n *Node) runVerifier() {
	for {
		select {
		case <-n.verifier.kick:
		case <-n.stop:
			if r := n.verifier.start(); r != nil {
				r.err = ErrClosed
				close(r.done)
			}
			return
		}
		r := n.verifier.start()
		if r == nil {
			continue
		}
		atomic.AddUint64(&n.stats.VerifyRounds, 1)
		r.gen, r.err = n.confirm()
		n.verifier.end(r)
	}
}

// confirm asks the voters. raft's VerifyLeader starts the heartbeats, but its own count is too
// generous: it takes acknowledgements of requests that were sent before the round began, and those of
// members without a vote. So the acknowledgements are counted here again.
func (n *Node) confirm() (uint64, error) {
	began := time.Now()
	gen, term, ready := n.leading.current()
	if !ready {
		return 0, n.notLeader()
	}
	for {
		if err := n.await(context.Background(), n.raft.VerifyLeader()); err != nil {
			if n.isClosing() {
				return 0, ErrClosed
			}
			return 0, fmt.Errorf("%w (%w)", n.notLeader(), err)
		}
		ok, acked := n.contacts.quorum(n.cfg.ID, n.servers(), term, began)
		for retry := time.After(n.cfg.HeartbeatTimeout / 10); !ok; {
			now, _, stillReady, changed := n.leading.watch()
			if now != gen || !stillReady {
				return 0, n.notLeader()
			}
			select {
			case <-acked:
				ok, acked = n.contacts.quorum(n.cfg.ID, n.servers(), term, began)
				continue
			case <-changed:
				continue
			case <-n.stop:
				return 0, ErrClosed
			case <-retry:
			}
			break
		}
		if ok {
			return gen, n.stillIn(term)
		}
	}
}

// stillIn makes this node's own vote count: its term never went above the one that was confirmed.
func (n *Node) stillIn(term uint64) error {
	if n.raft.CurrentTerm() != term || n.raft.State() != raft.Leader {
		return n.notLeader()
	}
	return nil
}

func (n *Node) servers() []raft.Server {
	return n.raft.GetConfiguration().Configuration().Servers
}

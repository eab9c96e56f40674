package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// leadership is what this node knows about its own leading. gen counts the times it became leader:
// a read that began in one generation must not be confirmed in another.
type leadership struct {
	mu      sync.Mutex
	gen     uint64
	term    uint64
	leading bool // raft says so
	ready   bool // and a barrier of this term was applied here
	cancel  context.CancelFunc
	changed chan struct{}
}

func (l *leadership) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *leadership) set(leading bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if leading {
		l.gen++
	}
	l.leading, l.ready = leading, false
	if l.cancel != nil {
		l.cancel()
		l.cancel = nil
	}
	l.signal()
}

// begin waits for a generation other than the last and returns it with a context that ends with it.
func (l *leadership) begin(parent context.Context, last uint64) (context.Context, uint64) {
	for {
		l.mu.Lock()
		if l.leading && l.gen != last {
			ctx, cancel := context.WithCancel(parent)
			l.cancel = cancel
			gen := l.gen
			l.mu.Unlock()
			return ctx, gen
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-parent.Done():
			return nil, 0
		}
	}
}

func (l *leadership) established(gen, term uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.leading || l.gen != gen {
		return false
	}
	l.ready, l.term = true, term
	l.signal()
	return true
}

func (l *leadership) current() (gen, term uint64, ready bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gen, l.term, l.ready
}

func (l *leadership) watch() (gen uint64, leading, ready bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gen, l.leading, l.ready, l.changed
}

// awaitReady returns the generation once this node leads and is ready. A node that does not lead is
// refused at once.
func (n *Node) awaitReady(ctx context.Context) (uint64, error) {
	for {
		if n.isClosing() {
			return 0, ErrClosed
		}
		gen, leading, ready, changed := n.leading.watch()
		if ready {
			return gen, nil
		}
		if !leading {
			return 0, n.notLeader()
		}
		select {
		case <-changed:
		case <-n.stop:
		case <-ctx.Done():
			return 0, n.notLeader()
		}
	}
}

// runPump takes leadership changes from raft, which waits until they are taken.
func (n *Node) runPump(notify <-chan bool) {
	for {
		select {
		case leading := <-notify:
			n.leading.set(leading)
			if leading {
				atomic.AddUint64(&n.stats.LeaderChanges, 1)
			}
		case <-n.dead:
			return
		}
	}
}

// runLead runs Config.Lead once in each generation that reaches its barrier.
func (n *Node) runLead(ctx context.Context) {
	var last uint64
	for {
		reign, gen := n.leading.begin(ctx, last)
		if reign == nil {
			return
		}
		last = gen
		if n.establish(reign, gen) && n.cfg.Lead != nil {
			n.cfg.Lead(reign)
		}
	}
}

func (n *Node) establish(ctx context.Context, gen uint64) bool {
	for ctx.Err() == nil {
		term := n.raft.CurrentTerm()
		err := n.await(ctx, n.raft.Barrier(0))
		n.watchTransfer(err)
		if err == nil && n.raft.CurrentTerm() == term {
			return n.leading.established(gen, term)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

// watchTransfer ends the process when raft goes on refusing entries because of a leadership transfer
// that has long ended (hashicorp/raft#696): only a restart clears it. nil: an entry was taken.
func (n *Node) watchTransfer(err error) {
	if !errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		if err == nil {
			n.transferBlocked.Store(0)
		}
		return
	}
	now := time.Now().UnixNano()
	if n.transferBlocked.CompareAndSwap(0, now) {
		return
	}
	blocked := time.Duration(now - n.transferBlocked.Load())
	if limit := 3*n.cfg.ElectionTimeout + 2*time.Second; blocked > limit && !n.isClosing() {
		go n.failStop.fail("leadership transfer", fmt.Errorf("raft refuses entries since %v because of a transfer that has ended", blocked))
	}
}

// await waits for a raft future, the context, or the end of the node. raft leaves some futures
// unanswered when it shuts down.
func (n *Node) await(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.dead:
		return ErrClosed
	}
}

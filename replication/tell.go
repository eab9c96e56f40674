package replication

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// tellAfter is how long a follower hears nothing before it is told of a commit by a message of its own.
// Under load the next entries tell it, and sooner.
const tellAfter = 2 * time.Millisecond

// teller tells followers that what they hold is committed. raft does so with the next entries, or else
// after CommitTimeout; to make that short would mean hundreds of messages a second that say nothing.
type teller struct {
	kick chan struct{}

	mu    sync.Mutex
	pipes map[*toldPipeline]struct{}
}

func newTeller() *teller {
	return &teller{kick: make(chan struct{}, 1), pipes: map[*toldPipeline]struct{}{}}
}

// committed says that the commit index may have moved.
func (t *teller) committed() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

func (t *teller) open(p raft.AppendPipeline) *toldPipeline {
	told := &toldPipeline{AppendPipeline: p, teller: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pipes[told] = struct{}{}
	return told
}

// tell reports whether a follower has to be looked at again. term is this node's own, read after commit:
// what a deposed leader learns from its successor must not be told under its old term.
func (t *teller) tell(commit, term uint64) (again bool) {
	t.mu.Lock()
	pipes := make([]*toldPipeline, 0, len(t.pipes))
	for p := range t.pipes {
		pipes = append(pipes, p)
	}
	t.mu.Unlock()
	for _, p := range pipes {
		if p.tell(commit, term) {
			again = true
		}
	}
	return again
}

// runTeller tells what was committed once a follower has been left alone for tellAfter.
func (n *Node) runTeller() {
	for {
		select {
		case <-n.teller.kick:
		case <-n.stop:
			return
		}
		for again := true; again; {
			select {
			case <-time.After(tellAfter):
			case <-n.stop:
				return
			}
			commit := n.raft.CommitIndex()
			again = n.teller.tell(commit, n.raft.CurrentTerm())
		}
	}
}

// toldPipeline clamps what raft announces, and remembers it.
type toldPipeline struct {
	raft.AppendPipeline
	teller *teller

	mu   sync.Mutex
	last raft.AppendEntriesRequest // the newest request, as one without entries that follows it
	at   time.Time
}

func (p *toldPipeline) AppendEntries(q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.send(clamped(q), r)
}

// send keeps a copy without the entries. The caller holds mu.
func (p *toldPipeline) send(q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	p.last, p.at = *q, time.Now()
	p.last.Entries = nil
	if n := len(q.Entries); n > 0 {
		p.last.PrevLogEntry, p.last.PrevLogTerm = q.Entries[n-1].Index, q.Entries[n-1].Term
	}
	return p.AppendPipeline.AppendEntries(q, r)
}

// tell repeats the newest request without its entries and with what is committed by now, as raft itself
// does after CommitTimeout. It reports whether it is too early for that.
func (p *toldPipeline) tell(commit, term uint64) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.Term != term || min(commit, p.last.PrevLogEntry) <= p.last.LeaderCommitIndex {
		return false
	}
	if time.Since(p.at) < tellAfter {
		return true
	}
	q := p.last
	q.LeaderCommitIndex = commit
	_, err := p.send(clamped(&q), new(raft.AppendEntriesResponse))
	_ = err // raft finds a broken pipeline by its own requests
	return false
}

// Close ends the pipeline.
func (p *toldPipeline) Close() error {
	p.teller.mu.Lock()
	delete(p.teller.pipes, p)
	p.teller.mu.Unlock()
	return p.AppendPipeline.Close()
}

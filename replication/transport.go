package replication

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// guarded keeps heartbeats on raft's main goroutine. raft hands the transport a fast path for them
// which changes term and state on the transport's goroutine; an Apply that waits at that moment is
// then written under the new leader's term, and replicas diverge (hashicorp/raft#695). It clamps the
// commit index of each request, and notes when each peer last acknowledged a heartbeat, counted from the
// moment it was sent. What peers send goes through the inbox.
type guarded struct {
	raft.Transport
	preVote  raft.WithPreVote
	closer   raft.WithClose
	contacts *contacts
	teller   *teller
	requests chan raft.RPC
	weak     weakened
}

var (
	_ raft.Transport   = (*guarded)(nil)
	_ raft.WithPreVote = (*guarded)(nil)
	_ raft.WithClose   = (*guarded)(nil)
)

// guardTransport refuses a transport without pre-vote or close: raft would only warn, and then a node
// that was cut off would depose a healthy leader on its return, or keep the port open after the end.
func guardTransport(t raft.Transport) (*guarded, error) {
	pre, ok := t.(raft.WithPreVote)
	if !ok {
		return nil, errors.New("replication: the transport does not support pre-vote")
	}
	closer, ok := t.(raft.WithClose)
	if !ok {
		return nil, errors.New("replication: the transport cannot be closed")
	}
	return &guarded{Transport: t, preVote: pre, closer: closer, contacts: newContacts(), teller: newTeller(), requests: make(chan raft.RPC)}, nil
}

// Consumer gives raft what the inbox lets through.
func (g *guarded) Consumer() <-chan raft.RPC {
	if g.weak.noInbox {
		return g.Transport.Consumer()
	}
	return g.requests
}

// SetHeartbeatHandler declines the fast path.
func (g *guarded) SetHeartbeatHandler(fn func(raft.RPC)) {
	if g.weak.fastHeartbeats {
		g.Transport.SetHeartbeatHandler(fn)
	}
}

func (g *guarded) RequestPreVote(id raft.ServerID, a raft.ServerAddress, q *raft.RequestPreVoteRequest, p *raft.RequestPreVoteResponse) error {
	return g.preVote.RequestPreVote(id, a, q, p)
}

func (g *guarded) Close() error { return g.closer.Close() }

// AppendEntries carries heartbeats (pipelined appends go elsewhere).
func (g *guarded) AppendEntries(id raft.ServerID, a raft.ServerAddress, q *raft.AppendEntriesRequest, p *raft.AppendEntriesResponse) error {
	sent := time.Now()
	err := g.Transport.AppendEntries(id, a, clamped(q), p)
	if err == nil && p.Term <= q.Term {
		g.contacts.record(string(id), contact{term: q.Term, sent: sent, lastLog: p.LastLog})
	}
	return err
}

// AppendEntriesPipeline carries entries to a peer that keeps up.
func (g *guarded) AppendEntriesPipeline(id raft.ServerID, a raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := g.Transport.AppendEntriesPipeline(id, a)
	if err != nil {
		return nil, err
	}
	return g.teller.open(p), nil
}

// clamped announces as committed no more than the request itself proves. raft takes the leader's last
// index before a back-off and its commit index after it, and a follower commits up to the end of its own
// log, not up to the last entry of the request as the paper has it. A follower that comes back with
// entries of a lost leader would apply them.
func clamped(q *raft.AppendEntriesRequest) *raft.AppendEntriesRequest {
	proven := q.PrevLogEntry
	if n := len(q.Entries); n > 0 {
		proven = q.Entries[n-1].Index
	}
	if q.LeaderCommitIndex <= proven {
		return q
	}
	c := *q
	c.LeaderCommitIndex = proven
	return &c
}

// contact is a peer's last acknowledgement of this node's leadership.
type contact struct {
	term    uint64
	sent    time.Time // when the acknowledged request left
	lastLog uint64    // the peer's last log index
}

type contacts struct {
	mu      sync.Mutex
	peers   map[string]contact
	changed chan struct{}
}

func newContacts() *contacts {
	return &contacts{peers: map[string]contact{}, changed: make(chan struct{})}
}

func (c *contacts) record(id string, k contact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.peers[id]; ok && (old.term > k.term || old.sent.After(k.sent)) {
		return
	}
	c.peers[id] = k
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *contacts) get(id string) (contact, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.peers[id]
	return k, ok
}

// next is closed at the next acknowledgement.
func (c *contacts) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// quorum says whether more than half of the voters acknowledged a request of the given term that was
// sent at or after since. Self counts as one. The channel is closed at the next acknowledgement.
func (c *contacts) quorum(self string, servers []raft.Server, term uint64, since time.Time) (bool, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	voters, acks := 0, 0
	for _, s := range servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		k, ok := c.peers[string(s.ID)]
		if string(s.ID) == self || (ok && k.term == term && !k.sent.Before(since)) {
			acks++
		}
	}
	return acks > voters/2, c.changed
}

package replication

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// promoteLag is how many log entries a learner may be behind when it gets a vote.
const promoteLag = 1024

// AddLearner adds a member without a vote, or corrects the address of one.
func (n *Node) AddLearner(ctx context.Context, m Member) error {
	if m.ID == "" || m.Addr == "" {
		return fmt.Errorf("%w: a member needs an id and an address", ErrNotReady)
	}
	if s, ok := n.server(m.ID); ok && s.Suffrage == raft.Voter {
		return fmt.Errorf("%w: %s is a voter already; demote it first", ErrNotReady, m.ID)
	}
	n.setRegion(m.ID, m.Region)
	return n.change(ctx, func() raft.Future {
		return n.raft.AddNonvoter(raft.ServerID(m.ID), raft.ServerAddress(m.Addr), 0, 0)
	})
}

// Promote gives a learner its vote. It refuses one that is silent or far behind: a commit would wait
// for it.
func (n *Node) Promote(ctx context.Context, id string) error {
	s, ok := n.server(id)
	if !ok {
		return fmt.Errorf("%w: %s is not a member; add it as a learner first", ErrNotReady, id)
	}
	if s.Suffrage == raft.Voter {
		return nil
	}
	if n.raft.State() == raft.Leader {
		k, known := n.contacts.get(id)
		switch last := n.raft.LastIndex(); {
		case !known || time.Since(k.sent) > n.aliveWithin():
			return fmt.Errorf("%w: %s does not answer", ErrNotReady, id)
		case k.lastLog+promoteLag < last:
			return fmt.Errorf("%w: %s is %d entries behind", ErrNotReady, id, last-k.lastLog)
		}
		if err := n.keepsQuorum(id, raft.Voter); err != nil {
			return err
		}
	}
	return n.change(ctx, func() raft.Future { return n.raft.AddVoter(s.ID, s.Address, 0, 0) })
}

// Demote takes a member's vote and keeps it as a learner. It refuses the leader, which has to hand over
// first, and whoever the others need to decide.
func (n *Node) Demote(ctx context.Context, id string) error {
	s, ok := n.server(id)
	if !ok {
		return fmt.Errorf("%w: %s is not a member", ErrNotReady, id)
	}
	if s.Suffrage != raft.Voter {
		return nil
	}
	if err := n.keepsQuorum(id, raft.Nonvoter); err != nil {
		return err
	}
	if n.raft.State() == raft.Leader && id == n.cfg.ID {
		return fmt.Errorf("%w: %s leads; hand over to another voter first", ErrNotReady, id)
	}
	return n.change(ctx, func() raft.Future { return n.raft.DemoteVoter(raft.ServerID(id), 0, 0) })
}

// Remove takes a learner out of the cluster. A voter has to be demoted first: that is the step which can
// cost the quorum, and it can be taken back.
func (n *Node) Remove(ctx context.Context, id string) error {
	s, ok := n.server(id)
	if !ok {
		return fmt.Errorf("%w: %s is not a member", ErrNotReady, id)
	}
	if s.Suffrage == raft.Voter {
		return fmt.Errorf("%w: %s has a vote; demote it first, then remove it", ErrNotReady, id)
	}
	return n.change(ctx, func() raft.Future { return n.raft.RemoveServer(raft.ServerID(id), 0, 0) })
}

// aliveWithin is how recently a member must have acknowledged a heartbeat to count as alive.
func (n *Node) aliveWithin() time.Duration { return 2 * n.cfg.HeartbeatTimeout }

// alive reports whether a member acknowledged this leader a moment ago.
func (n *Node) alive(id string) bool {
	k, ok := n.contacts.get(id)
	return id == n.cfg.ID || ok && k.term == n.raft.CurrentTerm() && time.Since(k.sent) <= n.aliveWithin()
}

// heard waits for a member's next sign of life, for at most a heartbeat: a new leader may not have any yet.
func (n *Node) heard(ctx context.Context, id string) bool {
	end := time.NewTimer(n.cfg.HeartbeatTimeout)
	defer end.Stop()
	for {
		next := n.contacts.next()
		if n.alive(id) {
			return true
		}
		select {
		case <-next:
		case <-end.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// keepsQuorum refuses a change of one member's vote after which the voters that are alive were fewer
// than a majority: the cluster would stop with the change, or with its very commit. On a node that does
// not lead it says nothing; the change will not get further there.
func (n *Node) keepsQuorum(id string, to raft.ServerSuffrage) error {
	if n.raft.State() != raft.Leader {
		return nil
	}
	voters, live := 0, 0
	var silent []string
	for _, s := range n.servers() {
		if string(s.ID) == id {
			s.Suffrage = to
		}
		switch {
		case s.Suffrage != raft.Voter:
		case n.alive(string(s.ID)):
			voters++
			live++
		default:
			voters++
			silent = append(silent, string(s.ID))
		}
	}
	switch {
	case voters == 0:
		return fmt.Errorf("%w: %s is the last voter", ErrNotReady, id)
	case live < voters/2+1:
		return fmt.Errorf("%w: of %d voters, %d are needed to decide and only %d would be alive (silent: %s); bring them back first", ErrNotReady,
			voters, voters/2+1, live, strings.Join(silent, ", "))
	}
	return nil
}

// change submits a change of the configuration, one at a time. An error after that is ErrUnknown: look at
// Status.
func (n *Node) change(ctx context.Context, submit func() raft.Future) error {
	select {
	case n.changing <- struct{}{}:
		defer func() { <-n.changing }()
	default:
		return fmt.Errorf("%w: another change of the members is under way; one at a time", ErrNotReady)
	}
	if _, err := n.awaitReady(ctx); err != nil {
		return err
	}
	f := submitted{make(chan error, 1)}
	go func() { f.err <- submit().Error() }()
	err := n.await(ctx, f)
	if err == nil {
		return nil
	}
	return n.outcomeError(err)
}

// submitted is a future whose submission may block too.
type submitted struct{ err chan error }

func (s submitted) Error() error { return <-s.err }

// TransferLeader hands leadership to a voter, to the most advanced one when id is empty.
func (n *Node) TransferLeader(ctx context.Context, id string) error {
	if _, err := n.awaitReady(ctx); err != nil {
		return err
	}
	var f raft.Future
	if id == "" {
		f = n.raft.LeadershipTransfer()
	} else {
		s, ok := n.server(id)
		switch {
		case !ok || s.Suffrage != raft.Voter:
			return fmt.Errorf("%w: %s is not a voter", ErrNotReady, id)
		case id == n.cfg.ID:
			return nil
		case !n.heard(ctx, id):
			return fmt.Errorf("%w: %s does not answer, and cannot lead", ErrNotReady, id)
		}
		f = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	err := n.await(ctx, f)
	if err == nil {
		return nil
	}
	if k, known := n.contacts.get(id); known && k.lastLog < n.raft.LastIndex() {
		return fmt.Errorf("leadership transfer: %w; %s is %d entries behind and has to catch up first, try again in a moment", err, id, n.raft.LastIndex()-k.lastLog)
	}
	return fmt.Errorf("leadership transfer: %w", err)
}

func (n *Node) server(id string) (raft.Server, bool) {
	for _, s := range n.servers() {
		if string(s.ID) == id {
			return s, true
		}
	}
	return raft.Server{}, false
}

// memberAt answers which member has an address. Two never have the same: raft refuses that.
func (n *Node) memberAt(addr raft.ServerAddress) (string, bool) {
	for _, s := range n.servers() {
		if s.Address == addr {
			return string(s.ID), true
		}
	}
	return "", false
}

func (n *Node) setRegion(id, region string) {
	if region == "" {
		return
	}
	n.regionsMu.Lock()
	n.regions[id] = region
	n.regionsMu.Unlock()
}

func (n *Node) regionOf(id string) string {
	n.regionsMu.Lock()
	region := n.regions[id]
	n.regionsMu.Unlock()
	if region == "" && n.cfg.RegionOf != nil {
		region = n.cfg.RegionOf(id)
	}
	return region
}

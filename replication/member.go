package replication

import (
	"context"
	"fmt"
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
	if s.Suffrage != raft.Voter && n.raft.State() == raft.Leader {
		k, known := n.contacts.get(id)
		switch last := n.raft.LastIndex(); {
		case !known || time.Since(k.sent) > 2*n.cfg.HeartbeatTimeout:
			return fmt.Errorf("%w: %s does not answer", ErrNotReady, id)
		case k.lastLog+promoteLag < last:
			return fmt.Errorf("%w: %s is %d entries behind", ErrNotReady, id, last-k.lastLog)
		}
	}
	return n.change(ctx, func() raft.Future { return n.raft.AddVoter(s.ID, s.Address, 0, 0) })
}

// Demote takes a member's vote and keeps it as a learner.
func (n *Node) Demote(ctx context.Context, id string) error {
	if err := n.mayLoseVote(id); err != nil {
		return err
	}
	return n.change(ctx, func() raft.Future { return n.raft.DemoteVoter(raft.ServerID(id), 0, 0) })
}

// Remove takes a member out of the cluster. Stop its process afterwards.
func (n *Node) Remove(ctx context.Context, id string) error {
	if err := n.mayLoseVote(id); err != nil {
		return err
	}
	return n.change(ctx, func() raft.Future { return n.raft.RemoveServer(raft.ServerID(id), 0, 0) })
}

func (n *Node) mayLoseVote(id string) error {
	s, ok := n.server(id)
	if !ok {
		return fmt.Errorf("%w: %s is not a member", ErrNotReady, id)
	}
	voters := 0
	for _, other := range n.servers() {
		if other.Suffrage == raft.Voter {
			voters++
		}
	}
	if s.Suffrage == raft.Voter && voters == 1 {
		return fmt.Errorf("%w: %s is the last voter", ErrNotReady, id)
	}
	return nil
}

// change submits a change of the configuration. An error after that is ErrUnknown: look at Status.
func (n *Node) change(ctx context.Context, submit func() raft.Future) error {
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
		}
		f = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	if err := n.await(ctx, f); err != nil {
		return fmt.Errorf("leadership transfer: %w", err)
	}
	return nil
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

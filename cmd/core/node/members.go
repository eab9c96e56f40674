package node

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"meridian/api"
	"meridian/core"
	"meridian/replication"
)

// membership fits a replication node to the shop's view of the cluster.
type membership struct {
	node      *replication.Node
	heartbeat time.Duration
	log       *slog.Logger
}

var _ core.Members = membership{}

// healthyWithin is how recently a member must have been heard of, if two heartbeats are not longer.
const healthyWithin = 3 * time.Second

// Cluster implements core.Members.
func (m membership) Cluster(context.Context) (api.Cluster, error) {
	s := m.node.Status()
	c := api.Cluster{Leader: s.Leader, Term: s.Term, CommitIndex: s.CommitIndex, Members: []api.Member{}}
	for _, x := range s.Members {
		v := api.Member{ID: x.ID, Region: x.Region, Role: string(x.Role), Address: x.Addr, AppliedIndex: x.LastIndex, LagMS: -1}
		if x.LastContact >= 0 {
			v.LagMS = x.LastContact.Milliseconds()
		}
		if x.Leader {
			v.AppliedIndex, v.LagMS, v.Healthy = s.AppliedIndex, 0, true
		} else {
			v.Healthy = x.LastContact >= 0 && x.LastContact < max(healthyWithin, 2*m.heartbeat)
		}
		c.Members = append(c.Members, v)
		if x.Role == replication.RoleVoter {
			c.Voters++
			if x.Alive {
				c.LiveVoters++
			}
		}
	}
	c.Quorum = c.Voters/2 + 1
	return c, nil
}

// Seen implements core.Members.
func (m membership) Seen(ctx context.Context) (api.Cluster, error) {
	c, err := m.Cluster(ctx)
	c.SeenBy, c.LiveVoters = m.node.Status().ID, 0
	unreached := m.node.Reach(ctx)
	for i := range c.Members {
		x := &c.Members[i]
		if x.Healthy, x.LagMS = unreached[x.ID] == nil, -1; x.Healthy && x.Role == string(replication.RoleVoter) {
			c.LiveVoters++
		}
		if x.ID != c.SeenBy {
			x.AppliedIndex = 0
		}
	}
	return c, err
}

// Join implements core.Members: a new member learns; one that is there changes its role.
func (m membership) Join(ctx context.Context, c api.MemberChange) error {
	for _, x := range m.node.Status().Members {
		if x.ID != c.ID {
			continue
		}
		switch replication.Role(c.Role) {
		case replication.RoleVoter:
			return member(m.node.Promote(ctx, c.ID))
		case replication.RoleLearner:
			return member(m.node.Demote(ctx, c.ID))
		}
		return api.Invalid("role", "A member is a voter or a learner.")
	}
	if c.ID != "" && c.Address == "" && c.Region == "" && c.APIAddress == "" {
		return m.known(c.ID) // a change of somebody's role, and there is nobody
	}
	if c.ID == "" || c.Address == "" {
		return api.Invalid("address", "A new member needs an id and its raft address.")
	}
	if c.Role == string(replication.RoleVoter) {
		return api.Invalid("role", "A new member begins as a learner; make it a voter when it has caught up.")
	}
	return member(m.node.AddLearner(ctx, replication.Member{ID: c.ID, Region: c.Region, Addr: c.Address}))
}

// Enlist implements core.Members. A conflict is for good: the node that asked stops and shows it.
func (m membership) Enlist(ctx context.Context, e api.Enlist) error {
	for _, x := range m.node.Status().Members {
		if x.ID != e.ID {
			continue
		}
		switch {
		case x.Role == replication.RoleVoter && e.Join && e.Fresh:
			return api.NewError(api.CodeConflict, "%s is a voter of this cluster and comes with an empty data directory: it has forgotten what it voted for. Demote and remove it first (core members demote %s, core members remove %s); then it joins as a new member.", e.ID, e.ID, e.ID)
		case x.Role == replication.RoleVoter && e.Fresh && Elsewhere(x.Addr, e.Address):
			return api.NewError(api.CodeConflict, "%s is a voter of this cluster at %s, and comes with an empty data directory at %s, where nobody calls it. Start it with --raft-addr %s and that in --peers, or demote and remove it first (core members demote %s, core members remove %s) and start it with --join.", e.ID, x.Addr, e.Address, x.Addr, e.ID, e.ID)
		case x.Addr == e.Address:
		case x.Role == replication.RoleVoter:
			m.log.Warn("a voter says that it is elsewhere; demote it to change its address", "member", e.ID, "known", x.Addr, "says", e.Address)
		default:
			return later(m.node.AddLearner(ctx, replication.Member{ID: e.ID, Region: e.Region, Addr: e.Address}))
		}
		return nil
	}
	switch {
	case !e.Fresh:
		return api.NewError(api.CodeConflict, "%s is not a member of this cluster, and its data directory is not empty: it was removed, or the data is another cluster's. Move the directory away and start with an empty one and --join.", e.ID)
	case !e.Join:
		return api.NewError(api.CodeConflict, "%s is not a member of this cluster. Start it with --join instead of --peers, with an empty data directory.", e.ID)
	}
	return later(m.node.AddLearner(ctx, replication.Member{ID: e.ID, Region: e.Region, Addr: e.Address}))
}

// later keeps a refusal that passes from looking like one for good.
func later(err error) error {
	if errors.Is(err, replication.ErrNotReady) {
		return api.NewError(api.CodeUnavailable, "%v.", err)
	}
	return member(err)
}

// Remove implements core.Members.
func (m membership) Remove(ctx context.Context, id string) error {
	if err := m.known(id); err != nil {
		return err
	}
	return member(m.node.Remove(ctx, id))
}

// Lead implements core.Members.
func (m membership) Lead(ctx context.Context, id string) error {
	if err := m.known(id); err != nil {
		return err
	}
	return member(m.node.TransferLeader(ctx, id))
}

// known refuses the id of nobody.
func (m membership) known(id string) error {
	for _, x := range m.node.Status().Members {
		if x.ID == id {
			return nil
		}
	}
	return api.NewError(api.CodeNotFound, "There is no member %q. core members, and GET /admin/api/v1/cluster, list them.", id)
}

// member explains why a membership change was refused: replication's own sentences are meant for operators.
func member(err error) error {
	var other *replication.ErrNotLeader
	if err == nil || errors.As(err, &other) || errors.Is(err, replication.ErrUnknown) {
		return refuse(err)
	}
	return api.NewError(api.CodeConflict, "%s.", strings.TrimPrefix(err.Error(), replication.ErrNotReady.Error()+": "))
}

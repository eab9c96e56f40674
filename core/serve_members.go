package core

import (
	"context"
	"net"

	"meridian/api"
)

func (s *Service) clusterGet(ctx context.Context, c *call, _ api.None) (reply, error) {
	if err := need(c, roleOperator); err != nil {
		return reply{}, err
	}
	var v api.Cluster
	var at api.Index
	err := s.log.ReadExact(ctx, func() (err error) {
		v, err = s.cfg.Members.Cluster(ctx)
		at = s.m.View(func() { v.Edges = s.m.liveEdges() })
		v.Timeline = at.Timeline
		s.describe(&v)
		return err
	})
	return reply{value: v, status: 200, index: at}, err
}

// clusterSeen answers without a majority: from this node's configuration, and whom it reaches now.
func (s *Service) clusterSeen(ctx context.Context, c *call, _ api.None) (reply, error) {
	if err := need(c, roleOperator); err != nil {
		return reply{}, err
	}
	v, err := s.cfg.Members.Seen(ctx)
	at := s.m.View(func() { v.Edges = s.m.liveEdges() })
	v.Timeline = at.Timeline
	s.describe(&v)
	return reply{value: v, status: 200, index: at}, err
}

func (s *Service) change(ctx context.Context, c *call, fn func() error) (reply, error) {
	if err := need(c, roleOperator); err != nil {
		return reply{}, err
	}
	if err := fn(); err != nil {
		return reply{}, err
	}
	v, err := s.cfg.Members.Cluster(ctx)
	s.describe(&v)
	return reply{value: v, status: 200}, err
}

func (s *Service) clusterJoin(ctx context.Context, c *call, req api.MemberChange) (reply, error) {
	return s.change(ctx, c, func() error {
		if err := s.cfg.Members.Join(ctx, req); err != nil || req.Region == "" && req.APIAddress == "" {
			return err
		}
		return s.place(ctx, req.ID, nodeRec{Region: req.Region, API: req.APIAddress})
	})
}

func (s *Service) clusterRemove(ctx context.Context, c *call, req api.MemberChange) (reply, error) {
	return s.change(ctx, c, func() error { return s.cfg.Members.Remove(ctx, req.ID) })
}

func (s *Service) clusterLead(ctx context.Context, c *call, req api.MemberChange) (reply, error) {
	return s.change(ctx, c, func() error { return s.cfg.Members.Lead(ctx, req.ID) })
}

// describe adds where members answer to what replication knows of them.
func (s *Service) describe(v *api.Cluster) {
	places := *s.m.whereabouts.Load()
	for i := range v.Members {
		v.Members[i].APIAddress = places[v.Members[i].ID].API
	}
}

// clusterEnlist hears a core say who and where it is. The cluster's token admitted it; with TLS its
// certificate has to name it as well.
func (s *Service) clusterEnlist(ctx context.Context, _ *call, e api.Enlist) (reply, error) {
	if err := s.checkEnlist(ctx, e); err != nil {
		return reply{}, err
	}
	// Only a node that leads for certain may say that somebody is no member.
	if err := s.log.ReadExact(ctx, func() error { return nil }); err != nil {
		return reply{}, err
	}
	if mine := s.m.History(); e.History != "" && mine != "" && e.History != mine {
		return reply{}, api.NewError(api.CodeConflict, "the data directory of %s is of history %s, which is not of this cluster: this one is history %s, timeline %d. One of the two was restored from a backup of the other, and only one may be the shop. If it is this cluster, which answers now, move that directory away and start %s with an empty one and --join; if it is the other, stop every core of this cluster first, and give the other a new cluster token.", e.ID, e.History, mine, s.m.Index().Timeline, e.ID)
	}
	if named := s.m.Keyring(); named != "" && e.Keyring != "" && e.Keyring != named {
		return reply{}, api.NewError(api.CodeConflict, "%s", otherKeyring)
	}
	if err := s.cfg.Members.Enlist(ctx, e); err != nil {
		return reply{}, err
	}
	if err := s.place(ctx, e.ID, nodeRec{Region: e.Region, API: e.API}); err != nil {
		return reply{}, err
	}
	v, err := s.coreNodes()
	return reply{value: v, status: 200}, err
}

func (s *Service) checkEnlist(ctx context.Context, e api.Enlist) error {
	if !handlePattern.MatchString(e.ID) {
		return api.Invalid("id", handleRule)
	}
	if len(e.Region) > 64 {
		return api.Invalid("region", "At most 64 characters.")
	}
	for name, addr := range map[string]string{"address": e.Address, "api": e.API} {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" || len(addr) > 300 {
			return api.Invalid(name, "Give host:port, as the other cores and edges reach it.")
		}
	}
	if p := ctx.Value(peerKey{}); s.cfg.NamedPeers && p != (Peer{Role: "core", Name: e.ID}) {
		return api.NewError(api.CodeForbidden, "Only core %s can enlist core %s: the certificate decides.", e.ID, e.ID)
	}
	return nil
}

// place records where a core is, unless that is known.
func (s *Service) place(ctx context.Context, id string, rec nodeRec) error {
	if (*s.m.whereabouts.Load())[id] == rec {
		return nil
	}
	_, err := s.propose(ctx, cmdPutMember, keying{}, putMemberCmd{ID: id, Region: rec.Region, API: rec.API})
	return err
}

// coreNodes are the members that have said where they answer.
func (s *Service) coreNodes() (api.CoreNodes, error) {
	v, err := s.cfg.Members.Cluster(context.Background())
	out := api.CoreNodes{Cores: []api.CoreNode{}}
	places := *s.m.whereabouts.Load()
	for _, m := range v.Members {
		if p := places[m.ID]; p.API != "" {
			out.Cores = append(out.Cores, api.CoreNode{ID: m.ID, Region: p.Region, API: p.API})
		}
	}
	return out, err
}

// Peer is who a connection's certificate names.
type Peer struct{ Role, Name string }

type peerKey struct{}

// WithPeer notes whose certificate a call came with.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

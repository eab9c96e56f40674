package core

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"sort"
	"time"

	"meridian/api"
)

// The longest a follower of the feed may be kept waiting for news.
const feedWaitMax = 2 * time.Second

func (s *Service) feedPoll(ctx context.Context, _ *call, q api.FeedQuery) (reply, error) {
	wait := min(time.Duration(q.WaitMS)*time.Millisecond, feedWaitMax)
	return reply{value: s.m.feed.poll(ctx, q.Cursor, max(wait, 0)), status: 200}, nil
}

func (s *Service) edgesAck(_ context.Context, _ *call, a api.EdgeAck) (reply, error) {
	live := map[string]bool{}
	s.mu.Lock()
	full := len(s.acks) >= maxEdges
	s.mu.Unlock()
	if full {
		s.m.db.View(func() { s.m.edges.Ascend("", func(id string, _ edgeRec) bool { live[id] = true; return true }) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if full { // edges that are long gone make room
		maps.DeleteFunc(s.acks, func(id string, _ api.Index) bool { return !live[id] })
	}
	if _, known := s.acks[a.Edge]; !known && len(s.acks) >= maxEdges {
		return reply{}, api.NewError(api.CodeOverloaded, "Too many edges.")
	}
	s.acks[a.Edge] = api.Max(s.acks[a.Edge], a.Cursor)
	close(s.acked)
	s.acked = make(chan struct{})
	return reply{value: api.None{}, status: 200}, nil
}

// maxEdges bounds what is remembered about edges.
const maxEdges = 10_000

func (s *Service) edgesRenew(ctx context.Context, _ *call, r api.EdgeRenew) (reply, error) {
	if !handlePattern.MatchString(r.Edge) || len(r.Region) > 64 {
		return reply{}, api.Invalid("edge", handleRule)
	}
	known, live := false, 0
	s.m.db.View(func() { _, known = s.m.edges.Get(r.Edge); live = s.m.edges.Len() })
	if !known && live >= maxEdges {
		return reply{}, api.NewError(api.CodeOverloaded, "Too many edges.")
	}
	if _, err := s.edgesAck(ctx, nil, api.EdgeAck{Edge: r.Edge, Cursor: r.Cursor}); err != nil {
		return reply{}, err
	}
	return s.propose(ctx, cmdRenewEdge, keying{}, renewEdgeCmd{Edge: r.Edge, Region: r.Region, Cursor: r.Cursor.Raft})
}

// liveEdges are the edges whose lease has not ended by log time.
func (m *Machine) liveEdges() []api.Edge {
	out := []api.Edge{}
	now := m.metaNow().NowMS
	m.edges.Ascend("", func(id string, e edgeRec) bool {
		if e.ExpiresMS > now {
			out = append(out, api.Edge{ID: id, Region: e.Region, Cursor: api.Index{Timeline: m.timeline(), Raft: e.Cursor}})
		}
		return true
	})
	return out
}

// purge invalidates tags on every edge and answers when each live one has said so, or its lease is over.
func (s *Service) purge(ctx context.Context, c *call, req api.Purge) (reply, error) {
	if err := need(c, roleOperator, roleMerchandiser); err != nil {
		return reply{}, err
	}
	if !req.All && len(req.Tags) == 0 {
		return reply{}, api.Invalid("tags", "Name the tags to purge, or set all.")
	}
	if len(req.Tags) > 1000 {
		return reply{}, api.Invalid("tags", "At most 1000 tags at once.")
	}
	for _, t := range req.Tags {
		if t == "" || len(t) > 200 || !clean(t) {
			return reply{}, api.Invalid("tags", "A tag is 1 to 200 characters, for example product:flash-mug.")
		}
	}
	start := time.Now()
	r, err := s.propose(ctx, cmdPurge, keying{}, purgeCmd{Tags: req.Tags, All: req.All, Soft: req.Soft})
	if err != nil {
		return r, err
	}
	out := api.PurgeResult{Index: r.index, Edges: []api.PurgeEdge{}}
	waiting := map[string]bool{}
	s.m.db.View(func() {
		for _, e := range s.m.liveEdges() {
			waiting[e.ID] = true
		}
	})
	for len(waiting) > 0 {
		live := map[string]bool{}
		s.m.db.View(func() {
			for _, e := range s.m.liveEdges() {
				live[e.ID] = true
			}
		})
		s.mu.Lock()
		news := s.acked
		for id := range waiting {
			applied := s.acks[id].Covers(r.index)
			if applied || !live[id] {
				out.Edges = append(out.Edges, api.PurgeEdge{ID: id, AppliedMS: time.Since(start).Milliseconds(), Expired: !applied})
				delete(waiting, id)
			}
		}
		s.mu.Unlock()
		if len(waiting) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return reply{}, api.NewError(api.CodeOutcomeUnknown, "The purge is decided, but not every edge has said that it applied it. Repeat it to be sure.")
		case <-news:
		case <-time.After(100 * time.Millisecond):
		}
	}
	sort.Slice(out.Edges, func(i, j int) bool { return out.Edges[i].ID < out.Edges[j].ID })
	return reply{value: out, status: 200, index: r.index}, nil
}

func (s *Service) outboxNext(ctx context.Context, _ *call, q api.OutboxQuery) (reply, error) {
	if q.Consumer != consumerAnalytics {
		return reply{}, api.Invalid("consumer", "The consumer outside the core is %s.", consumerAnalytics)
	}
	sl, at, err := s.cut(ctx, q.Consumer, min(max(q.Max, 1), 1000))
	if err != nil {
		return reply{}, err
	}
	out := api.OutboxSlice{Slice: sl.number}
	s.m.db.View(func() { out.Timeline, out.Abandoned, out.Entries = s.m.timeline(), s.m.abandoned(), s.entries(sl) })
	return reply{value: out, status: 200, index: at}, nil
}

// cut gives a consumer's oldest slice; nothing is written while there is nothing new.
func (s *Service) cut(ctx context.Context, consumer string, max int) (slice, api.Index, error) {
	idle := false
	at := s.m.View(func() {
		rec, _ := s.m.consumers.Get(consumer)
		idle = rec.Slice == 0 && rec.Acked >= s.m.metaNow().OutboxSeq
	})
	if idle {
		return slice{}, at, nil
	}
	r, err := s.propose(ctx, cmdCutSlice, keying{}, cutSliceCmd{Consumer: consumer, Max: max})
	if err != nil {
		return slice{}, at, err
	}
	sl, ok := r.value.(slice)
	if !ok {
		return slice{}, at, outcomeUnknown()
	}
	return sl, r.index, nil
}

func (s *Service) outboxDone(ctx context.Context, _ *call, a api.OutboxAck) (reply, error) {
	if a.Consumer != consumerAnalytics {
		return reply{}, api.Invalid("consumer", "The consumer outside the core is %s.", consumerAnalytics)
	}
	return s.propose(ctx, cmdAckSlice, keying{}, ackSliceCmd{Consumer: a.Consumer, Slice: a.Slice})
}

// status is this node's view of itself; the caller holds the tables' lock.
func (s *Service) status() api.NodeStatus {
	var h [8]byte
	binary.BigEndian.PutUint64(h[:], s.m.Hash())
	return api.NodeStatus{ID: s.cfg.ID, Region: s.cfg.Region, Leader: s.log.Leader(), Index: s.m.Index(), Hash: hex.EncodeToString(h[:]), Products: s.m.products.Len()}
}

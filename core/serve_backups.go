package core

import (
	"context"
	"strings"

	"meridian/api"
)

// EnsureHistory gives the present timeline its name, if it has none. Backups need it, so that two
// shops never share a place.
func (s *Service) EnsureHistory(ctx context.Context) error {
	known := false
	n := uint32(0)
	s.m.db.View(func() { _, known = s.m.present(); n = s.m.timeline() })
	if known {
		return nil
	}
	_, err := s.propose(ctx, cmdBeginTimeline, keying{}, beginTimelineCmd{Timeline: n, Record: timelineRec{History: newID(10)}})
	return err
}

func (s *Service) backups(ctx context.Context, c *call, before func()) (reply, error) {
	if err := need(c, roleOperator); err != nil {
		return reply{}, err
	}
	if s.cfg.Backups == nil {
		return reply{}, api.NewError(api.CodeConflict, "This shop has no backups: start its cores with --backup s3://bucket/prefix.")
	}
	before()
	v, err := s.cfg.Backups.List(ctx)
	if err != nil {
		return reply{}, api.NewError(api.CodeUnavailable, "The bucket of the backups cannot be read right now; the core's log says why.").WithCause(err)
	}
	at := s.m.View(func() { v.Restore = s.m.restoreOutcome() })
	return reply{value: v, status: 200, index: at}, nil
}

func (s *Service) backupsGet(ctx context.Context, c *call, _ api.None) (reply, error) {
	return s.backups(ctx, c, func() {})
}

func (s *Service) backupsTake(ctx context.Context, c *call, _ api.None) (reply, error) {
	r, err := s.backups(ctx, c, func() { s.cfg.Backups.Take() })
	if err == nil {
		r.status = 202
	}
	return r, err
}

// restoreOutcome is nil in a timeline that did not begin with a backup.
func (m *Machine) restoreOutcome() *api.RestoreOutcome {
	t, ok := m.present()
	if !ok || t.Parent == 0 {
		return nil
	}
	out := &api.RestoreOutcome{Fork: api.Index{Timeline: t.Parent, Raft: t.ForkIndex}, At: rfc(t.ForkMS), Done: t.DoneMS != 0, Charges: t.Checked}
	m.eachDifference("", func(string, differenceRec) bool { out.Differences++; return true })
	return out
}

// eachDifference visits those of the present timeline, after a key of the charge.
func (m *Machine) eachDifference(after string, fn func(key string, d differenceRec) bool) {
	prefix := timelineKey(m.timeline()) + " "
	from := prefix + after
	m.differences.Ascend(from, func(k string, d differenceRec) bool {
		if k == from && after != "" {
			return true
		}
		return strings.HasPrefix(k, prefix) && fn(k, d)
	})
}

func (s *Service) differencesList(c *call, p api.Page) (api.List[api.Difference], error) {
	out := api.List[api.Difference]{Items: []api.Difference{}}
	if err := need(c, roleOperator); err != nil {
		return out, err
	}
	limit, refusal := limitOf(p)
	if refusal != nil {
		return out, refusal
	}
	s.m.eachDifference(p.After, func(_ string, d differenceRec) bool {
		if len(out.Items) == limit {
			next := out.Items[limit-1].Key
			out.Next = &next
			return false
		}
		out.Items = append(out.Items, api.Difference{Order: d.Order, Charge: d.Charge, Key: d.Key, Found: d.Found, Action: d.Action,
			Amount: api.Money{Amount: d.Amount, Currency: d.Currency}, At: rfc(d.AtMS), Done: d.Done})
		return true
	})
	return out, nil
}

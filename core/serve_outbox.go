package core

import (
	"context"

	"meridian/api"
)

// maxSlice is the most entries a slice may have.
const maxSlice = 1000

// outsider checks who asks, and that the name is that of a consumer outside the shop.
func (s *Service) outsider(c *call, name string) error {
	if err := need(c, roleMerchandiser, roleOperator); err != nil {
		return err
	}
	if !handlePattern.MatchString(name) || len(name) > 64 {
		return api.Invalid("consumer", "Name the consumer: 1 to 64 of a-z, 0-9 and dashes.")
	}
	if ownConsumer(name) {
		return api.NewError(api.CodeForbidden, "%s is a part of the shop. Choose a name of your own.", name)
	}
	return nil
}

// joined refuses a consumer that nobody has made: for a name typed wrongly nothing would be kept.
func (s *Service) joined(c *call, name string) error {
	if err := s.outsider(c, name); err != nil {
		return err
	}
	known := false
	s.m.db.View(func() {
		rec, ok := s.m.consumers.Get(name)
		known = ok && rec.Outside
	})
	if !known {
		return noConsumer(name)
	}
	return nil
}

func (s *Service) outboxRead(ctx context.Context, c *call, q api.OutboxAsk) (reply, error) {
	if err := s.joined(c, q.Consumer); err != nil {
		return reply{}, err
	}
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	if limit < 1 || limit > maxSlice {
		return reply{}, api.Invalid("limit", "Give a limit between 1 and %d.", maxSlice)
	}
	sl, at, err := s.cut(ctx, q.Consumer, limit)
	if err != nil {
		return reply{}, err
	}
	out := api.OutboxPage{Slice: sl.number}
	s.m.db.View(func() {
		out.Entries = s.entries(sl)
		rec, _ := s.m.consumers.Get(q.Consumer)
		out.Lag = s.m.consumer(q.Consumer, rec).Lag
	})
	if sl.number > 0 {
		out.Missed = sl.to - sl.from + 1 - uint64(len(out.Entries))
	}
	return reply{value: out, status: 200, index: at}, nil
}

// entries renders a slice; the caller holds the tables' lock.
func (s *Service) entries(sl slice) []api.OutboxEntry {
	out := []api.OutboxEntry{}
	for seq := sl.from; seq <= sl.to && sl.number > 0; seq++ {
		e, ok := s.m.outbox.Get(outboxKey(seq))
		if !ok {
			continue
		}
		o, _ := s.m.orders.Get(e.Order)
		v := api.OutboxEntry{Seq: e.Seq, Timeline: max(e.Timeline, 1), At: rfc(e.AtMS), Type: e.Type, Order: s.m.order(o, false), Country: e.Country, Visitor: o.Visitor, Session: o.Session}
		if e.Amount > 0 {
			v.Refunded = &api.Money{Amount: e.Amount, Currency: o.Currency}
		}
		out = append(out, v)
	}
	return out
}

func (s *Service) outboxConfirm(ctx context.Context, c *call, a api.OutboxAck) (reply, error) {
	if err := s.joined(c, a.Consumer); err != nil {
		return reply{}, err
	}
	r, err := s.propose(ctx, cmdAckSlice, keying{}, ackSliceCmd{Consumer: a.Consumer, Slice: a.Slice})
	if err != nil {
		return r, err
	}
	s.m.db.View(func() {
		rec, _ := s.m.consumers.Get(a.Consumer)
		r.value = s.m.consumer(a.Consumer, rec)
	})
	return r, nil
}

func (s *Service) outboxConsumers(c *call, _ api.None) (api.List[api.OutboxConsumer], error) {
	out := api.List[api.OutboxConsumer]{Items: []api.OutboxConsumer{}}
	if err := need(c, roleMerchandiser, roleOperator); err != nil {
		return out, err
	}
	s.m.everyConsumer(func(name string, rec consumerRec) { out.Items = append(out.Items, s.m.consumer(name, rec)) })
	return out, nil
}

func (s *Service) outboxJoin(ctx context.Context, c *call, req api.OutboxConsumer) (reply, error) {
	if err := s.outsider(c, req.Name); err != nil {
		return reply{}, err
	}
	if req.From != "" && req.From != "oldest" && req.From != "now" {
		return reply{}, api.Invalid("from", "A consumer begins at oldest or now.")
	}
	return s.propose(ctx, cmdJoinOutbox, s.key(c, c.scope(), req), joinOutboxCmd{Name: req.Name, Now: req.From == "now"})
}

func (s *Service) outboxLeave(ctx context.Context, c *call, req api.OutboxConsumer) (reply, error) {
	if err := s.outsider(c, req.Name); err != nil {
		return reply{}, err
	}
	return s.propose(ctx, cmdJoinOutbox, s.key(c, c.scope(), req), joinOutboxCmd{Name: req.Name, Leave: true})
}

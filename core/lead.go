package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"meridian/api"
)

// Lead does what only the leader does, until ctx ends: it moves time, resolves payments that a crash
// left open, takes authorized money, and sends mail.
func (s *Service) Lead(ctx context.Context) {
	var wg sync.WaitGroup
	for _, work := range []func(context.Context){s.tick, s.resolve, s.capturePaid, s.sendMail} {
		wg.Add(1)
		go func() { defer wg.Done(); work(ctx) }()
	}
	wg.Wait()
}

// every runs fn in intervals until ctx ends.
func every(ctx context.Context, d time.Duration, fn func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			fn()
		}
	}
}

func (s *Service) tick(ctx context.Context) {
	every(ctx, time.Second, func() {
		if _, err := s.propose(ctx, cmdTick, keying{}, tickCmd{}); err != nil && ctx.Err() == nil {
			s.slog.Debug("tick", "error", err)
		}
	})
}

// openOrders lists orders of a kind that have been open for longer than age, oldest first as stored.
func (s *Service) openOrders(kind string, age time.Duration) []string {
	var ids []string
	s.m.db.View(func() {
		now := s.m.metaNow().NowMS
		s.m.open.Ascend("", func(id string, r openRec) bool {
			if r.Kind == kind && now-r.SinceMS >= age.Milliseconds() {
				ids = append(ids, id)
			}
			return len(ids) < 100
		})
	})
	return ids
}

// resolve settles what nobody is at any more: payments whose process died, refunds that failed.
func (s *Service) resolve(ctx context.Context) {
	every(ctx, time.Second, func() {
		for _, id := range s.openOrders(openPayment, s.cfg.ResolveAfter) {
			s.resolvePayment(ctx, id)
		}
		for _, id := range s.openOrders(openRefund, 3*time.Second) {
			s.refundOpen(ctx, id)
		}
	})
}

func (s *Service) resolvePayment(ctx context.Context, id string) {
	var res reservation
	ok := false
	s.m.db.View(func() {
		var o orderRec
		if o, ok = s.m.orders.Get(id); ok {
			ok = o.Reserved
			res = s.m.reservationOf(o, true)
		}
	})
	if !ok {
		return
	}
	p, err := s.settle(ctx, res.PayKey, errors.New("left open"))
	if err != nil {
		s.slog.Warn("resolve an open payment; it will be tried again", "order", id, "error", err)
		return
	}
	_, err = s.conclude(ctx, res, p)
	s.slog.Info("resolved an open payment", "order", id, "state", string(p.State), "outcome", string(api.CodeOf(err)))
}

// consume gives a consumer inside the core every outbox entry, at least once and in order.
func (s *Service) consume(ctx context.Context, name string, fn func(outboxRec, orderRec) error) {
	pause := 50 * time.Millisecond
	for ctx.Err() == nil {
		sl, _, err := s.cut(ctx, name, 500)
		if err == nil && sl.number > 0 {
			err = s.consumeSlice(ctx, sl, fn)
			if err == nil {
				_, err = s.propose(ctx, cmdAckSlice, keying{}, ackSliceCmd{Consumer: name, Slice: sl.number})
			}
		}
		if err != nil && ctx.Err() == nil {
			s.slog.Warn("outbox; it will be repeated", "consumer", name, "error", err)
			pause = min(pause*2, 10*time.Second)
		} else {
			pause = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (s *Service) consumeSlice(ctx context.Context, sl slice, fn func(outboxRec, orderRec) error) error {
	for seq := sl.from; seq <= sl.to; seq++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var e outboxRec
		var o orderRec
		ok := false
		s.m.db.View(func() {
			if e, ok = s.m.outbox.Get(outboxKey(seq)); ok {
				o, ok = s.m.orders.Get(e.Order)
			}
		})
		if !ok {
			continue
		}
		if err := fn(e, o); err != nil {
			return err
		}
	}
	return nil
}

// capturePaid takes the authorized money of paid orders.
func (s *Service) capturePaid(ctx context.Context) {
	s.consume(ctx, consumerPayments, func(e outboxRec, o orderRec) error {
		if e.Type != "order_placed" || o.Payment.State != payAuthorized {
			return nil
		}
		var key string
		s.m.db.View(func() { key = payKey(s.m.timeline(), o.ID, o.Payment.Attempt) })
		return s.capture(ctx, o, key)
	})
}

// mailTries is how often one mail is tried before it is given up, so that one bad address cannot
// hold back every other mail.
const mailTries = 5

func (s *Service) sendMail(ctx context.Context) {
	tries := map[uint64]int{}
	s.consume(ctx, consumerMail, func(e outboxRec, o orderRec) error {
		if s.cfg.Mailer == nil {
			return nil
		}
		var contact contactData
		known := false
		var view api.Order
		s.m.db.View(func() {
			contact, known = s.contact(o)
			view = s.m.order(o, true)
		})
		mail, wanted := orderMail(e, view, contact, s.cfg.ShopURL)
		if !known || !wanted {
			return nil
		}
		err := s.cfg.Mailer.Send(ctx, mail)
		if err == nil {
			delete(tries, e.Seq)
			return nil
		}
		if tries[e.Seq]++; tries[e.Seq] >= mailTries {
			s.slog.Error("mail given up", "order", o.ID, "type", e.Type, "error", err)
			delete(tries, e.Seq)
			return nil
		}
		return err
	})
}

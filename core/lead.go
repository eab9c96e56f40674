package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// Lead does what only the leader does, until ctx ends: it moves time, resolves payments that a crash
// left open, takes authorized money, and sends mail; after a restore it compares charges with orders first.
func (s *Service) Lead(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.tick(ctx) })
	wg.Go(func() { s.admitRooms(ctx) })
	s.reconcile(ctx) // returns at once, but after a restore
	for _, work := range []func(context.Context){s.resolve, s.capturePaid, s.sendMail} {
		wg.Go(func() { work(ctx) })
	}
	wg.Wait()
}

func (s *Service) tick(ctx context.Context) {
	pause.Every(ctx, time.Second, func() {
		if _, err := s.propose(ctx, cmdTick, keying{}, tickCmd{}); err != nil && ctx.Err() == nil {
			s.slog.Debug("tick", "error", err)
		}
	})
}

// openOrders lists orders of a kind whose turn it is by their age and the time they were opened, in
// milliseconds of log time; the oldest first, so that some which cannot be settled hold nobody back.
func (s *Service) openOrders(kind string, due func(age, opened int64) bool) []string {
	type found struct {
		id    string
		since int64
	}
	var all []found
	s.m.db.View(func() {
		now := s.m.metaNow().NowMS
		s.m.open.Ascend("", func(id string, r openRec) bool {
			if r.Kind == kind && due(now-r.SinceMS, r.SinceMS) {
				all = append(all, found{id, r.SinceMS})
			}
			return true
		})
	})
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.since, b.since) })
	ids := make([]string, min(len(all), 1000))
	for i := range ids {
		ids[i] = all[i].id
	}
	return ids
}

// resolve settles what nobody is at any more: payments whose process died, refunds that failed.
func (s *Service) resolve(ctx context.Context) {
	took := time.Now()
	var since int64
	s.m.db.View(func() { since = s.m.metaNow().NowMS })
	pause.Every(ctx, 500*time.Millisecond, func() {
		if time.Since(took) < takeOver {
			return
		}
		sideBySide(s.openOrders(openPayment, func(age, opened int64) bool {
			return opened <= since || age >= s.cfg.ResolveAfter.Milliseconds()
		}), func(id string) { s.resolvePayment(ctx, id) })
		sideBySide(s.openOrders(openRefund, func(age, _ int64) bool { return age >= 3000 }), func(id string) { s.refundOpen(ctx, id, keying{}) })
	})
}

// takeOver is how long a new leader leaves payments of its predecessor to the buyers, who repeat what
// had no answer. Then it asks the provider itself.
const takeOver = time.Second

// sideBySide calls fn for each of all, a few at a time, and waits for all of them.
func sideBySide[T any](all []T, fn func(T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for _, v := range all {
		slots <- struct{}{}
		wg.Add(1)
		go func() { defer wg.Done(); defer func() { <-slots }(); fn(v) }()
	}
	wg.Wait()
}

func (s *Service) resolvePayment(ctx context.Context, id string) {
	var res reservation
	ok := false
	s.m.db.View(func() {
		var o orderRec
		if o, ok = s.m.orders.Get(id); ok {
			ok = o.Reserved && !s.attended(o.Scope, o.IdemKey)
			res = s.m.reservationOf(o, true)
		}
	})
	if !ok {
		return
	}
	p, err := s.settle(ctx, res, errors.New("left open"))
	if err != nil {
		s.slog.Warn("resolve an open payment; it will be tried again", "order", id, "error", err)
		return
	}
	_, err = s.conclude(ctx, res, p)
	s.slog.Info("resolved an open payment", "order", id, "state", string(p.State), "outcome", string(api.CodeOf(err)))
}

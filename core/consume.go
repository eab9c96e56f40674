package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"meridian/api"
)

// happening is an outbox entry with the order it is about and the provider's key of its payment, as
// they were when the slice was read.
type happening struct {
	outboxRec
	order  orderRec
	payKey string
}

// consumer is somebody inside the core who gets every outbox entry, at least once.
type consumer struct {
	name string
	// handle deals with one entry. Entries of one slice are handled side by side if together says so,
	// else one after the other.
	handle   func(happening) error
	together bool
	// settle writes down what was handled, before it counts as done. May be nil.
	settle func(ctx context.Context) error
}

// maxFailures in one pass over a slice mean that the other side is down.
const maxFailures = 8

// consume works until ctx ends. The outbox is looked at in intervals: what happened in between shares
// a slice, and with it the log entries that a slice costs.
func (s *Service) consume(ctx context.Context, c consumer) {
	pause := consumeEvery
	done := map[uint64]bool{} // of the slice at hand, so that one bad entry does not repeat the others
	for ctx.Err() == nil {
		sl, _, err := s.cut(ctx, c.name, 500)
		if err == nil && sl.number > 0 {
			err = s.consumeSlice(ctx, c, sl, done)
			if err == nil {
				_, err = s.propose(ctx, cmdAckSlice, keying{}, ackSliceCmd{Consumer: c.name, Slice: sl.number})
			}
			if err == nil {
				clear(done)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.slog.Warn("outbox; it will be repeated", "consumer", c.name, "error", err)
			pause = min(pause*2, 10*time.Second)
		} else {
			pause = consumeEvery
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

const consumeEvery = 50 * time.Millisecond

// consumeSlice goes on after an entry that failed: it must not hold back the others.
func (s *Service) consumeSlice(ctx context.Context, c consumer, sl slice, done map[uint64]bool) error {
	var mu sync.Mutex // guards what follows
	var handled []happening
	var failed []error
	one := func(h happening) {
		mu.Lock()
		enough := len(failed) >= maxFailures || ctx.Err() != nil
		mu.Unlock()
		if enough {
			return
		}
		err := c.handle(h)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = append(failed, err)
			return
		}
		handled = append(handled, h)
	}
	all := s.happenings(sl, done)
	if c.together {
		sideBySide(all, one)
	} else {
		for _, h := range all {
			one(h)
		}
	}
	if c.settle != nil {
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	for _, h := range handled {
		done[h.Seq] = true
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// happenings reads a slice, but for what is done.
func (s *Service) happenings(sl slice, done map[uint64]bool) []happening {
	all := make([]happening, 0, sl.to-sl.from+1)
	s.m.db.View(func() {
		for seq := sl.from; seq <= sl.to; seq++ {
			if done[seq] {
				continue
			}
			e, ok := s.m.outbox.Get(outboxKey(seq))
			if !ok {
				continue
			}
			if o, ok := s.m.orders.Get(e.Order); ok {
				all = append(all, happening{e, o, payKey(o.ID, o.Payment.Attempt)})
			}
		}
	})
	return all
}

// capturePaid takes the authorized money of paid orders. Many captures are written down by one command.
func (s *Service) capturePaid(ctx context.Context) {
	var mu sync.Mutex // guards states
	states := map[string][]string{}
	s.consume(ctx, consumer{
		name: consumerPayments, together: true,
		handle: func(h happening) error {
			if h.Type != "order_placed" || h.order.Payment.State != payAuthorized {
				return nil
			}
			to, err := s.askCapture(ctx, h.order, h.payKey)
			if err == nil {
				mu.Lock()
				states[to] = append(states[to], h.Order)
				mu.Unlock()
			}
			return err
		},
		settle: func(ctx context.Context) error {
			defer clear(states) // what could not be written down is asked for again
			for _, to := range []string{payCaptured, payVoided} {
				if len(states[to]) == 0 {
					continue
				}
				if _, err := s.propose(ctx, cmdPaymentStates, keying{}, paymentStatesCmd{Orders: states[to], From: payAuthorized, To: to}); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// mailTries is how often one mail is tried before it is given up, so that one bad address cannot
// hold back every other mail.
const mailTries = 20

func (s *Service) sendMail(ctx context.Context) {
	tries := map[uint64]int{}
	s.consume(ctx, consumer{name: consumerMail, handle: func(h happening) error {
		if s.cfg.Mailer == nil {
			return nil
		}
		var contact contactData
		known := false
		var view api.Order
		s.m.db.View(func() {
			o, ok := s.m.orders.Get(h.Order) // as it is when its turn comes: the mails before it may have taken long
			if !ok {
				return
			}
			contact, known = s.contact(o)
			view = s.m.order(o, true)
		})
		mail, wanted := orderMail(h.outboxRec, view, contact, s.cfg.ShopURL)
		if !known || !wanted {
			return nil
		}
		err := s.cfg.Mailer.Send(ctx, mail)
		if err == nil {
			delete(tries, h.Seq)
			return nil
		}
		if tries[h.Seq]++; tries[h.Seq] >= mailTries {
			s.slog.Error("mail given up", "order", h.Order, "type", h.Type, "error", err)
			delete(tries, h.Seq)
			return nil
		}
		return err
	}})
}

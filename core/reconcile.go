package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// reconciling refuses what moves money while the charges of a restored shop are being compared.
func (s *Service) reconciling() error {
	busy := false
	s.m.db.View(func() {
		t, ok := s.m.present()
		busy = ok && t.DoneMS == 0
	})
	if !busy {
		return nil
	}
	e := api.NewError(api.CodeUnavailable, "The shop was restored from a backup, and payments are being compared with orders. Nothing was charged; repeat this in a moment.")
	e.RetryAfter = 5
	return e
}

// reconcile holds the provider's charges against the orders after a restore, and puts right what does
// not fit: money for orders that are lost goes back, orders whose money is gone are cancelled. It
// returns when that is done, or ctx ends. Repeating it is harmless. With backups, it begins when it is certain
// that no other shop has their place: that one's orders would look like lost ones, and be refunded.
func (s *Service) reconcile(ctx context.Context) {
	again := time.Second
	alone := s.cfg.Backups == nil
	for ctx.Err() == nil {
		var t timelineRec
		var n uint32
		s.m.db.View(func() {
			n = s.m.timeline()
			if r, ok := s.m.present(); ok && r.DoneMS == 0 {
				t = r
			}
		})
		if t.History == "" {
			return
		}
		if !alone {
			s.slog.Info("restored: looking whether another shop is at work with the bucket; nothing is sold until that is certain", "timeline", n)
			err := s.cfg.Backups.Alone(ctx)
			switch {
			case errors.Is(err, ErrAnotherShop):
				s.slog.Error("restored: nothing was compared, and nothing is sold", "error", err)
				<-ctx.Done()
				return
			case err != nil && ctx.Err() == nil:
				s.slog.Error("restored: look at the bucket of the backups; it will be tried again, and nothing is sold until then", "error", err)
			}
			if alone = err == nil; !alone {
				again = wait(ctx, again)
				continue
			}
		}
		s.slog.Info("restored: comparing the provider's charges with the orders; nothing is sold until that is done", "timeline", n, "since", rfc(t.SinceMS))
		c := comparison{Service: s, timeline: n, rec: t}
		err := c.run(ctx)
		if err == nil {
			_, err = s.propose(ctx, cmdEndReconcile, keying{}, endReconcileCmd{Timeline: n, Checked: c.checked})
		}
		if err == nil {
			s.slog.Info("restored: charges and orders agree; selling goes on", "timeline", n, "charges", c.checked, "differences", c.differences)
			return
		}
		if ctx.Err() == nil {
			s.slog.Error("restored: compare charges with orders; it will be tried again, and nothing is sold until then", "checked", c.checked, "error", err)
		}
		again = wait(ctx, again)
	}
}

// wait lets d go by, and answers with the next, longer time.
func wait(ctx context.Context, d time.Duration) time.Duration {
	_ = pause.For(ctx, d)
	return min(2*d, 15*time.Second)
}

// comparison is one pass over the charges and the orders.
type comparison struct {
	*Service
	timeline    uint32
	rec         timelineRec
	checked     uint64
	differences int
}

func (c *comparison) run(ctx context.Context) error {
	if err := c.finishBegun(ctx); err != nil {
		return err
	}
	since := time.UnixMilli(c.rec.SinceMS)
	for after, more := "", true; more; {
		page, next, err := c.cfg.Payments.Changed(ctx, since, after)
		if err != nil {
			return fmt.Errorf("list the provider's charges: %w", err)
		}
		for _, ch := range page {
			if err := c.charge(ctx, ch); err != nil {
				return fmt.Errorf("charge %s of order key %s: %w", ch.Charge, ch.Key, err)
			}
			c.checked++
		}
		after, more = next, next != ""
	}
	return c.orders(ctx)
}

// finishBegun goes on with what a leader before has begun.
func (c *comparison) finishBegun(ctx context.Context) error {
	var open []differenceRec
	prefix := timelineKey(c.timeline) + " "
	c.m.db.View(func() {
		c.m.differences.Ascend(prefix, func(k string, d differenceRec) bool {
			if !strings.HasPrefix(k, prefix) {
				return false
			}
			if !d.Done {
				open = append(open, d)
			}
			return true
		})
	})
	for _, d := range open {
		p, err := c.cfg.Payments.Lookup(ctx, d.Key)
		if err != nil {
			return err
		}
		// Refunded counts what is back already: the same key of the refund makes a repeat harmless.
		if err := c.giveMoneyBack(ctx, d, p.State); err != nil {
			return err
		}
	}
	return nil
}

// charge compares one charge with the order that its key names.
func (c *comparison) charge(ctx context.Context, ch PaymentCharge) error {
	id, attempt, ours := parsePayKey(ch.Key)
	if !ours {
		return nil // of somebody else with the same account
	}
	var o orderRec
	known := false
	look := func() { c.m.db.View(func() { o, known = c.m.orders.Get(id) }) }
	look()
	if known && o.Reserved && attempt == o.Payment.Attempt {
		c.resolvePayment(ctx, id)
		if look(); o.Reserved {
			return errors.New("its payment is still open")
		}
		return nil // just decided by the provider's own word
	}
	d := differenceRec{Key: ch.Key, Order: id, Charge: ch.Charge, Amount: ch.Amount, Currency: ch.Currency, Found: string(ch.State)}
	if !known || attempt != o.Payment.Attempt || o.Payment.Charge == "" {
		if ch.State != PaymentAuthorized && ch.State != PaymentCaptured {
			return nil // no money moved, or it is back
		}
		if ch.State == PaymentCaptured {
			d.Amount = ch.Captured - ch.Refunded
		}
		d.Action = actionGiveBack
		if err := c.note(ctx, d, false); err != nil {
			return err
		}
		return c.giveMoneyBack(ctx, d, ch.State)
	}
	return c.compare(ctx, o, ch.PaymentResult, d)
}

// giveMoneyBack voids or refunds a charge without an order, and writes that down.
func (c *comparison) giveMoneyBack(ctx context.Context, d differenceRec, state PaymentState) error {
	if state == PaymentAuthorized {
		p, err := c.cfg.Payments.Void(ctx, d.Key)
		if err != nil {
			return err
		}
		state = p.State
	}
	switch state {
	case PaymentCaptured:
		_, err := c.cfg.Payments.Refund(ctx, d.Key, fmt.Sprintf("%d/%s/restore/refund", c.timeline, d.Order), d.Amount)
		if err != nil && !errors.Is(err, ErrPaymentsRefused) {
			return err
		}
		if d.Action = actionRefunded; err != nil {
			d.Action = actionForAPerson // asking again would not help, and must not keep the shop closed
		}
	case PaymentRefunded:
		d.Action = actionRefunded
	case PaymentVoided, PaymentDeclined, PaymentUnknown:
		d.Action = actionVoided
	default:
		return fmt.Errorf("the provider answered %q when its money was to be given back", state)
	}
	return c.note(ctx, d, true)
}

// compare holds a known order's payment against the provider's word.
func (c *comparison) compare(ctx context.Context, o orderRec, p PaymentResult, d differenceRec) error {
	owed := o.Payment.State == payAuthorized || o.Payment.State == payCaptured
	var back int64
	for _, r := range o.Payment.Refunds {
		back += r.Amount
	}
	d.Amount = o.Total
	switch {
	case owed && (p.State == PaymentVoided || p.State == PaymentDeclined || p.State == PaymentUnknown):
		d.Action = actionCancelled
		if left(o) {
			d.Action = actionForAPerson
		}
	case p.Refunded > back:
		d.Action, d.Amount = actionRefundNoted, p.Refunded-back
	default:
		return nil
	}
	return c.note(ctx, d, true)
}

// orders asks for the payments of orders around the time of the backup, in case the provider's list
// does not have them.
func (c *comparison) orders(ctx context.Context) error {
	var all []orderRec
	c.m.db.View(func() {
		c.m.orderSeq.Descend("", func(_, id string) bool {
			o, ok := c.m.orders.Get(id)
			if ok && o.PlacedMS < c.rec.SinceMS {
				return false
			}
			if ok && o.Payment.Charge != "" && (o.Payment.State == payAuthorized || o.Payment.State == payCaptured) {
				all = append(all, o)
			}
			return true
		})
	})
	for _, o := range all {
		key := payKey(o.ID, o.Payment.Attempt)
		p, err := c.cfg.Payments.Lookup(ctx, key)
		if err != nil {
			return fmt.Errorf("look up the payment of order %s: %w", o.ID, err)
		}
		d := differenceRec{Key: key, Order: o.ID, Charge: o.Payment.Charge, Currency: o.Currency, Found: string(p.State)}
		if err := c.compare(ctx, o, p, d); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) note(ctx context.Context, d differenceRec, done bool) error {
	d.Done = done
	if _, err := c.propose(ctx, cmdDifference, keying{}, differenceCmd{Timeline: c.timeline, Record: d}); err != nil {
		return err
	}
	if done {
		c.differences++
		c.slog.Warn("restored: a charge and an order did not fit", "order", d.Order, "charge", d.Charge, "found", d.Found, "action", d.Action, "amount", d.Amount, "currency", d.Currency)
	}
	return nil
}

// parsePayKey reads what payKey makes.
func parsePayKey(key string) (order string, attempt int, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 || parts[3] != "authorize" {
		return "", 0, false
	}
	n, err := strconv.Atoi(parts[2])
	return parts[1], n, err == nil && payKey(parts[1], n) == key
}

package edge

import (
	"context"
	"strconv"

	"meridian/api"
	"meridian/web"
)

// The arms in which visits are compared: some get what is popular in place of the table, so that the shop sees what the table is worth.
// recommend/DESIGN.md has the rule.
const (
	armTable   = "table"
	armHoldout = "holdout"
	// holdoutRules is the version of what is recommended to those who are held out.
	holdoutRules = "holdout-1"
)

// heldOut says whether a visit gets what is popular. The script recommend.js decides by the same rule, so both must change together.
func heldOut(visit string, percent int) bool {
	n, err := strconv.ParseUint(visitTail(visit), 16, 32)
	return err == nil && n*100 < uint64(percent)<<32
}

// visitTail are the last 32 bits of a visit's id, which are random in a UUID of version 7; "" for what is none.
func visitTail(visit string) string {
	const length, tail = 36, 8
	if len(visit) != length {
		return ""
	}
	return visit[length-tail:]
}

// adviseVisit chooses products for a page that is rendered for one visit alone, for what was chosen in it. There the edge itself keeps
// those who are held out from the table. Who has not agreed to be remembered is in no arm.
func (s *Shop) adviseVisit(ctx context.Context, r *Request, chosen []string) (advice, error) {
	t, visit, here := s.public(r), "", occasion{visit: chosen, buys: true, reason: withReason}
	if s.agreed(r) {
		visit = r.Jar.Visit
	}
	tail := visitTail(visit)
	if s.cfg.Holdout == 0 || tail == "" || len(chosen) == 0 || s.model() == nil {
		return s.advise(ctx, t, withCards, here)
	}
	if heldOut(visit, s.cfg.Holdout) {
		a, err := s.adviseHeldOut(ctx, t, withCards, chosen)
		a.arm, a.visit = armHoldout, tail
		return a, err
	}
	a, err := s.advise(ctx, t, withCards, here)
	a.arm, a.visit = armTable, tail
	return a, err
}

// adviseHeldOut chooses n products that are popular, without the excepted ones.
func (s *Shop) adviseHeldOut(ctx context.Context, t *trip, n int, except []string) (advice, error) {
	a := advice{algorithm: byTrend, version: holdoutRules}
	products, err := s.popular(ctx, t, n, except)
	a.add(byTrend, products, popularReason)
	return a, err
}

// on says on a page how its recommendations were chosen.
func (a *advice) on(l *web.Layout) {
	l.RecAlgorithm, l.RecVersion, l.RecArm, l.RecVisit = a.algorithm, a.version, a.arm, a.visit
}

// recommendHeldOut answers what somebody who is held out sees: the same for all of them, so that it can be cached.
func (s *Shop) recommendHeldOut(ctx context.Context, r *Request, product, slot string, limit int) (*Answer, error) {
	var except []string
	if product != "" {
		except = []string{product}
	}
	t := s.public(r)
	picked, err := s.adviseHeldOut(ctx, t, limit, except)
	if err != nil {
		return nil, err
	}
	return picked.answer(t, slot)
}

// answer is the list as the API gives it.
func (a *advice) answer(t *trip, slot string) (*Answer, error) {
	out := api.Recommendations{Algorithm: a.algorithm, Version: a.version, Slot: slot, Items: []api.Recommendation{}}
	for i := range a.products {
		out.Items = append(out.Items, recommendation(&a.products[i], a.reasons[i]))
	}
	answer := t.answer()
	answer.Tags, answer.TTL = listTags(a.products), trendingTTL
	return reply(answer, 200, out)
}

package core

import (
	"context"
	"regexp"

	"meridian/api"
)

var sourcePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// maxSequence is the largest number that every JSON reader keeps exact.
const maxSequence = 1 << 53

// stockFeed takes a warehouse's counts. Source and sequence make a message harmless to repeat already;
// an idempotency key gives its first answer again, too.
func (s *Service) stockFeed(ctx context.Context, c *call, req api.StockFeed) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	if f := checkFeed(req); len(f) > 0 {
		return s.storeRefusal(ctx, k, api.InvalidFields(f))
	}
	cmd := feedCmd{Source: req.Source, Items: make([]feedItemRec, len(req.Items))}
	for i, item := range req.Items {
		cmd.Items[i] = feedItemRec{SKU: truncate(item.SKU, 64), Location: truncate(orMain(item.Location), 64), OnHand: item.OnHand, Sequence: sequenceOf(req, item)}
	}
	r, err := s.propose(ctx, cmdFeed, k, cmd)
	if err != nil || r.status >= 400 {
		return r, err
	}
	outcomes, err := as[[]feedOutcome](r)
	if err != nil {
		return r, err
	}
	r.value, r.raw = feedResult(req, outcomes), nil
	return r, nil
}

// checkFeed says what is wrong with a message as a whole.
func checkFeed(req api.StockFeed) (f fields) {
	if !sourcePattern.MatchString(req.Source) {
		f.add("source", "Name the source: 1 to 64 letters, digits, dots, dashes and underscores, the same in each of its messages.")
	}
	if req.Sequence < 0 || req.Sequence > maxSequence {
		f.add("sequence", "Give a number from 1 to 2^53 that rises with each message.")
	}
	if len(req.Items) == 0 || len(req.Items) > api.MaxFeedItems {
		f.add("items", "A message holds 1 to %d counts. Send more messages.", api.MaxFeedItems)
		return f
	}
	for _, item := range req.Items {
		if n := sequenceOf(req, item); n < 1 || n > maxSequence {
			f.add("sequence", "Give the message a sequence from 1 to 2^53, or each of its items.")
			return f
		}
	}
	return f
}

func sequenceOf(req api.StockFeed, item api.FeedItem) int64 {
	if item.Sequence != 0 {
		return item.Sequence
	}
	return req.Sequence
}

// feedResult joins what was asked with what came of it.
func feedResult(req api.StockFeed, outcomes []feedOutcome) api.StockFeedResult {
	v := api.StockFeedResult{Source: req.Source, Items: []api.FeedOutcome{}}
	for i, o := range outcomes[:min(len(outcomes), len(req.Items))] {
		item := req.Items[i]
		x := api.FeedOutcome{SKU: item.SKU, Location: orMain(item.Location), Sequence: sequenceOf(req, item), Repeat: o.repeat, Latest: o.latest,
			OnHand: o.onHand, Reserved: o.reserved, Available: o.onHand - o.reserved}
		switch o.code {
		case feedApplied:
			x.Outcome = api.FeedApplied
			v.Applied++
		case feedClamped:
			x.Outcome, x.Detail = api.FeedClamped, "Orders that are being paid hold more than was counted; on hand is what they hold. Count again when they are done."
			v.Clamped++
		case feedStale:
			x.Outcome = api.FeedStale
			v.Stale++
		default:
			x.Outcome = api.FeedRefused
			x.Code, x.Detail = whyRefused(o.code)
			v.Refused++
		}
		v.Items = append(v.Items, x)
	}
	return v
}

func whyRefused(code feedCode) (api.Code, string) {
	switch code {
	case feedUnknownSKU:
		return api.CodeNotFound, "There is no such SKU. Create its product, then send the count again."
	case feedUnknownLocation:
		return api.CodeInvalid, "There is no such location. PUT /admin/api/v1/locations creates it; then send the count again."
	case feedSequenceReused:
		return api.CodeConflict, "This source has sent another count under this sequence. Send it under a higher one."
	}
	return api.CodeInvalid, "A count is between 0 and 1000000000."
}

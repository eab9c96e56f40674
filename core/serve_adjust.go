package core

import (
	"context"

	"github.com/cespare/xxhash/v2"

	"meridian/api"
)

// adjustment checks a request to adjust stock and gives it the form of the log. A refusal is an error
// unless a repeat with the same key has to get it again: then it goes into the log as well.
func (s *Service) adjustment(c *call, req *api.AdjustStock) (a adjustment, err error) {
	if err := need(c, roleMerchandiser); err != nil {
		return a, err
	}
	if len(req.SKU) > maxID {
		return a, adjustUnknownSKU.refuse(truncate(req.SKU, 20), 0, 0, 0)
	}
	a.delta = req.Delta
	a.sku = []byte(req.SKU)
	if req.Location != api.DefaultLocation {
		a.location = []byte(req.Location)
	}
	a.reason = []byte(req.Reason)
	if c.Key != "" {
		if s.m.liveKeys.Load() >= s.cfg.AdjustKeysMax {
			return a, api.NewError(api.CodeOverloaded, "More idempotency keys are alive than this shop keeps. Try again later.")
		}
		a.life = lifePrincipal
		if isEdgeKey(c.Key) {
			a.life = lifeEdge
		}
		a.id = s.cfg.Keyring.KeyID("stock.adjust", c.scope(), c.Key)
		a.body = adjustBody(&a)
	}
	switch {
	case len(a.location) > 0 && !locationPattern.MatchString(req.Location):
		a.refusal, a.location = adjustBadLocation, nil
	case req.Delta < -maxOnHand || req.Delta > maxOnHand:
		a.refusal, a.delta = adjustBadDelta, 0
	case len(req.Reason) > 200 || !clean(req.Reason):
		a.refusal, a.reason = adjustBadReason, nil
	}
	if a.refusal != adjustDone && a.life != lifePrincipal {
		return a, a.refusal.refuse(req.SKU, req.Delta, 0, 0)
	}
	return a, nil
}

// adjustBody tells the requests apart that one key is used with.
func adjustBody(a *adjustment) (h bodyHash) {
	var buf [128]byte
	b := a.appendTexts(append(buf[:0], byte(a.delta>>56), byte(a.delta>>48), byte(a.delta>>40), byte(a.delta>>32),
		byte(a.delta>>24), byte(a.delta>>16), byte(a.delta>>8), byte(a.delta)))
	sum := xxhash.Sum64(b)
	for i := range h {
		h[i] = byte(sum >> (8 * i))
	}
	return h
}

func (s *Service) stockAdjust(ctx context.Context, c *call, req api.AdjustStock) (reply, error) {
	a, err := s.adjustment(c, &req)
	if err != nil {
		return reply{}, err
	}
	v, err := s.log.Propose(ctx, appendAdjust(make([]byte, 0, 128), &a))
	if err != nil {
		return reply{}, err
	}
	r, ok := v.(*adjustResult)
	if !ok {
		return reply{}, appliedBefore()
	}
	out := reply{status: 200, replay: r.replay, index: api.Index{Timeline: s.m.timeline(), Raft: r.at}}
	if refusal := r.refusal(); refusal != nil {
		out.status = refusal.Status
		return out, refusal
	}
	out.value = r.level(s.m.timeline())
	return out, nil
}

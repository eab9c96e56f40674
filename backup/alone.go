package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"meridian/internal/objects"
	"meridian/internal/pause"
)

const lookAgainEvery = 500 * time.Millisecond

// Claim makes the timeline's place in the bucket this history's own. ErrForeign: it is another's.
func (s *Shipper) Claim(ctx context.Context) error {
	if err := s.cfg.Store.EnsureBucket(ctx); err != nil {
		return err
	}
	return s.bucket.claim(ctx, s.cfg.Source.Position())
}

// Alone returns nil once it is certain that no other shop is at work with this bucket: the timeline is
// this history's own, and no other timeline grew for Config.Quiet. A leader that serves writes something
// every second, so that one which lives is seen. ErrForeign: there is another, and looking again before
// somebody has decided which one is the shop would be wrong. Other errors may pass.
func (s *Shipper) Alone(ctx context.Context) error {
	if err := s.Claim(ctx); err != nil {
		return err
	}
	mine := s.cfg.Source.Position().Timeline
	before, err := s.bucket.newest(ctx)
	if err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < s.cfg.Quiet; {
		if err := pause.For(ctx, lookAgainEvery); err != nil {
			return err
		}
		now, err := s.bucket.newest(ctx)
		if err != nil {
			return err
		}
		for _, n := range timelinesOf(now) {
			if n != mine && now[n] > before[n] {
				return fmt.Errorf("%w: a shop is writing timeline %d there right now (index %d, %d a moment ago), this is timeline %d; one of the two is not the shop: stop that one, and start this one again only if it is this that stays",
					ErrForeign, n, now[n], before[n], mine)
			}
		}
	}
	return nil
}

// newest is the last index that each timeline has log for, by the names alone.
func (b *Bucket) newest(ctx context.Context) (map[uint32]uint64, error) {
	out := map[uint32]uint64{}
	err := b.store.List(ctx, b.prefix, "", func(e objects.Entry) error {
		if number, kind, _, to := parseKey(e.Key[len(b.prefix):]); kind == "segment" {
			out[number] = max(out[number], to)
		}
		return nil
	})
	return out, err
}

func timelinesOf(m map[uint32]uint64) []uint32 { return slices.Sorted(maps.Keys(m)) }

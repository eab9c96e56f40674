package backup

import (
	"cmp"
	"fmt"
	"slices"
)

// Base is the newest full backup at or below index, and whether there is one.
func (t Timeline) Base(index uint64) (m Manifest, ok bool) {
	for _, f := range t.Fulls {
		if f.Index <= index {
			m, ok = f, true
		}
	}
	return m, ok
}

// End is the last index that can be restored: the newest full backup and what follows it without a gap.
func (t Timeline) End() uint64 {
	var end uint64
	for _, f := range t.Fulls {
		end = max(end, t.Reach(f))
	}
	return end
}

// Reach is how far the log leads from a full backup.
func (t Timeline) Reach(f Manifest) uint64 {
	_, reached := t.follow(f.Index, ^uint64(0))
	return reached
}

// Chain is the segments that lead from one index to another without a gap. An overlap is harmless:
// entries that are known already are skipped.
func (t Timeline) Chain(from, to uint64) ([]Span, error) {
	chain, reached := t.follow(from, to)
	if reached < to {
		next := to
		for _, s := range t.Spans {
			if s.After > reached {
				next = min(next, s.After)
			}
		}
		return nil, fmt.Errorf("%w: the entries %d to %d of timeline %d are not in the bucket; the nearest that can be restored is --to-index %d",
			ErrMissing, reached+1, next, t.Number, reached)
	}
	return chain, nil
}

// follow takes, at each step, the segment that leads furthest.
func (t Timeline) follow(from, to uint64) (chain []Span, reached uint64) {
	spans := slices.Clone(t.Spans)
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.After, b.After) })
	reached = from
	for i := 0; reached < to; {
		var best Span
		for ; i < len(spans) && spans[i].After <= reached; i++ {
			if spans[i].To > best.To {
				best = spans[i]
			}
		}
		if best.To <= reached {
			break
		}
		chain, reached = append(chain, best), best.To
	}
	return chain, reached
}

// Range is a part of a timeline that can be restored to any of its indexes.
type Range struct{ From, To uint64 }

// Ranges lists them, oldest first.
func (t Timeline) Ranges() []Range {
	var out []Range
	for _, f := range t.Fulls {
		reached := t.Reach(f)
		if n := len(out); n > 0 && out[n-1].To >= f.Index {
			out[n-1].To = max(out[n-1].To, reached)
			continue
		}
		out = append(out, Range{f.Index, reached})
	}
	return out
}

// Hole is a part of the log that is missing, with log behind it that cannot be used for that.
type Hole struct {
	From, To uint64 // the missing entries
	Segments int    // how many are behind it
	Last     uint64 // the last index they hold
}

// String says what is missing.
func (h Hole) String() string {
	return fmt.Sprintf("the log has a hole: the entries %d to %d are missing, and %d segments after it, up to index %d, cannot be used", h.From, h.To, h.Segments, h.Last)
}

// Hole finds what End leaves out: log that is in the bucket, and that nothing leads to.
func (t Timeline) Hole() (h Hole, ok bool) {
	end := t.End()
	for _, s := range t.Spans {
		if s.To <= end {
			continue
		}
		if h.Segments++; h.To == 0 || s.After < h.To {
			h.To = s.After
		}
		h.Last = max(h.Last, s.To)
	}
	h.From = end + 1
	return h, h.Segments > 0
}

// Older is a full backup before one that turned out to be damaged, and the log from there to an index.
func (t Timeline) Older(than Manifest, to uint64) (m Manifest, chain []Span, ok bool) {
	for i, f := range t.Fulls {
		if f.Snapshot == than.Snapshot {
			for i--; i >= 0; i-- {
				if chain, err := t.Chain(t.Fulls[i].Index, to); err == nil {
					return t.Fulls[i], chain, true
				}
			}
		}
	}
	return m, nil, false
}

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
		_, reached := t.follow(f.Index, ^uint64(0))
		end = max(end, reached)
	}
	return end
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
		_, reached := t.follow(f.Index, ^uint64(0))
		if n := len(out); n > 0 && out[n-1].To >= f.Index {
			out[n-1].To = max(out[n-1].To, reached)
			continue
		}
		out = append(out, Range{f.Index, reached})
	}
	return out
}

package backup

import (
	"context"
	"sync"
)

// maxEnds bounds how many ends of segments are remembered.
const maxEnds = 256

// ends remembers the last log time of segments, which never change: a list is asked for again and again.
type ends struct {
	mu sync.Mutex
	ms map[string]int64
}

// When is the log time, in milliseconds, at both ends of a range; 0 where it is not known, as when S3 does not answer
// or the segment was merged meanwhile.
func (b *Bucket) When(ctx context.Context, t Timeline, r Range) (from, to int64) {
	for _, f := range t.Fulls {
		if f.Index == r.From {
			from = f.TimeMS
		}
		if f.Index == r.To {
			to = f.TimeMS
		}
	}
	for _, s := range t.Spans {
		if to == 0 && s.To == r.To {
			to = b.end(ctx, t, s)
		}
	}
	return from, to
}

func (b *Bucket) end(ctx context.Context, t Timeline, s Span) int64 {
	b.ends.mu.Lock()
	ms, ok := b.ends.ms[s.Key]
	b.ends.mu.Unlock()
	if ok {
		return ms
	}
	seg, err := b.Segment(ctx, s, t.Number)
	if err != nil {
		return 0
	}
	b.ends.mu.Lock()
	defer b.ends.mu.Unlock()
	if b.ends.ms == nil || len(b.ends.ms) >= maxEnds {
		b.ends.ms = map[string]int64{}
	}
	b.ends.ms[s.Key] = seg.LastMS
	return seg.LastMS
}

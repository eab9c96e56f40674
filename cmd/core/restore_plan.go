package main

import (
	"context"
	"errors"
	"fmt"

	"meridian/backup"
	"meridian/internal/flagenv"
)

// plan is what a restore is made of.
type plan struct {
	timeline backup.Timeline
	base     backup.Manifest
	chain    []backup.Span
	to       uint64 // the last index to apply
	moment   int64  // the last time to apply, in milliseconds; 0: any
	after    uint64 // there is no log after to, but a full backup of this index; 0: nothing later
	next     uint32
}

// planRestore finds out what there is, and what a restore or a check needs of it.
func planRestore(ctx context.Context, bucket *backup.Bucket, o restoreOptions) (p plan, err error) {
	all, err := bucket.Timelines(ctx)
	if err != nil {
		return p, err
	}
	if p, err = choosePlan(all, o); err != nil || p.moment == 0 || p.after != 0 {
		return p, err
	}
	last := p.base.TimeMS
	if n := len(p.chain); n > 0 {
		s, err := bucket.Segment(ctx, p.chain[n-1], p.timeline.Number)
		if errors.Is(err, backup.ErrMissing) {
			return p, nil // merged meanwhile: the shop lives, and its backup does not end there
		}
		if err != nil {
			return p, err
		}
		if last = s.LastMS; last == 0 {
			return p, nil
		}
	}
	if p.moment > last {
		if h, ok := p.timeline.Hole(); ok {
			return p, fmt.Errorf("%w: %v; what leads there ends at index %d, %s, before the time asked for: --to-index %d restores that", backup.ErrMissing, h, p.to, clock(last), p.to)
		}
		return p, flagenv.Errorf("to-time", "the backup of timeline %d ends at index %d, %s, before the time asked for; leave --to-time away to restore all of it", p.timeline.Number, p.to, clock(last))
	}
	return p, nil
}

func choosePlan(all []backup.Timeline, o restoreOptions) (p plan, err error) {
	var damaged []error
	for _, t := range all {
		p.next = t.Number + 1
		if o.timeline != 0 && uint(t.Number) != o.timeline {
			continue
		}
		damaged = append(damaged, t.Damaged...)
		if len(t.Fulls) > 0 {
			p.timeline = t
		}
	}
	if p.timeline.Number == 0 && len(damaged) == 0 && (len(all) == 0 || o.timeline == 0) {
		return p, noBackup(o)
	}
	if p.timeline.Number == 0 {
		if len(damaged) > 0 {
			return p, fmt.Errorf("%s holds no full backup of the timeline asked for that can be read: %w", o.from, oneLine(damaged))
		}
		return p, flagenv.Errorf("timeline", "%s holds no full backup of the timeline asked for; core backup list --from %s shows what there is", o.from, o.from)
	}
	end := p.timeline.End()
	hole, holed := p.timeline.Hole()
	if p.to = end; o.toIndex != 0 {
		if p.to = o.toIndex; p.to > end {
			if holed {
				return p, fmt.Errorf("%w: %v; the last index that can be restored is --to-index %d", backup.ErrMissing, hole, end)
			}
			return p, flagenv.Errorf("to-index", "the bucket has timeline %d up to index %d", p.timeline.Number, end)
		}
	}
	found := false
	for _, m := range p.timeline.Fulls {
		if m.Index <= p.to && (o.moment.IsZero() || m.TimeMS <= o.moment.UnixMilli()) {
			p.base, found = m, true
		}
	}
	if !found {
		return p, tooEarly(all, p.timeline, o)
	}
	if !o.moment.IsZero() {
		p.moment = o.moment.UnixMilli()
		for _, r := range p.timeline.Ranges() { // the log may end before the newest full backup
			if r.From <= p.base.Index && p.base.Index <= r.To && r.To < end {
				p.to, p.after = r.To, end
			}
		}
	}
	p.chain, err = p.timeline.Chain(p.base.Index, p.to)
	return p, err
}

// noBackup says what is missing where a backup was looked for.
func noBackup(o restoreOptions) error {
	name := "from"
	if o.checks {
		name = "backup"
	}
	return flagenv.Errorf(name, "there is no backup in %s: look at the prefix, which has to be that of the cores; a core makes one when core serve has --backup %s and the --s3-* settings, and core backup take waits until it is there", o.from, o.from)
}

// tooEarly says what is asked for is before a timeline's oldest full backup, and who may have it.
func tooEarly(all []backup.Timeline, t backup.Timeline, o restoreOptions) error {
	first := t.Fulls[0]
	name, has := "to-index", func(f backup.Manifest) bool { return f.Index <= o.toIndex }
	if !o.moment.IsZero() {
		name, has = "to-time", func(f backup.Manifest) bool { return f.TimeMS <= o.moment.UnixMilli() }
	}
	hint := "nothing here is older"
	for _, other := range all { // the newest of them counts
		if other.Number < t.Number && len(other.Fulls) > 0 && has(other.Fulls[0]) {
			hint = fmt.Sprintf("timeline %d, before it, begins earlier: --timeline %d", other.Number, other.Number)
		}
	}
	return flagenv.Errorf(name, "the oldest full backup of timeline %d is of index %d, %s; %s", t.Number, first.Index, clock(first.TimeMS), hint)
}

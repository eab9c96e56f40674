package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/history"
)

// deed is a write with its key, which can be done again.
type deed struct {
	name string
	op   history.Op
	// do asks once. The answer is what must be the same for every repeat.
	do func(ctx context.Context) (answer any, err error)
	// record writes what became of it into the history, once it is known.
	record func(op history.Op, answer any)
	// fleeting says that a repeat may answer otherwise: with the thing as it is by then.
	fleeting bool
	// refusals says that a refusal is recorded too: the model knows when one is due.
	refusals bool
	first    string
}

// The ways an attempt ends.
type end int

const (
	answered end = iota
	nothing      // certainly without effect
	unclear
)

// ending sorts an error. A refusal that is stored under the key is an answer. "Not the leader", "no
// leader" and "overloaded" promise that nothing happened; the check takes the shop by that word.
func ending(err error) end {
	var e *api.Error
	switch {
	case err == nil:
		return answered
	case !errors.As(err, &e):
		return unclear
	case e.Code == api.CodeCheckoutInProgress: // an earlier attempt with this key is being paid
		return unclear
	case !e.Transient():
		return answered
	case e.Code == api.CodeNotLeader, e.Code == api.CodeNoLeader, e.Code == api.CodeOverloaded:
		return nothing
	}
	return unclear
}

// act does a deed until its outcome is known, or ctx ends: then it stays open.
func (l *Load) act(ctx context.Context, d *deed) (answer any, done bool) {
	d.op.Call = l.cfg.Recorder.Now()
	for try := 0; ; try++ {
		// An attempt is not cut off by the end of the round: its own time-out ends it.
		answer, err := d.do(context.WithoutCancel(ctx))
		switch ending(err) {
		case answered:
			return answer, l.known(d, answer, err)
		case nothing:
			if try == 0 {
				l.count(func(s *Stats) { s.Refused++ })
				return nil, false
			}
		case unclear:
			if try == 0 {
				l.count(func(s *Stats) { s.Unknown++ })
			}
		}
		if ctx.Err() != nil {
			l.mu.Lock()
			l.open = append(l.open, d)
			l.mu.Unlock()
			return nil, false
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// known notes the answer of a deed. It reports whether the deed was done.
func (l *Load) known(d *deed, answer any, err error) bool {
	op := d.op
	op.Return, op.Outcome = l.cfg.Recorder.Now(), history.Done
	d.first = text(answer, err)
	if err != nil {
		op.Outcome = history.Refused
	}
	if err == nil || d.refusals {
		d.record(op, answer)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deeds = append(l.deeds, d)
	if err != nil {
		l.stats.Refused++
		return false
	}
	l.stats.Done++
	l.acked = append(l.acked, l.cfg.Recorder.Now())
	return true
}

func (l *Load) count(f func(*Stats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.stats)
}

// text is an answer as it is compared with that of a repeat.
func text(answer any, err error) string {
	if err != nil {
		e := api.AsError(err)
		return fmt.Sprintf("refused with %s: %s", e.Code, e.Detail)
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// sideBySide calls f for each deed, some at a time.
func sideBySide(deeds []*deed, f func(*deed)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 48)
	for _, d := range deeds {
		slots <- struct{}{}
		wg.Go(func() { defer func() { <-slots }(); f(d) })
	}
	wg.Wait()
}

// Settle repeats every deed without an outcome under its key until it has one. What has none when ctx
// ends is recorded as open, and is a problem: a healed shop has to know.
func (l *Load) Settle(ctx context.Context) {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	sideBySide(open, func(d *deed) {
		for {
			answer, err := d.do(ctx)
			if ending(err) == answered {
				l.known(d, answer, err)
				return
			}
			if ctx.Err() != nil {
				op := d.op
				op.Outcome = history.Open
				if d.record != nil {
					d.record(op, nil)
				}
				l.problem("%s has no outcome long after the shop was healed: %v", d.name, err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// Repeat does every answered deed again under its key. The answers must be the first ones.
func (l *Load) Repeat(ctx context.Context) (repeated int) {
	l.mu.Lock()
	deeds := slices.Clone(l.deeds)
	l.mu.Unlock()
	sideBySide(deeds, func(d *deed) {
		for {
			answer, err := d.do(ctx)
			if ending(err) != answered && ctx.Err() == nil {
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond):
				}
				continue
			}
			if again := text(answer, err); again != d.first && !d.fleeting {
				l.problem("%s, repeated under its key: first %s, then %s", d.name, d.first, again)
			}
			return
		}
	})
	return len(deeds)
}

package core

import (
	"sync"
	"time"
)

// Clock is what a node knows about time. Only a leader reads it, and only to stamp a batch: everything
// that is decided by time is decided by the stamp.
type Clock interface {
	// Wall is the time of day. It may be wrong, and it may jump.
	Wall() time.Time
	// Elapsed only grows: how long the process has been running. It must count what it claims to count.
	Elapsed() time.Duration
}

type systemClock struct{ started time.Time }

func (systemClock) Wall() time.Time          { return time.Now() }
func (c systemClock) Elapsed() time.Duration { return time.Since(c.started) }

const (
	// clockSlack is how far a stamp may be ahead of the stamp before it, beyond the time that passed.
	clockSlack = 500 * time.Millisecond
	// slackRefill is the time in which used slack comes back: log time runs at most half as fast again as
	// real time for long, however often the leader stamps.
	slackRefill = time.Second
	// freshProcess is how long after its start a process trusts its clock, once, when it leads for the first
	// time: nobody can know then how long the cluster was off.
	freshProcess = time.Minute
)

// stamper makes the times that a leader puts on its batches. They never go back, advance by at most the
// time that passed and the slack, and by at least half of the time that passed: a clock that is behind
// must not stop the expiry of reservations.
type stamper struct {
	clock Clock

	mu    sync.Mutex
	last  time.Duration // log time: since the Unix epoch
	at    time.Duration // Elapsed when last was stamped or heard of
	slack time.Duration
	began bool // a batch was stamped by this process
}

func newStamper(c Clock) *stamper {
	if c == nil {
		c = systemClock{time.Now()}
	}
	return &stamper{clock: c, slack: clockSlack}
}

// heard notes the log time of an entry that was applied here.
func (s *stamper) heard(ms int64) {
	t := time.Duration(ms) * time.Millisecond
	s.mu.Lock()
	defer s.mu.Unlock()
	if t > s.last {
		s.last, s.at = t, s.clock.Elapsed()
	}
}

// stamp is the time for the next batch, in milliseconds; logMS is the time of the applied state.
func (s *stamper) stamp(logMS int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall, now := time.Duration(s.clock.Wall().UnixMilli())*time.Millisecond, s.clock.Elapsed()
	if state := time.Duration(logMS) * time.Millisecond; state > s.last { // of a snapshot
		s.last, s.at = state, now
	}
	passed := max(0, now-s.at)
	s.slack = min(clockSlack, s.slack+passed*time.Duration(clockSlack/time.Millisecond)/time.Duration(slackRefill/time.Millisecond))
	next := min(wall, s.last+passed+s.slack)
	if s.last == 0 || (!s.began && now < freshProcess) {
		next = wall
	}
	next = max(next, s.last+passed/2)
	if ahead := next - s.last - passed; ahead > 0 {
		s.slack = max(0, s.slack-ahead)
	}
	s.last, s.at, s.began = next, now, true
	return next.Milliseconds()
}

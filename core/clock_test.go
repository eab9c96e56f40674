package core

import (
	"math/rand/v2"
	"testing"
	"time"
)

// handClock is a clock that a test sets.
type handClock struct{ wall, elapsed time.Duration }

func (c *handClock) Wall() time.Time        { return time.Unix(0, int64(c.wall)) }
func (c *handClock) Elapsed() time.Duration { return c.elapsed }

// pass lets time go by; the wall clock shows it.
func (c *handClock) pass(d time.Duration) { c.elapsed, c.wall = c.elapsed+d, c.wall+d }

const someDay = 500_000 * time.Hour

// settled is a leader that has been stamping for a while, with a right clock.
func settled() (*handClock, *stamper) {
	c := &handClock{wall: someDay}
	s := newStamper(c)
	s.stamp(0)
	c.pass(time.Hour)
	s.stamp(0)
	return c, s
}

func TestStampsFollowTheClock(t *testing.T) {
	c, s := settled()
	for range 1000 {
		c.pass(7 * time.Millisecond)
		if got, want := s.stamp(0), c.Wall().UnixMilli(); got != want {
			t.Fatalf("stamped %d, the clock says %d", got, want)
		}
	}
}

// TestStampsAreBounded jumps the clock about, stamping often and seldom: no stamp is ahead of the one
// before it by more than the time that passed and half a second, and log time as a whole runs at between
// half and one and a half times the speed of real time.
func TestStampsAreBounded(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	c, s := settled()
	first, began := s.stamp(0), c.elapsed
	last, at := first, c.elapsed
	for range 20000 {
		switch r.IntN(10) {
		case 0:
			c.wall += time.Duration(r.Int64N(int64(48*time.Hour))) - 24*time.Hour
		case 1:
			c.pass(time.Duration(r.Int64N(int64(time.Minute))))
		default:
			c.pass(time.Duration(r.Int64N(int64(30 * time.Millisecond))))
		}
		got := s.stamp(0)
		passed := (c.elapsed - at).Milliseconds() + 1 // stamps are whole milliseconds
		if got < last || got > last+passed+clockSlack.Milliseconds() {
			t.Fatalf("stamped %d after %d, %d ms later", got, last, passed)
		}
		last, at = got, c.elapsed
	}
	real, logged := (c.elapsed - began).Milliseconds(), last-first
	if logged < real/2-20000 || logged > real*3/2+clockSlack.Milliseconds() {
		t.Errorf("log time moved %d ms in %d ms", logged, real)
	}
}

func TestALeaderGoesOnFromItsPredecessor(t *testing.T) {
	c, s := settled()
	ahead := c.Wall().Add(10 * time.Second).UnixMilli()
	s.heard(ahead)
	c.pass(2 * time.Second)
	if got := s.stamp(ahead); got != ahead+1000 {
		t.Errorf("stamped %d ms after a time that is ahead of the clock; half of the 2000 that passed are wanted", got-ahead)
	}
}

// TestAfterAnOutage starts a process whose state is a day old: it takes the clock's word at once. A
// process that has been up for long does not.
func TestAfterAnOutage(t *testing.T) {
	c := &handClock{wall: someDay}
	old := (someDay - 24*time.Hour).Milliseconds()
	s := newStamper(c)
	s.heard(old)
	c.pass(3 * time.Second)
	if got, want := s.stamp(old), c.Wall().UnixMilli(); got != want {
		t.Errorf("stamped %d ms before the clock after an outage", want-got)
	}
	c = &handClock{wall: someDay}
	s = newStamper(c)
	c.pass(time.Hour)
	s.heard(old)
	c.pass(time.Second)
	if got := s.stamp(old); got != old+1500 {
		t.Errorf("a node that was up stamped %d ms after what it heard a second ago", got-old)
	}
}

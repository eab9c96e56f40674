package gate

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestNeverMoreThanTheLimit lets many callers through and counts them inside.
func TestNeverMoreThanTheLimit(t *testing.T) {
	g := New(Config{Limit: 7, Queue: 1000, Patience: time.Minute})
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			for range 50 {
				if !g.Enter() {
					t.Error("refused although there is room in the queue")
					return
				}
				n := inside.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				inside.Add(-1)
				g.Leave()
			}
		})
	}
	wg.Wait()
	if most.Load() > 7 {
		t.Errorf("%d were inside at once", most.Load())
	}
	if in, waiting, refused := g.State(); in != 0 || waiting != 0 || refused != 0 {
		t.Errorf("left behind: %d inside, %d waiting, %d refused", in, waiting, refused)
	}
}

// TestAStandingQueueIsHurried: a burst may wait, a queue that stands is refused soon, and when it was
// empty once a burst may wait again.
func TestAStandingQueueIsHurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Limit: 1, Queue: 10})
		wait := func() (ok bool, took time.Duration) {
			began := time.Now()
			ok = g.Enter()
			return ok, time.Since(began)
		}
		if ok, took := wait(); !ok || took != 0 {
			t.Fatal("an empty gate refused or waited", took)
		}
		if ok, took := wait(); ok || took != 100*time.Millisecond {
			t.Fatalf("a burst waited %v, let in: %v", took, ok)
		}
		go g.Enter() // the queue stands from now on
		synctest.Wait()
		<-time.After(60 * time.Millisecond)
		go g.Enter()
		<-time.After(60 * time.Millisecond)
		if ok, took := wait(); ok || took != 5*time.Millisecond {
			t.Fatalf("in a standing queue one waited %v, let in: %v", took, ok)
		}
		<-time.After(time.Second)
		g.Leave()
		if ok, _ := wait(); !ok {
			t.Fatal("the gate is empty and refused")
		}
		go func() { <-time.After(50 * time.Millisecond); g.Leave() }()
		if ok, took := wait(); !ok || took != 50*time.Millisecond {
			t.Fatalf("after the overload a burst waited %v, let in: %v", took, ok)
		}
	})
}

// TestFullQueueRefusesAtOnce.
func TestFullQueueRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Limit: 1, Queue: 1})
		g.Enter()
		go g.Enter()
		synctest.Wait()
		began := time.Now()
		if g.Enter() || time.Since(began) != 0 {
			t.Fatal("a full queue let somebody wait")
		}
		<-time.After(time.Second)
		if _, _, refused := g.State(); refused != 2 {
			t.Errorf("%d were refused, want both", refused)
		}
	})
}

// TestWhoStandsForSeveral counts as so many, keeps their place in the queue, and gets in although it is
// larger than the gate when that is empty.
func TestWhoStandsForSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Limit: 10, Queue: 20, Patience: time.Minute})
		if !g.EnterN(50) {
			t.Fatal("nobody is inside, and 50 were refused")
		}
		got := make(chan int, 10)
		for _, n := range []int{8, 3, 2} {
			go func() {
				if g.EnterN(n) {
					got <- n
				}
			}()
			synctest.Wait()
		}
		if g.EnterN(8) {
			t.Fatal("13 wait, and 8 more got a place in a queue of 20")
		}
		g.LeaveN(50)
		synctest.Wait()
		if len(got) != 1 || <-got != 8 {
			t.Fatal("8 of 10 come first, and 3 do not fit beside them")
		}
		g.LeaveN(8)
		synctest.Wait()
		if inside, waiting, refused := g.State(); len(got) != 2 || inside != 5 || waiting != 0 || refused != 1 {
			t.Fatalf("%d got in; %d inside, %d wait, %d refused", len(got), inside, waiting, refused)
		}
		g.LeaveN(3)
		g.LeaveN(2)
	})
}

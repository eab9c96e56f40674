package edge

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"meridian/api"
)

func batch(next uint64, index uint64, tags ...string) api.FeedBatch {
	return api.FeedBatch{Next: at(next), Entries: []api.FeedEntry{{Index: at(index), Tags: tags}}}
}

func TestEpochsJudge(t *testing.T) {
	e := newEpochs(100)
	if e.judge([]string{"a"}, at(5)) != valid {
		t.Fatal("nothing was heard yet")
	}
	// Where the feed was first joined is a floor: what happened before was not heard.
	e.apply(api.FeedBatch{Next: at(100)}, time.Now())
	for _, c := range []struct {
		at   api.Index
		want verdict
	}{{at(99), stale}, {at(100), valid}, {at(101), valid}, {api.Index{}, stale}} {
		if got := e.judge([]string{"a"}, c.at); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	e.apply(batch(110, 105, "a"), time.Now())
	if e.judge([]string{"b", "a"}, at(104)) != stale || e.judge([]string{"a"}, at(105)) != valid || e.judge([]string{"b"}, at(104)) != valid {
		t.Error("a change of one tag")
	}
	// An entry that comes again, or late, takes nothing back.
	e.apply(batch(110, 103, "a"), time.Now())
	if e.judge([]string{"a"}, at(104)) != stale {
		t.Error("an older change undid a newer one")
	}
	e.apply(api.FeedBatch{Next: at(120), Entries: []api.FeedEntry{{Index: at(115), Tags: []string{"b"}, Soft: true}}}, time.Now())
	if e.judge([]string{"b"}, at(110)) != soft || e.judge([]string{"a", "b"}, at(104)) != stale {
		t.Error("soft and hard")
	}
	e.apply(batch(130, 125, api.TagAll), time.Now())
	if e.judge(nil, at(124)) != stale || e.judge(nil, at(125)) != valid {
		t.Error("everything")
	}
	e.apply(api.FeedBatch{Next: api.Index{Timeline: 2, Raft: 3}}, time.Now())
	if e.judge([]string{"z"}, at(1_000_000)) != stale || e.judge([]string{"z"}, api.Index{Timeline: 2, Raft: 3}) != valid {
		t.Error("after a restore the old timeline's higher numbers are believed")
	}
}

// TestAResetTakesNothingBack: a core that lags and has forgotten what was before its own index does not take an edge back behind what it
// has acknowledged.
func TestAResetTakesNothingBack(t *testing.T) {
	e := newEpochs(100)
	e.apply(api.FeedBatch{Next: at(100)}, time.Now())
	e.apply(batch(120, 115, "a"), time.Now())
	e.apply(api.FeedBatch{Next: at(110), Reset: true}, time.Now())
	if got := e.position(); got != at(120) {
		t.Errorf("fills ask for %v, after the feed had come to %v", got, at(120))
	}
	if e.judge([]string{"a"}, at(114)) != stale || e.judge([]string{"b"}, at(119)) != stale || e.judge([]string{"a"}, at(120)) != valid {
		t.Error("an answer from before what was heard holds, or one from after it does not")
	}
}

// Forgetting may call a valid answer stale, never the other way round.
func TestTrimmedEpochsAreConservative(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 2))
	e := newEpochs(50)
	e.apply(api.FeedBatch{Next: at(1)}, time.Now())
	truth := map[string]uint64{}
	for i := uint64(2); i < 5000; i++ {
		tag := fmt.Sprint(rng.IntN(400))
		truth[tag] = i
		e.apply(batch(i, i, tag), time.Now())
		if len(e.hard.at) > 50 {
			t.Fatalf("seed %d: %d tags kept", seed, len(e.hard.at))
		}
		probe, index := fmt.Sprint(rng.IntN(400)), uint64(rng.IntN(int(i)+1))
		if truth[probe] > index && e.judge([]string{probe}, at(index)) == valid {
			t.Fatalf("seed %d: tag %s changed at %d, an answer of %d is valid", seed, probe, truth[probe], index)
		}
	}
	if e.judge([]string{"new"}, at(5000)) != valid {
		t.Fatalf("seed %d: nothing is valid any more", seed)
	}
}

func TestTouchNeedsFeedAndLease(t *testing.T) {
	now := time.Now()
	e := newEpochs(10)
	if e.inTouch(now) {
		t.Error("before the first heartbeat")
	}
	e.apply(api.FeedBatch{Next: at(1)}, now)
	if !e.inTouch(now) || e.inTouch(now.Add(beatMax)) {
		t.Error("heartbeat")
	}
	e.needLease()
	if e.inTouch(now) {
		t.Error("no lease yet")
	}
	e.renewed(at(1), now, now)
	e.renewed(at(1), now.Add(-time.Hour), now)
	if !e.inTouch(now) {
		t.Error("with a lease")
	}
	// A core that is cut off sends heartbeats and no news.
	e.renewed(at(9), now, now)
	e.renewed(at(12), now.Add(time.Second), now.Add(time.Second))
	e.apply(api.FeedBatch{Next: at(8)}, now.Add(beatMax-1))
	if !e.inTouch(now.Add(beatMax-1)) || e.inTouch(now.Add(beatMax)) {
		t.Error("a feed that does not move is believed")
	}
	e.apply(api.FeedBatch{Next: at(9)}, now.Add(beatMax))
	if !e.inTouch(now.Add(beatMax)) {
		t.Error("the feed caught up")
	}
	end := now.Add(time.Second + leaseMax)
	e.apply(api.FeedBatch{Next: at(12)}, end)
	if !e.inTouch(end.Add(-1)) || e.inTouch(end) {
		t.Error("the lease is over")
	}
}

// TestLapsedLease: what changed while no lease was held must be known before anything counts again.
func TestLapsedLease(t *testing.T) {
	now := time.Now()
	e := newEpochs(10)
	e.needLease()
	e.renewed(at(5), now, now)
	e.apply(api.FeedBatch{Next: at(4)}, now)
	if e.inTouch(now) {
		t.Error("the first lease was granted at 5")
	}
	e.apply(api.FeedBatch{Next: at(5)}, now)
	if !e.inTouch(now) {
		t.Error("the feed is where the lease begins")
	}
	e.renewed(at(7), now.Add(time.Second), now.Add(2*time.Second))
	if !e.inTouch(now.Add(2*time.Second - 1)) {
		t.Error("a renewal in time leaves the feed 2 s to follow")
	}
	now = now.Add(time.Minute)
	e.renewed(at(9), now, now)
	e.apply(api.FeedBatch{Next: at(8)}, now)
	if e.inTouch(now) {
		t.Error("8 is before the new lease")
	}
	e.apply(api.FeedBatch{Next: at(9)}, now)
	if !e.inTouch(now) {
		t.Error("the feed is where the new lease begins")
	}
	restored := api.Index{Timeline: at(9).Timeline + 1, Raft: 3}
	e.apply(api.FeedBatch{Next: restored, Reset: true}, now)
	if e.inTouch(now) {
		t.Error("a restored core knows of no lease")
	}
	e.renewed(restored, now, now)
	if !e.inTouch(now) {
		t.Error("a lease of the new timeline")
	}
}

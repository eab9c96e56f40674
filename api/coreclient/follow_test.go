package coreclient

import (
	"context"
	"slices"
	"testing"
	"time"

	"meridian/api"
)

func TestFollowKeepsOrderAndCursor(t *testing.T) {
	w := newWire(t, "core-eu")
	at := func(n uint64) api.Index { return api.Index{Timeline: 1, Raft: n} }
	w.feed = []api.FeedBatch{{Next: at(10)}, {Next: at(12), Entries: []api.FeedEntry{{Index: at(11), Tags: []string{"product:a"}}}}, {Reset: true, Next: at(90)}}
	c := w.client(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var got []api.Index
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Follow(ctx, "edge-eu", "eu", api.Index{}, func(b api.FeedBatch, _ time.Duration) { got = append(got, b.Next) })
	}()
	until(t, "the feed failed and was asked again", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.polls) > 4 })
	cancel()
	<-done
	if want := []api.Index{at(10), at(12), at(90)}; !slices.Equal(got, want) {
		t.Errorf("batches %v, want %v", got, want)
	}
	if want := []api.Index{{}, at(10), at(12), at(90)}; !slices.Equal(w.polls[:4], want) {
		t.Errorf("cursors %v, want %v", w.polls[:4], want)
	}
}

func TestFeedLeavesACoreThatIsCutOff(t *testing.T) {
	var h horizon
	start := time.Now()
	h.note(api.Index{Timeline: 1, Raft: 5}, start)
	h.note(api.Index{Timeline: 1, Raft: 6}, start.Add(horizonAge/2))
	if !h.get().IsZero() {
		t.Fatal("nothing is old enough yet")
	}
	h.note(api.Index{Timeline: 1, Raft: 7}, start.Add(horizonAge))
	if h.get().Raft != 5 {
		t.Fatalf("%v", h.get())
	}
	w := newWire(t, "core-us", "core-eu")
	w.applied["core-us"] = api.Index{Timeline: 1, Raft: 500}
	w.feed = []api.FeedBatch{{Next: api.Index{Timeline: 1, Raft: 501}}, {Next: api.Index{Timeline: 1, Raft: 502}}}
	c := w.client(t, nil)
	c.horizon.note(api.Index{Timeline: 1, Raft: 400}, start)
	c.horizon.note(api.Index{Timeline: 1, Raft: 450}, start.Add(horizonAge))
	b, err := c.poll(within(t, 3*time.Second), api.FeedQuery{Edge: "e"})
	if err != nil || b.Next.Raft != 502 {
		t.Fatalf("%+v, %v: the batch of the core that is behind was believed", b, err)
	}
}

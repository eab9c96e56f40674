package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// held opens a lone node whose log writes are held from the next one on.
func held(t *testing.T, change func(*Config)) (*Node, *journal, func()) {
	t.Helper()
	log := &gatedLog{}
	m := &journal{}
	n, _ := loneNode(t, NewMemory(), m, func(cfg *Config) {
		log.LogStore = cfg.Stores.Log
		cfg.Stores.Log = log
		change(cfg)
	})
	hold := make(chan struct{})
	log.set(hold, nil)
	released := false
	release := func() {
		if !released {
			released = true
			log.set(nil, nil)
			close(hold)
		}
	}
	t.Cleanup(release)
	return n, m, release
}

// TestThreeOutcomes: a command that raft has may be unknown, one that still waits is refused for
// certain, and a full queue refuses at once.
func TestThreeOutcomes(t *testing.T) {
	n, m, release := held(t, func(cfg *Config) { cfg.InFlight, cfg.QueueMax = 1, 4 })
	results := make(chan struct {
		cmd string
		err error
	}, 16)
	ctx, cancel := context.WithCancel(t.Context())
	propose := func(cmd string) {
		go func() {
			_, err := n.Propose(ctx, []byte(cmd))
			results <- struct {
				cmd string
				err error
			}{cmd, err}
		}()
	}
	propose("sent")
	eventually(t, "the first batch is in flight", func() bool { return n.Stats().InFlight == 1 && n.Stats().Commands == 1 })
	for i := range 4 {
		propose(fmt.Sprintf("queued%d", i))
	}
	eventually(t, "the batcher holds one of them while it waits for its turn", func() bool { return n.Stats().QueueLength == 3 })
	propose("queued4")
	eventually(t, "the queue is full", func() bool { return n.Stats().QueueLength == 4 })
	if _, err := n.Propose(t.Context(), []byte("refused")); !errors.Is(err, ErrOverloaded) || errors.Is(err, ErrUnknown) {
		t.Fatalf("beyond the bound: %v", err)
	}
	cancel()
	for range 6 {
		r := <-results
		want, not := ErrOverloaded, ErrUnknown
		if r.cmd == "sent" {
			want, not = ErrUnknown, ErrOverloaded
		}
		if !errors.Is(r.err, want) || errors.Is(r.err, not) || !errors.Is(r.err, context.Canceled) {
			t.Errorf("%s: %v", r.cmd, r.err)
		}
	}
	release()
	eventually(t, "the queue is empty", func() bool { return n.Stats().QueueLength == 0 })
	if _, err := n.Propose(t.Context(), []byte("last")); err != nil {
		t.Fatal(err)
	}
	if got := m.commands(); !slices.Equal(got, []string{"sent", "last"}) {
		t.Fatalf("applied %q: a refused command entered the log, or an unknown one was dropped", got)
	}
	if s := n.Stats(); s.Overloaded != 1 || s.Unknown != 1 {
		t.Errorf("counters: %+v", s)
	}
}

// TestBatches: the queue's order is the log's, and a batch keeps both its bounds.
func TestBatches(t *testing.T) {
	n, m, release := held(t, func(cfg *Config) { cfg.InFlight, cfg.BatchMax, cfg.BatchBytes = 1, 10, 1000 })
	var want []string
	var last *proposal
	put := func(size int) {
		cmd := fmt.Sprintf("%04d%s", len(want), strings.Repeat("x", size))
		want = append(want, cmd)
		last = &proposal{commands: [][]byte{[]byte(cmd)}, done: make(chan outcome, 1)}
		n.queue <- last
	}
	put(1)
	eventually(t, "the first batch is in flight", func() bool { return n.Stats().Batches == 1 })
	for range 95 {
		put(1)
	}
	for range 10 {
		put(400)
	}
	put(5000) // above BatchBytes: alone in its entry
	put(1)
	release()
	if o := <-last.done; o.err != nil {
		t.Fatal(o.err)
	}
	if got := m.commands(); !slices.Equal(got, want) {
		t.Fatalf("order: %q", got)
	}
	// 1 at first; 95 small ones make 9 full batches and 5 left, which a first large one joins or two;
	// then two large ones a batch; the giant; the rest.
	if s := n.Stats(); s.Commands != uint64(len(want)) || s.Batches < 17 || s.Batches > 18 {
		t.Errorf("%d commands in %d batches", s.Commands, s.Batches)
	}
}

// TestProposeAll: commands that came together keep their order, are answered one by one, and are in one entry.
func TestProposeAll(t *testing.T) {
	m := &journal{}
	n, _ := loneNode(t, NewMemory(), m, func(cfg *Config) { cfg.BatchMax, cfg.BatchBytes, cfg.QueueMax = 8, 1000, 8 })
	var want []string
	var group [][]byte
	for i := range 8 {
		want = append(want, fmt.Sprintf("together%d", i))
		group = append(group, []byte(want[i]))
	}
	before := n.Stats()
	_, values, err := n.ProposeAll(t.Context(), group)
	if err != nil || len(values) != len(group) {
		t.Fatalf("%d answers: %v", len(values), err)
	}
	if got := m.commands(); !slices.Equal(got, want) {
		t.Errorf("applied %q", got)
	}
	if s := n.Stats(); s.Batches != before.Batches+1 || s.Commands != before.Commands+8 {
		t.Errorf("%d commands in %d batches", s.Commands-before.Commands, s.Batches-before.Batches)
	}
	if _, _, err := n.ProposeAll(t.Context(), append(group, []byte("one more"))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than an entry holds: %v", err)
	}
	if index, values, err := n.ProposeAll(t.Context(), nil); index != 0 || values != nil || err != nil {
		t.Error("nothing was proposed, and something came of it")
	}
}

func TestCommandMax(t *testing.T) {
	n, _ := loneNode(t, NewMemory(), &journal{}, func(cfg *Config) { cfg.CommandMax = 10 })
	if _, err := n.Propose(t.Context(), make([]byte, 11)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if _, err := n.Propose(t.Context(), make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
}

func TestMessageBound(t *testing.T) {
	for _, cfg := range []Config{{}, {BatchBytes: 1 << 20}, {CommandMax: 4 << 20}, {BatchBytes: 64, CommandMax: 64}} {
		cfg.applyDefaults()
		entries := cfg.maxAppendEntries()
		if total := entries * max(cfg.BatchBytes, cfg.CommandMax); total > rpcBytes || entries < 2 {
			t.Errorf("%d entries of %d/%d bytes: %d", entries, cfg.BatchBytes, cfg.CommandMax, total)
		}
	}
}

// TestLostLeadershipIsUnknown: a command that a deposed leader had in its log is unknown, not failed, also
// when it turns out to be lost. No node applies it.
func TestLostLeadershipIsUnknown(t *testing.T) {
	c := newCluster(t, 3, slowToYield)
	old := c.nodes[0]
	c.leadWith(old)
	mustPropose(t, old, "before")
	split([]*testNode{old}, c.nodes[1:], true)
	sent := old.Stats().Commands
	answered := make(chan error, 1)
	go func() {
		_, err := old.Propose(ctxFor(t, 20*time.Second), []byte("limbo"))
		answered <- err
	}()
	eventually(t, "raft has the command", func() bool { return old.Stats().Commands > sent })
	mustPropose(t, c.leader(old), "after")
	split([]*testNode{old}, c.nodes[1:], false)
	var nl *ErrNotLeader
	if err := <-answered; !errors.Is(err, ErrUnknown) || errors.As(err, &nl) {
		t.Errorf("lost leadership: %v", err)
	}
	got := c.settled()
	if slices.Contains(got, "limbo") || !slices.Contains(got, "after") {
		t.Errorf("applied %q", got)
	}
}

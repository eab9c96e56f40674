package backup_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"meridian/backup"
	"meridian/internal/objects/s3test"
)

// ship runs a shipper until the returned function is called.
func ship(t *testing.T, cfg backup.Config) (*backup.Shipper, func()) {
	t.Helper()
	s, err := backup.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return s, stop
}

// whole reads a timeline back and compares it with the node's own log.
func whole(t *testing.T, b *backup.Bucket, n *node) {
	t.Helper()
	tl, err := b.Timeline(t.Context(), n.timeline)
	if err != nil {
		t.Fatal(err)
	}
	end := uint64(len(n.entries))
	base, ok := tl.Base(end)
	if !ok {
		t.Fatal("there is no full backup")
	}
	r, err := b.OpenFull(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(text), "the state at") {
		t.Fatalf("%q, %v", text, err)
	}
	r.Close()
	chain, err := tl.Chain(base.Index, end)
	if err != nil {
		t.Fatal(err)
	}
	at := base.Index
	err = b.Segments(t.Context(), chain, n.timeline, func(s backup.Segment) error {
		if s.After > at {
			t.Fatalf("a segment after %d follows %d", s.After, at)
		}
		for _, e := range s.Entries {
			if want := n.entries[e.Index-1]; string(e.Data) != string(want.Data) || e.Term != 1 {
				t.Fatalf("entry %d is %q", e.Index, e.Data)
			}
		}
		at = s.To
		return nil
	})
	if err != nil || at != end {
		t.Fatalf("read up to %d of %d: %v", at, end, err)
	}
}

func TestShipsWhatIsAppended(t *testing.T) {
	srv := s3test.Start(t)
	n := &node{timeline: 1, history: "a"}
	n.append(10)
	s, stop := ship(t, backup.Config{Store: store(t, srv), Prefix: "shop/", Source: n, FlushEvery: 20 * time.Millisecond, MergeEvery: 150 * time.Millisecond})
	for range 40 {
		n.append(25)
		at := n.Position().Index
		eventually(t, "the bucket to have it", func() bool { return s.Status().Shipped >= at })
	}
	eventually(t, "a full backup", func() bool { return s.Status().Complete && s.Status().Lag == 0 })
	whole(t, s.Bucket(), n)
	before, err := s.Bucket().Timeline(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	base, _ := before.Base(uint64(len(n.entries)))
	chain, err := before.Chain(base.Index, uint64(len(n.entries)))
	if err != nil {
		t.Fatal(err)
	}
	end := uint64(len(n.entries))
	eventually(t, "the small segments to be merged", func() bool {
		n.append(1)
		tl, err := s.Bucket().Timeline(t.Context(), 1)
		return err == nil && len(tl.Spans) < 15
	})
	// What was listed before is not there any more; a reader goes on with what it has become.
	at := base.Index
	err = s.Bucket().Segments(t.Context(), chain, 1, func(seg backup.Segment) error {
		if seg.After > at {
			t.Errorf("a segment after %d follows %d", seg.After, at)
		}
		at = max(at, seg.To)
		return nil
	})
	if err != nil || at < end {
		t.Errorf("read up to %d of %d: %v", at, end, err)
	}
	stop()
	// Another node leads now: it continues where the bucket ends.
	n.append(100)
	s, _ = ship(t, backup.Config{Store: store(t, srv), Prefix: "shop/", Source: n, FlushEvery: 20 * time.Millisecond})
	eventually(t, "the next leader to catch up", func() bool { v := s.Status(); return v.Complete && v.Shipped == 1000+10+uint64(len(n.entries)-1010) })
	whole(t, s.Bucket(), n)
	if tl, err := s.Bucket().Timeline(t.Context(), 1); err != nil || len(tl.Fulls) != 1 || tl.History != "a" || len(tl.Ranges()) != 1 {
		t.Errorf("%+v, %v", tl, err)
	}
}

func TestAnotherHistoryIsRefused(t *testing.T) {
	srv := s3test.Start(t)
	n := &node{timeline: 1, history: "a"}
	n.append(50)
	s, stop := ship(t, backup.Config{Store: store(t, srv), Source: n})
	eventually(t, "a full backup", func() bool { return s.Status().Complete })
	stop()
	before, err := s.Bucket().Timelines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []*node{{timeline: 1, history: "b"}, {timeline: 1, history: "a"}} {
		other.append(20)
		s, stop = ship(t, backup.Config{Store: store(t, srv), Source: other})
		eventually(t, "a refusal", func() bool { return errors.Is(s.Status().Err, backup.ErrForeign) })
		s.Take()
		stop()
	}
	after, err := s.Bucket().Timelines(t.Context())
	if err != nil || len(after) != 1 || len(after[0].Fulls) != len(before[0].Fulls) || len(after[0].Spans) != len(before[0].Spans) {
		t.Errorf("before %+v\nafter %+v, %v", before, after, err)
	}
}

// TestS3Down: the node goes on, the lag shows, and everything arrives when S3 is back; if the log was
// cut meanwhile, a full backup closes the gap.
func TestS3Down(t *testing.T) {
	srv := s3test.Start(t)
	n := &node{timeline: 1, history: "a"}
	n.append(10)
	s, _ := ship(t, backup.Config{Store: store(t, srv), Source: n, FlushEvery: 20 * time.Millisecond})
	eventually(t, "a full backup", func() bool { return s.Status().Complete })
	for _, cut := range []bool{false, true} {
		srv.Kill()
		n.append(100)
		eventually(t, "the lag to show", func() bool { v := s.Status(); return v.Lag > 300*time.Millisecond && v.Failures > 0 && v.Err != nil })
		if cut {
			n.mu.Lock()
			n.first = uint64(len(n.entries))
			n.mu.Unlock()
		}
		srv.Restart()
		eventually(t, "everything to arrive", func() bool { v := s.Status(); return v.Complete && v.Lag == 0 && v.Err == nil })
		whole(t, s.Bucket(), n)
	}
	tl, err := s.Bucket().Timeline(t.Context(), 1)
	if err != nil || len(tl.Fulls) != 2 || len(tl.Ranges()) != 2 {
		t.Errorf("%+v, %v", tl, err)
	}
	if _, err := tl.Chain(tl.Fulls[0].Index, tl.End()); !errors.Is(err, backup.ErrMissing) || !strings.Contains(err.Error(), "--to-index") {
		t.Errorf("the gap is not seen: %v", err)
	}
}

func TestRetention(t *testing.T) {
	srv := s3test.Start(t)
	n := &node{timeline: 1, history: "a"}
	n.append(10)
	s, _ := ship(t, backup.Config{Store: store(t, srv), Source: n, FlushEvery: 20 * time.Millisecond, Keep: 2})
	for range 5 {
		eventually(t, "the full backup", func() bool {
			v := s.Status()
			return v.Complete && !v.FullRunning && v.LastFull.Index == uint64(len(n.entries)) && v.Shipped == uint64(len(n.entries))
		})
		n.append(10)
		s.Take()
	}
	eventually(t, "two full backups, and nothing older", func() bool {
		tl, err := s.Bucket().Timeline(t.Context(), 1)
		if err != nil || len(tl.Fulls) != 2 || tl.Fulls[1].Index != 60 {
			return false
		}
		for _, span := range tl.Spans {
			if span.To <= tl.Fulls[0].Index {
				return false
			}
		}
		return true
	})
	whole(t, s.Bucket(), n)
}

// TestDamageIsSeen changes what is in the bucket, as nobody should.
func TestDamageIsSeen(t *testing.T) {
	srv := s3test.Start(t)
	n := &node{timeline: 1, history: "a"}
	n.append(20)
	st := store(t, srv)
	s, stop := ship(t, backup.Config{Store: st, Source: n, FlushEvery: 20 * time.Millisecond})
	eventually(t, "a full backup", func() bool { return s.Status().Complete })
	n.append(20)
	eventually(t, "the log", func() bool { return s.Status().Shipped == 40 })
	stop()
	tl, err := s.Bucket().Timeline(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		tl, err := s.Bucket().Timeline(t.Context(), 1)
		if err != nil {
			return err
		}
		base, ok := tl.Base(40)
		if !ok {
			return backup.ErrMissing
		}
		r, err := s.Bucket().OpenFull(t.Context(), base)
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.ReadAll(r); err != nil {
			return err
		}
		chain, err := tl.Chain(base.Index, 40)
		if err != nil {
			return err
		}
		return s.Bucket().Segments(t.Context(), chain, 1, func(backup.Segment) error { return nil })
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	manifest := strings.TrimSuffix(tl.Fulls[0].Snapshot, ".snap") + ".json"
	chain, err := tl.Chain(tl.Fulls[0].Index, 40)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{tl.Fulls[0].Snapshot, manifest, chain[len(chain)-1].Key} {
		o, err := st.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		flipped := append([]byte(nil), o.Body...)
		flipped[len(flipped)/2] ^= 0x40
		for name, body := range map[string][]byte{"truncated": o.Body[:len(o.Body)-3], "flipped": flipped, "gone": nil} {
			if body == nil {
				err = st.Remove(t.Context(), key)
			} else {
				err = st.Put(t.Context(), key, "application/octet-stream", body)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := read(); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrMissing) {
				t.Errorf("%s %s: %v", key, name, err)
			}
		}
		if err := st.Put(t.Context(), key, "application/octet-stream", o.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := read(); err != nil {
		t.Errorf("put right again: %v", err)
	}
	if _, err := s.Bucket().Timeline(t.Context(), 7); err != nil {
		t.Errorf("a timeline that is not there: %v", err)
	}
}

// slow is a node whose snapshots are written when the test says so.
type slow struct {
	*node
	taken chan struct{}
	write chan struct{}
}

func (n slow) Snapshot() (backup.Snapshot, error) {
	v, err := n.node.Snapshot()
	n.taken <- struct{}{}
	return slowView{v, n.write}, err
}

type slowView struct {
	backup.Snapshot
	write chan struct{}
}

func (v slowView) WriteTo(w io.Writer) (int64, error) {
	<-v.write
	return v.Snapshot.WriteTo(w)
}

// TestTakeWhileOneIsTaken: whoever asks for a full backup gets one of what was written until then,
// although an older one is just being written.
func TestTakeWhileOneIsTaken(t *testing.T) {
	srv := s3test.Start(t)
	n := slow{&node{timeline: 1, history: "a"}, make(chan struct{}), make(chan struct{})}
	n.append(10)
	s, _ := ship(t, backup.Config{Store: store(t, srv), Source: n, FlushEvery: 20 * time.Millisecond})
	<-n.taken
	n.append(5)
	s.Take()
	n.append(5) // the wish is seen by the time that these are sent
	eventually(t, "the log to be sent", func() bool { return s.Status().Shipped == 20 })
	n.write <- struct{}{}
	<-n.taken
	n.write <- struct{}{}
	eventually(t, "the second full backup", func() bool { return s.Status().LastFull.Index == 20 })
}

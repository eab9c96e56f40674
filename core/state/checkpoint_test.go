package state

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestReadsWhileACheckpointCommits stops a checkpoint before and after its transaction. Entries go on,
// and readers find the newest value in whichever layer it is.
func TestReadsWhileACheckpointCommits(t *testing.T) {
	for _, stage := range []string{"frozen", "committed"} {
		t.Run(stage, func(t *testing.T) {
			s := open(t, newPath(t))
			put(t, s, 1, "file", "1")
			put(t, s, 2, "gone in flight", "1")
			put(t, s, 3, "gone after", "1")
			checkpoint(t, s)
			put(t, s, 4, "in flight", "2")
			s.Update(5, 1, func() { s.hot.Delete("gone in flight"); s.cold.Delete("gone in flight") })
			put(t, s, 6, "again", "2")

			passed := false // of the checkpoints after the first
			stopped, resume := make(chan struct{}), make(chan struct{})
			s.step = func(name string) {
				if name == stage && !passed {
					passed = true
					close(stopped)
					<-resume
				}
			}
			result := make(chan error, 1)
			go func() { result <- s.Checkpoint() }()
			<-stopped
			resumeOnce := sync.OnceFunc(func() { close(resume) })
			defer resumeOnce()

			put(t, s, 7, "overlay", "3")
			put(t, s, 8, "again", "3")
			s.Update(9, 1, func() { s.hot.Delete("gone after"); s.cold.Delete("gone after") })
			look := func() {
				t.Helper()
				for key, want := range map[string]string{"file": "1", "in flight": "2", "overlay": "3", "again": "3", "gone in flight": "", "gone after": ""} {
					mustHave(t, s, key, want)
				}
				s.View(func() {
					want := "again=3 file=1 in flight=2 overlay=3"
					for name, table := range map[string]*Table[string]{"hot": s.hot, "cold": s.cold} {
						if got := strings.Join(collect(table.Ascend, "", 10), " "); got != want || table.Len() != 4 {
							t.Errorf("%s: %d rows: %s, want %s", name, table.Len(), got, want)
						}
					}
				})
			}
			look()
			if index, _ := s.Durable(); index != 3 {
				t.Errorf("durable %d before the checkpoint has ended, want 3", index)
			}
			resumeOnce()
			if err := <-result; err != nil {
				t.Fatal(err)
			}
			look()
			if index, _ := s.Durable(); index != 6 {
				t.Errorf("durable %d, want 6", index)
			}
			verify(t, s)
			look()
		})
	}
}

// TestHashDoesNotDependOnCheckpoints applies the same entries with different checkpoints and restarts.
func TestHashDoesNotDependOnCheckpoints(t *testing.T) {
	const last = 150
	seed := seed(t)
	hashes := truth(t, seed, last)
	for _, every := range []uint64{1, 2, 7, 50} {
		path := newPath(t)
		s := open(t, path)
		for i := uint64(1); i <= last; i++ {
			play(s, seed, i)
			if i%every == 0 {
				checkpoint(t, s)
			}
			if i%(every*5) == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, path)
			}
			if s.Hash() != hashes[i] {
				t.Fatalf("checkpoint every %d: hash at %d is %016x, want %016x", every, i, s.Hash(), hashes[i])
			}
		}
		verify(t, s)
	}
}

func TestBackgroundCheckpoint(t *testing.T) {
	s := openEvery(t, newPath(t), time.Millisecond)
	put(t, s, 1, "a", "1")
	waitFor(t, func() bool { index, _ := s.Durable(); return index == 1 })
}

func waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ready() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited 10 s in vain")
		}
	}
}

// TestFullFile reaches the file's largest size: the process is told to stop, and what was durable
// before is whole.
func TestFullFile(t *testing.T) {
	path := newPath(t)
	failed := make(chan error, 4)
	db, err := Open(Options{Path: path, CheckpointEvery: never, InitialMmapSize: 1 << 20, Logger: quiet(), Fail: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{DB: db, failed: failed}
	s.hot = NewTable[string](db, "stock", Hot, words{})
	s.cold = NewTable[string](db, "orders", Cold, words{})
	if err := db.Load(); err != nil {
		t.Fatal(err)
	}
	put(t, s, 1, "small", "1")
	checkpoint(t, s)
	put(t, s, 2, "large", strings.Repeat("x", 1<<20))
	err = s.Checkpoint()
	if err == nil {
		t.Fatal("a checkpoint beyond the file's largest size succeeded")
	}
	if told := failure(t, s); !errors.Is(told, err) {
		t.Errorf("Fail got %v, Checkpoint returned %v", told, err)
	}
	if again := s.Checkpoint(); !errors.Is(again, err) {
		t.Errorf("the next checkpoint says %v", again)
	}
	mustHave(t, s, "small", "1")
	if err := s.Close(); err == nil {
		t.Error("Close reports nothing")
	}
	if len(failed) != 0 {
		t.Error("Fail was called twice")
	}
	after := open(t, path)
	if index, _ := after.Applied(); index != 1 {
		t.Errorf("reopened at %d, want 1", index)
	}
	mustHave(t, after, "small", "1")
	verify(t, after)
}

// TestDirtyMax: an Update past the bound writes a checkpoint first.
func TestDirtyMax(t *testing.T) {
	s := open(t, newPath(t))
	s.opts.DirtyMax = 1000
	for i := uint64(1); i <= 10; i++ {
		put(t, s, i, "k", strings.Repeat("x", 300))
	}
	if index, _ := s.Durable(); index < 6 {
		t.Errorf("durable %d of 10, the bound was passed every other entry", index)
	}
}

// TestPanicInEntry: an entry that was applied in part never becomes durable.
func TestPanicInEntry(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "a", "1")
	checkpoint(t, s)
	mustPanic(t, "boom", func() {
		s.Update(2, 1, func() { s.hot.Put("a", "2"); s.cold.Put("a", "2"); panic("boom") })
	})
	if err := s.Checkpoint(); err == nil || !strings.Contains(err.Error(), "entry 2") {
		t.Fatalf("checkpoint after half an entry: %v", err)
	}
	_ = s.Close()
	after := open(t, path)
	mustHave(t, after, "a", "1")
}

func mustPanic(t *testing.T, words string, fn func()) {
	t.Helper()
	defer func() {
		t.Helper()
		p := recover()
		s, _ := p.(string)
		if err, ok := p.(error); ok {
			s = err.Error()
		}
		if p == nil || !strings.Contains(s, words) {
			t.Errorf("panic %v, want one about %q", p, words)
		}
	}()
	fn()
}

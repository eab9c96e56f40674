package analytics

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
)

// queued counts the rows of a spool's sealed segments by id.
func queued(t *testing.T, s *Spool) map[uuid.UUID]int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[uuid.UUID]int{}
	for _, seg := range s.queue {
		content, err := readSegment(seg.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range content.Rows {
			ids[r.ID]++
		}
	}
	return ids
}

func put(t *testing.T, s *Spool, all map[uuid.UUID]int) {
	t.Helper()
	rows := newShopper(t).rows(t, 10)
	if err := s.Append(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		all[rows[i].ID] = 1
	}
}

// has waits until a spool has queued all of the rows, each once.
func has(t *testing.T, s *Spool, want map[uuid.UUID]int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got := queued(t, s)
		missing := 0
		for id := range want {
			if got[id] == 0 {
				missing++
			}
		}
		for id, n := range got {
			if n != 1 || want[id] == 0 {
				t.Fatalf("row %s is queued %d times", id, n)
			}
		}
		if missing == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d rows are not queued", missing, len(want))
		}
	}
}

// TestSuccessorWritesBeside: a process and its successor write at the same time, and what the first leaves is
// delivered by the second, generation after generation.
func TestSuccessorWritesBeside(t *testing.T) {
	dir, all := t.TempDir(), map[uuid.UUID]int{}
	old := openSpool(t, SpoolConfig{Dir: dir})
	put(t, old, all)
	for range 3 {
		next := openSpool(t, SpoolConfig{Dir: dir, Successor: true})
		if _, err := OpenSpool(SpoolConfig{Dir: dir, Edge: "edge-a", MaxBytes: 1 << 20, Successor: true}); !errors.Is(err, errSpoolInUse) {
			t.Fatalf("two drain and serve, and a third: %v", err)
		}
		put(t, old, all)
		put(t, next, all)
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		has(t, next, all)
		old = next
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	// A start without a predecessor finds everything, in whichever slot it is.
	for i, ids := 0, stored(t, dir); i < 2; i, ids = i+1, stored(t, dir) {
		if len(ids) != len(all) {
			t.Errorf("%d of %d rows are there", len(ids), len(all))
		}
	}
}

// TestSlotsShareNoName: what two processes begin at the same moment has two names, so that the one can be brought to the other.
func TestSlotsShareNoName(t *testing.T) {
	dir, all, now := t.TempDir(), map[uuid.UUID]int{}, time.Now()
	clock := func() time.Time { return now }
	old := openSpool(t, SpoolConfig{Dir: dir, Now: clock})
	next := openSpool(t, SpoolConfig{Dir: dir, Successor: true, Now: clock})
	put(t, old, all)
	put(t, next, all)
	if err := errors.Join(old.Close(), next.Close()); err != nil {
		t.Fatal(err)
	}
	if ids := stored(t, dir); len(ids) != len(all) {
		t.Errorf("%d of %d rows are there", len(ids), len(all))
	}
}

// TestKillWhileAdopting copies both slots after every step of bringing a file over, and opens each copy.
func TestKillWhileAdopting(t *testing.T) {
	dir, all := t.TempDir(), map[uuid.UUID]int{}
	old := openSpool(t, SpoolConfig{Dir: dir})
	next := openSpool(t, SpoolConfig{Dir: dir, Successor: true})
	for range 3 {
		put(t, next, all)
		for next.stats().SpoolSegments == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := errors.Join(next.Close(), old.Close()); err != nil {
		t.Fatal(err)
	}
	copies := map[string]string{}
	last := openSpool(t, SpoolConfig{Dir: dir, step: func(name string) {
		if name != "linked" && name != "brought" {
			return
		}
		to := t.TempDir()
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		copies[to] = name
	}})
	has(t, last, all)
	if len(copies) < 2 {
		t.Fatalf("%d steps", len(copies))
	}
	for at, name := range copies {
		s := openSpool(t, SpoolConfig{Dir: at})
		has(t, s, all)
		for seg, ok := s.oldest(); ok; seg, ok = s.oldest() {
			if err := s.done(seg); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(at, "*"+sealedSuffix)); len(left) > 0 {
			t.Errorf("after %s: %v", name, left)
		}
	}
}

package state

import (
	"strings"
	"testing"
)

func TestHashAt(t *testing.T) {
	s := open(t, newPath(t))
	hashes := map[uint64]uint64{0: 0}
	const first, step, entries = 10, 3, 2000
	last := uint64(0)
	for i := range uint64(entries) {
		last = first + i*step
		put(t, s, last, "k", strings.Repeat("x", int(i%50)))
		hashes[last] = s.Hash()
	}
	s.Reached(last + 2)
	for i := range uint64(entries) {
		at := first + i*step
		got, ok := s.HashAt(at)
		if ok != (i >= entries-historyMax) || (ok && got != hashes[at]) {
			t.Fatalf("HashAt(%d), entry %d of %d: %016x %v, want %016x", at, i, entries, got, ok, hashes[at])
		}
		if between, okBetween := s.HashAt(at + step - 1); okBetween != ok || between != got {
			t.Fatalf("HashAt(%d), between entries: %016x %v", at+step-1, between, okBetween)
		}
	}
	for _, unknown := range []uint64{0, first - 1, last + 3, 1 << 60} {
		if _, ok := s.HashAt(unknown); ok {
			t.Errorf("HashAt(%d) is known", unknown)
		}
	}
}

func TestReached(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	put(t, s, 5, "a", "1")
	s.Reached(9)
	s.Reached(7)
	if index, term := s.Applied(); index != 9 || term != 1 {
		t.Errorf("applied %d, term %d", index, term)
	}
	if index, _ := s.Durable(); index != 0 {
		t.Errorf("durable %d before a checkpoint", index)
	}
	checkpoint(t, s)
	if index, term := s.Durable(); index != 9 || term != 1 {
		t.Errorf("durable %d, term %d", index, term)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if want := (Position{Index: 5, Term: 1, Reached: 9, Hash: s.Hash(), Timeline: 1}); s.Position() != want {
		t.Errorf("reopened at %+v, want %+v", s.Position(), want)
	}
	for _, index := range []uint64{0, 5, 9} {
		mustPanic(t, "at or below", func() { s.Update(index, 1, func() {}) })
	}
}

func TestTimeline(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	if err := s.SetTimeline(1); err == nil {
		t.Error("the timeline was set to itself")
	}
	if err := s.SetTimeline(4); err != nil {
		t.Fatal(err)
	}
	if err := s.SetTimeline(3); err == nil {
		t.Error("the timeline went back")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, path); s.Timeline() != 4 {
		t.Errorf("reopened on timeline %d", s.Timeline())
	}
}

// TestEmptyEntry: an entry that changes nothing moves the index and keeps the hash.
func TestEmptyEntry(t *testing.T) {
	s := open(t, newPath(t))
	put(t, s, 1, "a", "1")
	before := s.Hash()
	s.Update(2, 1, func() {
		s.hot.Put("b", "1")
		s.hot.Delete("b")
		s.cold.Put("b", "1")
		s.cold.Delete("b")
		s.cold.Delete("never there")
	})
	if index, _ := s.Applied(); index != 2 || s.Hash() != before {
		t.Errorf("at %d hash %016x, was %016x", index, s.Hash(), before)
	}
	checkpoint(t, s)
	verify(t, s)
}

func TestProgrammerErrors(t *testing.T) {
	s := open(t, newPath(t))
	mustPanic(t, "outside an Update", func() { s.hot.Put("a", "1") })
	mustPanic(t, "outside an Update", func() { s.cold.Delete("a") })
	mustPanic(t, "after Load", func() { NewTable[string](s.DB, "late", Hot, words{}) })
	if err := s.Load(); err == nil {
		t.Error("loaded twice")
	}
	s.Update(1, 1, func() { s.hot.Put(strings.Repeat("k", KeyMax), "1"); s.cold.Put(strings.Repeat("k", KeyMax), "1") })
	checkpoint(t, s)
	for _, key := range []string{"", strings.Repeat("k", KeyMax+1)} {
		other := open(t, newPath(t))
		mustPanic(t, "allowed are 1 to 4096", func() { other.Update(1, 1, func() { other.cold.Put(key, "1") }) })
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(goldenPosition.encode())
	f.Add(tally{1, 2}.encode())
	f.Add(header{1, 2, 3}.encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := decodePosition(b); err == nil && string(p.encode()) != string(b) {
			t.Errorf("position %+v", p)
		}
		if s, err := decodeTally(b); err == nil && string(s.encode()) != string(b) {
			t.Errorf("tally %+v", s)
		}
		if h, err := decodeHeader(b); err == nil && string(h.encode()) != string(b) {
			t.Errorf("header %+v", h)
		}
	})
}

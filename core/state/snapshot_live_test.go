package state

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSnapshotForgets: what was deleted or changed before a snapshot is in none of its bytes, though the file itself still has it; and what there is is whole.
func TestSnapshotForgets(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	index := uint64(0)
	step := func(fn func()) {
		t.Helper()
		index++
		s.Update(index, 1, fn)
		if err := s.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("a long row ", 2000) // pages that go on
	step(func() {
		for i := range 3000 {
			s.cold.Put(fmt.Sprintf("row-%04d", i), fmt.Sprintf("of-%04d-somebody", i))
		}
		s.cold.Put("row-long", long+"of-long-somebody")
	})
	step(func() {
		for i := range 2900 {
			if i%2 == 0 {
				s.cold.Delete(fmt.Sprintf("row-%04d", i))
			} else {
				s.cold.Put(fmt.Sprintf("row-%04d", i), "of nobody")
			}
		}
		s.cold.Put("row-long", long)
	})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stream := snapshotOf(t, s)
	stays := []byte("of-2950-somebody")
	for _, gone := range []string{"of-0000-somebody", "of-1451-somebody", "of-2899-somebody", "of-long-somebody"} {
		if bytes.Contains(stream, []byte(gone)) {
			t.Errorf("the snapshot still has %q", gone)
		}
	}
	if !bytes.Contains(file, []byte("-somebody")) || !bytes.Contains(file, []byte("of-long-somebody")) {
		t.Error("the file has nothing to forget: this test shows nothing")
	}
	if !bytes.Contains(stream, stays) {
		t.Error("a row that is there is not in the snapshot")
	}
	to := open(t, newPath(t))
	if err := to.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	verify(t, to)
	if to.Hash() != s.Hash() {
		t.Error("the restored state differs")
	}
	step(func() { s.cold.Put("row-more", "x") }) // free pages are used again
	verify(t, s)
}

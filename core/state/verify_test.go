package state

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// flip changes one byte of a value in the file.
func flip(t *testing.T, path, value string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := bytes.Count(b, []byte(value))
	if n == 0 {
		t.Fatalf("%q is not in the file", value)
	}
	b = bytes.ReplaceAll(b, []byte(value), append([]byte{value[0] ^ 1}, value[1:]...))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func twoRows(t *testing.T) (path string) {
	path = newPath(t)
	s := open(t, path)
	s.Update(1, 1, func() {
		s.hot.Put("a", "the hot value")
		s.cold.Put("a", "the cold value")
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVerifyFindsAFlippedByte(t *testing.T) {
	path := twoRows(t)
	flip(t, path, "the cold value")
	s := open(t, path)
	if err := s.Verify(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `table orders has 1 rows`) {
		t.Errorf("Verify: %v", err)
	}
}

func TestLoadFindsAFlippedByte(t *testing.T) {
	path := twoRows(t)
	flip(t, path, "the hot value")
	if _, err := prepare(t, path, never); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `table stock has 1 rows`) {
		t.Errorf("Load: %v", err)
	}
}

// TestRowThatDoesNotDecode: reading it stops the process instead of answering "not there".
func TestRowThatDoesNotDecode(t *testing.T) {
	path := twoRows(t)
	flip(t, path, "\x01the cold value")
	s := open(t, path)
	mustPanic(t, "not words", func() { both(s, "a") })
	if err := failure(t, s); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Fail got %v", err)
	}
	if err := s.Verify(); err == nil {
		t.Error("Verify found nothing")
	}
}

// list is a mutable value, which breaks the rule of the package when it is changed in place.
type list struct{ words []string }

type lists struct{}

func (lists) Encode(l *list) ([]byte, error) { return []byte("\x01" + strings.Join(l.words, ",")), nil }
func (lists) Decode(b []byte) (*list, error) {
	return &list{strings.Split(string(b[1:]), ",")}, nil
}

func TestVerifyFindsAChangedValue(t *testing.T) {
	path := newPath(t)
	db, err := Open(Options{Path: path, CheckpointEvery: never, InitialMmapSize: 4 << 20, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	table := NewTable[*list](db, "lists", Hot, lists{})
	if err := db.Load(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		checkFile(t, path)
	})
	v := &list{[]string{"a"}}
	db.Update(1, 1, func() { table.Put("k", v) })
	if err := db.Verify(); err != nil {
		t.Fatal(err)
	}
	v.words[0] = "b"
	if err := db.Verify(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `"k" in memory changed`) {
		t.Errorf("Verify: %v", err)
	}
}

// TestDamagedPages overwrites whole pages: Load or Verify must say so, without a crash.
func TestDamagedPages(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	for i := uint64(1); i < 200; i++ {
		put(t, s, i, strings.Repeat("k", int(i)), strings.Repeat("v", 100))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for page := 2; page < len(whole)/pageSize; page++ {
		if bytes.Equal(whole[page*pageSize:(page+1)*pageSize], make([]byte, pageSize)) {
			continue
		}
		damaged := bytes.Clone(whole)
		for i := range pageSize {
			damaged[page*pageSize+i] ^= 0x55
		}
		if readsAsBroken(t, damaged) {
			found++
		}
	}
	if found < 10 {
		t.Errorf("only %d damaged pages were found", found)
	}
}

func readsAsBroken(t *testing.T, file []byte) bool {
	path := newPath(t)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := prepare(t, path, never)
	if err != nil {
		return true
	}
	err = s.Verify()
	_ = s.Close()
	return err != nil
}

// TestTalliesMustGiveTheHash: a position whose hash is not that of the tables is refused.
func TestTalliesMustGiveTheHash(t *testing.T) {
	path := twoRows(t)
	bolt, _, err := openBolt(path, 4<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	err = bolt.Update(func(tx *bbolt.Tx) error {
		m, err := readMeta(tx)
		if err != nil {
			return err
		}
		m.position.Hash++
		return tx.Bucket([]byte(metaBucket)).Put([]byte(positionKey), m.position.encode())
	})
	if err := errors.Join(err, bolt.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(t, path, never); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "the tables' hashes give") {
		t.Errorf("Load: %v", err)
	}
}

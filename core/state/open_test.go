package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a state file", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{
		"":                                  "Path is empty",
		garbage:                             "open " + garbage,
		dir:                                 "is a directory",
		filepath.Join(dir, "missing", "db"): "no such file or directory",
	} {
		if _, err := Open(Options{Path: path, InitialMmapSize: 4 << 20, Logger: quiet()}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want an error about %q", path, err, words)
		}
	}
}

func TestFileInUse(t *testing.T) {
	path := newPath(t)
	open(t, path)
	_, err := prepare(t, path, never)
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second open: %v", err)
	}
}

// TestUnknownTable: rows of a table that this program does not know are part of the hash.
func TestUnknownTable(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "a", "1")
	stream := snapshotOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	only := func(path string) (*DB, *Table[string]) {
		db, err := Open(Options{Path: path, CheckpointEvery: never, InitialMmapSize: 4 << 20, Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db, NewTable[string](db, "stock", Hot, words{})
	}
	db, _ := only(path)
	if err := db.Load(); err == nil || !strings.Contains(err.Error(), `"orders"`) {
		t.Errorf("Load: %v", err)
	}
	db, table := only(newPath(t))
	if err := db.Load(); err != nil {
		t.Fatal(err)
	}
	if err := db.Restore(strings.NewReader(string(stream))); err == nil || !strings.Contains(err.Error(), `"orders"`) {
		t.Errorf("Restore: %v", err)
	}
	db.View(func() {
		if table.Len() != 0 {
			t.Error("a refused snapshot left rows")
		}
	})
}

// TestNewTableInOldFile: a program that knows one table more opens the file, with the table empty.
func TestNewTableInOldFile(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "a", "1")
	hash := s.Hash()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(Options{Path: path, CheckpointEvery: never, InitialMmapSize: 4 << 20, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	NewTable[string](db, "stock", Hot, words{})
	NewTable[string](db, "orders", Cold, words{})
	more := NewTable[string](db, "carts", Cold, words{})
	if err := db.Load(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if db.Hash() != hash {
		t.Errorf("hash %016x, was %016x", db.Hash(), hash)
	}
	db.Update(2, 1, func() {
		if _, ok := more.Get("x"); ok || more.Len() != 0 {
			t.Error("the new table has rows")
		}
		more.Put("x", "1")
	})
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
}

// TestCrashWhileCreating: what a killed process left of a new file is in nobody's way.
func TestCrashWhileCreating(t *testing.T) {
	path := newPath(t)
	if err := os.WriteFile(path+newSuffix, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	put(t, s, 1, "a", "1")
	if _, err := os.Stat(path + newSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Error("the half file is still there")
	}
}

func TestFileOptions(t *testing.T) {
	s := open(t, newPath(t))
	info, err := os.Stat(s.opts.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	b := s.gen.bolt
	if b.NoFreelistSync || b.NoSync || b.NoGrowSync || b.FreelistType != bbolt.FreelistMapType || b.MaxSize >= s.opts.InitialMmapSize {
		t.Errorf("bbolt runs with %+v", b)
	}
}

func TestClosed(t *testing.T) {
	s := open(t, newPath(t))
	put(t, s, 1, "a", "1")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Checkpoint(); !errors.Is(err, ErrClosed) {
		t.Errorf("Checkpoint after Close: %v", err)
	}
	if _, err := s.Snapshot(); !errors.Is(err, ErrClosed) {
		t.Errorf("Snapshot after Close: %v", err)
	}
	if err := s.Restore(strings.NewReader("")); !errors.Is(err, ErrClosed) {
		t.Errorf("Restore after Close: %v", err)
	}
	if len(s.failed) != 0 {
		t.Errorf("Fail: %v", <-s.failed)
	}
}

// TestDefaultMap opens a file with the whole 64 GiB reserved: address space, neither memory nor disk.
func TestDefaultMap(t *testing.T) {
	path := newPath(t)
	db, err := Open(Options{Path: path, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if db.opts.InitialMmapSize != DefaultMmapSize {
		t.Errorf("map of %d", db.opts.InitialMmapSize)
	}
	if err := db.Load(); err != nil {
		t.Fatal(err)
	}
	db.Update(1, 1, func() {})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 64<<20 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

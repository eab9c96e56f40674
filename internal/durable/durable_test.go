package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "key")
	for _, content := range []string{"old and longer", "new"} {
		if err := WriteFile(name, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(name)
		if err != nil || string(b) != content {
			t.Errorf("%q, %v", b, err)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestWriteFileLeavesTheOld: what cannot be written in full changes nothing and leaves nothing behind.
func TestWriteFileLeavesTheOld(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "key")
	if err := os.MkdirAll(filepath.Join(name, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(name, []byte("new"), 0o600); err == nil {
		t.Fatal("a directory was replaced by a file")
	}
	if err := WriteFile(filepath.Join(dir, "missing", "key"), nil, 0o600); err == nil {
		t.Error("a directory that is not there was written to")
	}
	found, err := os.ReadDir(dir)
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

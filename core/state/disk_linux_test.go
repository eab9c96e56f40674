package state

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull puts /dev/full behind the open file, so that every write fails with "no space left on
// device".
func TestDiskFull(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "a", "1")
	checkpoint(t, s)
	before := filepath.Join(t.TempDir(), "copy.db")
	copyFile(t, path, before)

	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	if err := syscall.Dup3(int(full.Fd()), descriptorOf(t, path), syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	put(t, s, 2, "a", "2")
	err = s.Checkpoint()
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("checkpoint on a full disk: %v", err)
	}
	if told := failure(t, s); told != err {
		t.Errorf("Fail got %v", told)
	}
	if index, _ := s.Durable(); index != 1 {
		t.Errorf("durable %d, want 1", index)
	}
	mustHave(t, s, "a", "2")
	_ = s.Close()
	after := open(t, path)
	mustHave(t, after, "a", "1")
	verify(t, after)
}

func descriptorOf(t *testing.T, path string) int {
	t.Helper()
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, l := range links {
		if to, err := os.Readlink("/proc/self/fd/" + l.Name()); err == nil && to == path {
			n, err := strconv.Atoi(l.Name())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the state file is not open")
	return 0
}

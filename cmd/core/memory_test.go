package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryOf(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	meminfo := write("meminfo", "MemTotal:        8192 kB\nMemFree: 1 kB\n")
	write("fs/shop/memory.max", "4194304\n")
	write("fs/free/memory.max", "max\n")
	write("fs/memory/old/memory.limit_in_bytes", "2097152\n")
	for text, want := range map[string]int64{
		"0::/shop\n":            4 << 20,
		"0::/free\n":            8 << 20, // no limit: the machine's
		"5:memory:/old\n0::/\n": 2 << 20,
		"":                      8 << 20,
	} {
		if got := memoryOf(write("groups", text), filepath.Join(dir, "fs"), meminfo); got != want {
			t.Errorf("%q: %d bytes, want %d", text, got, want)
		}
	}
	if got := memoryOf(filepath.Join(dir, "none"), dir, filepath.Join(dir, "none")); got != 0 {
		t.Errorf("nothing to read gives %d", got)
	}
}

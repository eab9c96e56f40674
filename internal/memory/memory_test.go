package memory

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestFloor: garbage of less than the floor is left alone.
func TestFloor(t *testing.T) {
	t.Setenv("GOGC", "")
	debug.SetGCPercent(100)
	const floor = 64 << 20
	Floor(floor)
	t.Cleanup(func() { ballast = nil })
	runtime.GC() // the next target follows from what is alive now
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 32 {
		sink = make([]byte, 1<<20)
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n != 0 {
		t.Errorf("32 MiB of garbage below a floor of 64 MiB took %d collections", n)
	}
}

var sink []byte

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

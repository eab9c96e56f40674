package memory

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestGarbage: garbage below the bound is left alone, whether little or much is alive, and what is alive does not double.
func TestGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	const n = 32 << 20
	Garbage(n, 0.25)
	collections := func(garbage int) uint32 {
		var a, b runtime.MemStats
		runtime.GC() // the next goal follows from what is alive now
		time.Sleep(50 * time.Millisecond)
		runtime.GC()
		runtime.ReadMemStats(&a)
		for range garbage >> 20 {
			sink = make([]byte, 1<<20)
			time.Sleep(time.Millisecond) // a collection runs beside, and on a busy machine slowly
		}
		runtime.ReadMemStats(&b)
		return b.NumGC - a.NumGC
	}
	// A collection begins before its goal, at some seven tenths of the way.
	if c := collections(n / 2); c != 0 {
		t.Errorf("16 MiB of garbage took %d collections, with a bound of 32 MiB and nothing alive", c)
	}
	alive := make([]byte, 64<<20)
	for i := range alive {
		alive[i] = 1
	}
	if c := collections(n * 7 / 8); c != 0 {
		t.Errorf("28 MiB of garbage took %d collections, with a bound of 48 MiB", c)
	}
	if c := collections(4 * n); c < 2 {
		t.Errorf("128 MiB of garbage took %d collections, with a bound of 48 MiB", c)
	}
	runtime.KeepAlive(alive)
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

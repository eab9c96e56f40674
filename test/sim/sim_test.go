package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func number(t *testing.T, name string, d uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return d
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// TestSimulation is the short run of the suite: some minutes of three and of five nodes, with seeds of its
// own each time. SIM_SEED, with SIM_NODES and SIM_LENGTH, repeats the faults of one run.
func TestSimulation(t *testing.T) {
	length := 6 * time.Minute
	if s := os.Getenv("SIM_LENGTH"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	var all []Options
	if seed := number(t, "SIM_SEED", 0); seed != 0 {
		all = append(all, Options{Seed: seed, Nodes: int(number(t, "SIM_NODES", 3)), Length: length})
	} else {
		seed := uint64(time.Now().UnixNano())
		all = append(all, Options{Seed: seed, Nodes: 3, Length: length}, Options{Seed: seed + 1, Nodes: 5, Length: length})
	}
	for _, o := range all {
		r := Run(t, o)
		t.Logf("seed %d, %d nodes: %d faults, %d operations, %d entries", o.Seed, o.Nodes, r.Stats.faults(), r.Stats.Ops, r.Stats.Entries)
		Report(t, o, r)
	}
}

// TestLong runs SIM_HOURS simulated hours, an hour a seed from SIM_FROM on, three and five nodes in turn.
func TestLong(t *testing.T) {
	hours := number(t, "SIM_HOURS", 0)
	if hours == 0 {
		t.Skip("SIM_HOURS is not set: make sim runs 1,000 simulated hours")
	}
	from := number(t, "SIM_FROM", uint64(time.Now().UnixNano()))
	t.Logf("seeds from %d", from)
	began := time.Now()
	total := newStats()
	var mu sync.Mutex
	var next atomic.Uint64
	out := os.Getenv("SIM_REPORT")
	t.Run("seeds", func(t *testing.T) {
		for w := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(w), func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1); i <= hours; i = next.Add(1) {
					o := Options{Seed: from + i - 1, Nodes: 3 + 2*int(i%2), Length: time.Hour}
					wall := time.Now()
					r := Run(t, o)
					mu.Lock()
					total.add(r.Stats)
					if out != "" {
						appendLine(t, out, line{o.Seed, o.Nodes, time.Since(wall).Seconds(), len(r.Violations), r.Stats})
					}
					mu.Unlock()
					Report(t, o, r)
				}
			})
		}
	})
	wall := time.Since(began)
	t.Logf("%d seeds from %d in %v: %.0f simulated hours an hour\n%s", hours, from, wall.Round(time.Second), total.Simulated.Hours()/wall.Hours(), total)
}

// line is a run in the report's file, in JSON.
type line struct {
	Seed       uint64
	Nodes      int
	Wall       float64
	Violations int
	Stats      Stats
}

func appendLine(t *testing.T, path string, l line) {
	t.Helper()
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\n", b); err != nil {
		t.Fatal(err)
	}
}

package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Garbage lets so much garbage come together between two collections: n bytes, and a share of what is alive. The collector's own rule is a
// share alone: with little alive it collects dozens of times a second, each time for a few megabytes, and with a large cache it doubles it.
// GOGC wins over this.
func Garbage(n int64, share float64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	t := &tuner{n: float64(n), share: share}
	t.tune(leastAlive)
	t.watch()
}

// leastAlive is the heap below which the collector makes no difference, in bytes.
const leastAlive = 4 << 20

type tuner struct {
	n, share float64
	percent  int
}

// percentOf is GOGC for what is alive.
func (t *tuner) percentOf(alive float64) int {
	alive = max(alive, leastAlive)
	return int(100 * (t.n + t.share*alive) / alive)
}

// tune stops the world for a moment, so small changes are not worth it.
func (t *tuner) tune(alive float64) {
	if p := t.percentOf(alive); p > t.percent*9/8 || p < t.percent*7/8 {
		t.percent = p
		debug.SetGCPercent(p)
	}
}

// watch tunes after every collection, of which an object that nobody refers to is told.
func (t *tuner) watch() {
	runtime.SetFinalizer(&sentinel{t: t}, told)
}

type sentinel struct{ t *tuner }

func told(s *sentinel) {
	s.t.tune(alive())
	s.t.watch()
}

// alive is what the last collection left, with the stacks and globals that the collector counts, too.
func alive() float64 {
	read := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(read)
	var sum uint64
	for _, s := range read {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return float64(sum)
}

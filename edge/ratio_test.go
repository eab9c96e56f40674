package edge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"
	"time"
)

// zipf draws ranks from 0 on with probability proportional to 1/(1+rank)^s, by inverting the sums.
type zipf struct{ sums []float64 }

func newZipf(n int, s float64) *zipf {
	z := &zipf{sums: make([]float64, n)}
	total := 0.0
	for i := range z.sums {
		total += math.Pow(float64(i+1), -s)
		z.sums[i] = total
	}
	return z
}

func (z *zipf) draw(rng *rand.Rand) int {
	x := rng.Float64() * z.sums[len(z.sums)-1]
	return sort.SearchFloat64s(z.sums, x)
}

// BenchmarkHitRatio is the share of hits on a Zipf trace with exponent 1.05, with room for a tenth of the bytes.
// Which accesses ristretto counts depends on how busy the machine is, so that this is a figure and no test; that no
// fill is dropped must be true in any case.
func BenchmarkHitRatio(b *testing.B) {
	const pages, warmUp = 20_000, 200_000
	seed := rand.Uint64()
	b.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	// Pages of 4 to 40 kB; popularity and size have nothing to do with each other. Bodies share their bytes: the
	// cache counts costs.
	shared := make([]byte, 40<<10)
	all := make([]*entry, pages)
	total := int64(0)
	for i := range all {
		all[i] = &entry{key: fmt.Sprint("EUR/DEh\x00/products/", i), variants: []variant{{body: shared[:4<<10+rng.IntN(36<<10)]}}}
		total += all[i].cost()
	}
	c, err := newCache(total/10, total, true)
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	trace := newZipf(pages, 1.05)
	ask := func() bool {
		e := all[trace.draw(rng)]
		if c.get([]byte(e.key)) != nil {
			return true
		}
		c.put(e, time.Hour)
		return false
	}
	for range warmUp {
		ask()
	}
	hits, asked := 0, 0
	for b.Loop() {
		asked++
		if ask() {
			hits++
		}
	}
	b.ReportMetric(100*float64(hits)/float64(asked), "hit%")
	if n := c.dropped.Load(); n != 0 {
		b.Errorf("%d fills were dropped", n)
	}
}

// TestNoFillIsDropped: whatever comes in one flight a key is taken by the cache.
func TestNoFillIsDropped(t *testing.T) {
	c, err := newCache(1<<20, 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var fills sync.WaitGroup
	for k := range 8 {
		fills.Go(func() {
			for i := range 2000 {
				c.put(&entry{key: fmt.Sprint(k, "/", i), variants: []variant{{body: make([]byte, 1000)}}}, time.Hour)
			}
		})
	}
	fills.Wait()
	if n := c.dropped.Load(); n != 0 {
		t.Errorf("%d of 16,000 fills were dropped", n)
	}
}

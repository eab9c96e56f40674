package edge

import (
	"fmt"
	"math"
	"math/rand/v2"
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
	lo, hi := 0, len(z.sums)-1
	for lo < hi {
		if mid := (lo + hi) / 2; z.sums[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// TestHitRatio: with room for a tenth of the bytes, three of four requests of a Zipf trace with exponent 1.05 are
// hits, and no fill is dropped.
func TestHitRatio(t *testing.T) {
	const pages, requests, warmUp = 20_000, 400_000, 200_000
	seed := rand.Uint64()
	t.Log("seed", seed)
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
	c, err := newCache(total/10, total)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	trace := newZipf(pages, 1.05)
	hits := 0
	for i := range requests {
		e := all[trace.draw(rng)]
		switch found := c.get([]byte(e.key)); {
		case found == nil:
			c.put(e, time.Hour)
		case i >= warmUp:
			hits++
		}
	}
	ratio := float64(hits) / (requests - warmUp)
	t.Logf("%.1f %% hits with a tenth of the bytes, %d fills dropped", 100*ratio, c.dropped.Load())
	if ratio < 0.75 || c.dropped.Load() != 0 {
		t.Errorf("%.3f of the requests were hits, %d fills were dropped", ratio, c.dropped.Load())
	}
}

package edge

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Prices only rise. A reader notes the last acknowledged price before it asks; an answer below that
// is a stale one after the acknowledgement.
func cacheRace(t *testing.T, seed uint64, ignoreEpochs bool, d time.Duration) (stale, hits, fills int64) {
	shop, feed := newShopStub(), newFakeFeed()
	rng := rand.New(rand.NewPCG(seed, 1))
	var rngMu sync.Mutex
	pick := func(n int) int { rngMu.Lock(); defer rngMu.Unlock(); return rng.IntN(n) }
	shop.lag = func() time.Duration { return time.Duration(pick(3000)) * time.Microsecond }
	const products = 4
	var acked [products]atomic.Int64
	for i := range products {
		shop.prices[fmt.Sprint("p", i)] = 1
		acked[i].Store(1)
	}
	s := startServer(t, shop.routes(), func(c *Config) { c.Feed, c.ignoreEpochs = feed, ignoreEpochs })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var nStale, nHits atomic.Int64
	price := regexp.MustCompile(`price=(\d+)`)
	for range 12 {
		wg.Go(func() {
			buf := make([]byte, 4096)
			for {
				select {
				case <-stop:
					return
				default:
				}
				i := pick(products)
				floor := acked[i].Load()
				resp, err := client.Get(fmt.Sprintf("http://%s/products/p%d", s.Addr(), i))
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
					return
				}
				n, _ := resp.Body.Read(buf)
				_ = resp.Body.Close()
				m := price.FindSubmatch(buf[:n])
				if resp.StatusCode != 200 || m == nil {
					t.Errorf("seed %d: %d %.80q", seed, resp.StatusCode, buf[:n])
					return
				}
				got, _ := strconv.ParseInt(string(m[1]), 10, 64)
				if len(resp.Header.Get("Age")) > 0 {
					nHits.Add(1)
				}
				if got < floor {
					nStale.Add(1)
				}
			}
		})
	}
	for v, end := int64(2), time.Now().Add(d); time.Now().Before(end); v++ {
		i := pick(products)
		b := shop.set(fmt.Sprint("p", i), int(v))
		b.Entries[0].Ack = true
		feed.batches <- b
		for at := range feed.acks {
			if at.Covers(b.Next) {
				break
			}
		}
		acked[i].Store(v)
		if pick(3) == 0 {
			// Let some entries live long enough to be hit.
			<-time.After(time.Duration(pick(4000)) * time.Microsecond)
		}
	}
	close(stop)
	wg.Wait()
	return nStale.Load(), nHits.Load(), int64(shop.count())
}

func TestNoStaleHitAfterTheAcknowledgement(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	stale, hits, fills := cacheRace(t, seed, false, 2*time.Second)
	t.Logf("seed %d: %d hits, %d fills, %d stale", seed, hits, fills, stale)
	if stale != 0 || hits == 0 || fills < 10 {
		t.Fatalf("seed %d: %d stale answers, %d hits, %d fills", seed, stale, hits, fills)
	}
}

// The gate: with the epoch check off the same run must see stale answers, or it proves nothing.
func TestTheRaceTestSeesStaleHits(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	stale, hits, _ := cacheRace(t, seed, true, 500*time.Millisecond)
	t.Logf("seed %d: %d hits, %d stale", seed, hits, stale)
	if stale == 0 {
		t.Fatalf("seed %d: no stale answer without the epoch check", seed)
	}
}

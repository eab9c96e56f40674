package edge

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meridian/internal/pause"
)

// purgeRun is what a run of the checker saw.
type purgeRun struct {
	changes, fills int
	answers, hits  int64
	marked         int64 // answers that said that nobody knows whether they hold
	broken         int64 // answers from before an acknowledged change that did not say so
	first          string
	faults         map[string]int
}

// checkPurges lets edges answer while products change, until there were n changes and n fills. An answer must be
// at least as new as the last change of its product that was acknowledged before the question, unless it is marked.
func checkPurges(t *testing.T, seed uint64, n int, faults, ignoreEpochs bool) (r purgeRun) {
	const edges, readers, writers = 2, 24, 16
	r.faults = map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed, edges)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.replicate(ctx) })
		running := map[*Server]bool{}
		var mu sync.Mutex // guards running
		end := func(s *Server) {
			mu.Lock()
			delete(running, s)
			mu.Unlock()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		newServer := func(i int) *Server {
			s, err := NewServer(Config{ID: fmt.Sprint("edge-", i), Region: "eu", Secret: []byte("0123456789abcdef"), Feed: worldFeed{w, i}, LogSample: 1 << 60, ignoreEpochs: ignoreEpochs,
				Routes: []Route{{Method: "GET", Pattern: "/products/{handle}", Handler: w.page(i)}}, Logger: slog.New(slog.DiscardHandler), MaxEpochs: worldProducts / 2, CacheBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			running[s] = true
			mu.Unlock()
			return s
		}
		var servers, retiring [edges]atomic.Pointer[Server]
		for i := range servers {
			s := newServer(i)
			s.follower.start()
			for s.Ready() != nil { // before, no shopper is sent here
				time.Sleep(time.Millisecond)
			}
			servers[i].Store(s)
		}
		var changes, answers, hits, marked, broken atomic.Int64
		var first atomic.Pointer[string]
		hot := make([]atomic.Int64, 8) // products that changed a moment ago
		for k := range writers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(100+k)))
				for ctx.Err() == nil {
					p := k + writers*rng.IntN(worldProducts/writers) // each product has one writer
					if rng.IntN(2000) == 0 {
						w.change(-1)
					}
					w.change(p)
					changes.Add(1)
					hot[rng.IntN(len(hot))].Store(int64(p))
					time.Sleep(time.Duration(rng.IntN(int(100 * time.Millisecond))))
				}
			})
		}
		for k := range readers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(1000+k)))
				asks := map[int]*requestCtx{}
				for ctx.Err() == nil {
					p := rng.IntN(worldProducts)
					if rng.IntN(3) > 0 {
						p = int(hot[rng.IntN(len(hot))].Load())
					}
					if asks[p] == nil {
						asks[p] = parsed(t, fmt.Sprintf("GET /products/p%d HTTP/1.1\r\nHost: shop.example\r\n\r\n", p))
					}
					s := servers[k%edges].Load()
					if old := retiring[k%edges].Load(); old != nil && rng.IntN(2) == 0 {
						s = old // on a connection from before
					}
					ask := asks[p]
					ask.Response.Reset()
					floor := w.floor(p)
					s.handle(ask)
					answers.Add(1)
					status := ask.Response.Header.Peek("Cache-Status")
					if bytes.Contains(status, []byte("; hit")) {
						hits.Add(1)
					}
					if text, ok := bytes.CutPrefix(ask.Response.Body(), []byte("version=")); ok {
						version, _ := strconv.Atoi(string(text))
						switch {
						case bytes.Contains(status, []byte("detail=stale")) || bytes.Contains(status, []byte("detail=core-failed")):
							marked.Add(1)
						case !w.mayShow(p, floor, version):
							broken.Add(1)
							said := fmt.Sprintf("p%d shows version %d, acknowledged at %d: %s, X-Index %s", p, version, floor, status, ask.Response.Header.Peek("X-Index"))
							first.CompareAndSwap(nil, &said)
						}
					}
					time.Sleep(time.Duration(rng.IntN(int(20 * time.Millisecond))))
				}
			})
		}
		if faults {
			replace := func(rng *rand.Rand) {
				i := rng.IntN(edges)
				old, next := servers[i].Load(), newServer(i)
				next.follower.watch()
				for tries := 0; next.Ready() != nil; tries++ {
					if tries == 2000 { // no core answers: the running one goes on
						end(next)
						return
					}
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Duration(rng.Int64N(int64(time.Second)))) // both follow
				old.Yield()
				time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
				if rng.IntN(4) == 0 { // the successor was killed
					old.Resume()
					end(next)
					return
				}
				if err := next.Succeed(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				servers[i].Store(next)
				retiring[i].Store(old)
				time.Sleep(time.Duration(rng.Int64N(int64(3 * time.Second))))
				retiring[i].Store(nil)
				wg.Go(func() { // when the last of its requests has been answered
					_ = pause.For(ctx, time.Minute)
					end(old)
				})
			}
			wg.Go(func() { r.disturb(ctx, w, seed, replace) })
		}
		fills := func() (n int) { w.set(func() { n = w.fills }); return n }
		for int(changes.Load()) < n || fills() < n && !ignoreEpochs {
			time.Sleep(100 * time.Millisecond)
		}
		stop()
		w.set(func() {
			for _, l := range w.links {
				l.cut, l.lease = false, time.Time{}
			}
		})
		wg.Wait()
		for s := range running {
			end(s)
		}
		r.changes, r.fills = int(changes.Load()), fills()
		r.answers, r.hits, r.marked, r.broken = answers.Load(), hits.Load(), marked.Load(), broken.Load()
		if s := first.Load(); s != nil {
			r.first = *s
		}
	})
	return r
}

// disturb makes cores lag, feeds forget, edges lose every core, restores, and replaces edges.
func (r *purgeRun) disturb(ctx context.Context, w *world, seed uint64, replace func(*rand.Rand)) {
	rng := rand.New(rand.NewPCG(seed, 3))
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	for ctx.Err() == nil {
		time.Sleep(upTo(2 * time.Second))
		switch k := rng.IntN(26); {
		case k < 8:
			r.faults["a core lags"]++
			w.set(func() { w.lagging[1+rng.IntN(worldCores-1)] = time.Now().Add(upTo(4 * time.Second)) })
		case k < 12:
			r.faults["the feeds forget"]++
			w.set(func() { w.forgot = w.raft })
		case k < 18:
			r.faults["an edge is cut off"]++
			l := w.links[rng.IntN(len(w.links))]
			w.set(func() { l.cut = true })
			time.Sleep(upTo(6 * time.Second))
			w.set(func() { l.cut = false })
		case k < 20:
			r.faults["a restore"]++
			w.restore()
		default:
			r.faults["an edge is replaced"]++
			replace(rng)
		}
	}
}

// purgeTimes is PURGE_CHANGES, how many changes and fills a run takes.
func purgeTimes(t *testing.T, short int) int {
	v := os.Getenv("PURGE_CHANGES")
	if v == "" {
		return short
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("PURGE_CHANGES=%q: give a number", v)
	}
	return n
}

// TestPurgesHold: after a change was acknowledged no edge shows what was before, unless it says that it does not know:
// with fills that race the change, cores that lag, feeds that forget, edges cut off from every core, restores, and
// edges whose place another process takes.
func TestPurgesHold(t *testing.T) {
	seed := rand.Uint64()
	r := checkPurges(t, seed, purgeTimes(t, 5000), true, false)
	t.Logf("seed %d: %d changes, %d fills, %d answers, %d hits, %d marked, faults %v", seed, r.changes, r.fills, r.answers, r.hits, r.marked, r.faults)
	if r.broken > 0 || r.hits == 0 {
		t.Errorf("seed %d: %d answers were older than an acknowledged change, %d hits; the first: %s", seed, r.broken, r.hits, r.first)
	}
}

// TestHitsAreMarkedOnlyInTrouble: without faults no answer says that it may be old.
func TestHitsAreMarkedOnlyInTrouble(t *testing.T) {
	seed := rand.Uint64()
	r := checkPurges(t, seed, 2000, false, false)
	t.Logf("seed %d: %d changes, %d fills, %d answers, %d hits", seed, r.changes, r.fills, r.answers, r.hits)
	if r.broken > 0 || r.marked > r.answers/1000 {
		t.Errorf("seed %d: %d of %d answers were marked, %d are too old; the first: %s", seed, r.marked, r.answers, r.broken, r.first)
	}
}

// TestGatePurges: with the epochs ignored the same run shows what was before a change.
func TestGatePurges(t *testing.T) {
	seed := rand.Uint64()
	if r := checkPurges(t, seed, 1000, true, true); r.broken == 0 {
		t.Errorf("seed %d: %d changes, %d fills, and nothing was too old without the epochs", seed, r.changes, r.fills)
	}
}

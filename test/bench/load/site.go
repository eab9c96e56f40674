package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

const (
	collections = 20
	customers   = 50
	password    = "a-long-password"
)

func handle(n int) string   { return "thing-" + strconv.Itoa(n) }
func sku(n int) string      { return "THING-" + strconv.Itoa(n) }
func customer(n int) string { return "customer-" + strconv.Itoa(n) + "@example.com" }

// word is in the titles of a hundredth of all things.
func word(n int) string { return "kind" + strconv.Itoa(n%100) }

// site is a shop under load.
type site struct {
	*shop.Shop
	http   *fasthttp.Client
	things int
	seed   uint64
	steps  uint64
	// idle is what each process uses when nobody comes, as a part of a processor.
	idle map[string]float64
}

// open starts a shop in three regions, none of them far, and fills it.
func open(ctx context.Context, o options) (s *site, err error) {
	running, err := shop.Start(ctx, shop.Options{Bin: o.bin, Cores: 3, Edges: 3, Apart: true, EdgeArgs: []string{"--trusted-proxies", "127.0.0.0/8", "--max-conns-per-address", "20000"}})
	if err != nil {
		return nil, err
	}
	s = &site{Shop: running, things: o.things, seed: o.seed, http: &fasthttp.Client{MaxConnsPerHost: 4000, ReadTimeout: patience, WriteTimeout: patience, MaxIdleConnDuration: 20 * time.Second}}
	if err := s.fill(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *site) close() error { return errors.Join(s.Stop(), os.RemoveAll(s.Dir)) }

func (s *site) fill(ctx context.Context) error {
	staff := shop.Client{Base: s.Edge, Token: s.Token}
	for n := range collections {
		if err := staff.Do(ctx, "PUT", "/admin/api/v1/collections/c"+strconv.Itoa(n), map[string]any{"handle": "c" + strconv.Itoa(n), "title": fmt.Sprintf("Collection %d", n), "description": "Things."}, nil); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for w := range errs {
		wg.Go(func() {
			for n := w; n < s.things && errs[w] == nil; n += len(errs) {
				errs[w] = staff.Do(ctx, "PUT", "/admin/api/v1/products/"+handle(n), map[string]any{"handle": handle(n), "title": "A thing of " + word(n), "vendor": "Load", "type": "Thing", "status": "active",
					"description_html": "<p>A thing to buy, with two sentences about it. It is blue, and people come back for it.</p>", "collections": []string{"c" + strconv.Itoa(n%collections)},
					"variants": []any{map[string]any{"sku": sku(n), "title": "", "prices": map[string]int64{"EUR": 1999, "USD": 2199}, "on_hand": 1_000_000}}}, nil)
			}
			for n := w; n < customers && errs[w] == nil; n += len(errs) {
				errs[w] = shop.Client{Base: s.Edge}.Do(ctx, "POST", "/api/v1/customers", map[string]string{"email": customer(n), "password": password, "name": "A Customer"}, nil)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// warm puts every page of a product and of a collection into every edge's cache, as they are in a shop that has been open for a while.
func (s *site) warm() (took time.Duration, err error) {
	began := time.Now()
	var paths []string
	for n := range s.things {
		paths = append(paths, "/products/"+handle(n))
	}
	for n := range collections {
		paths = append(paths, "/collections/c"+strconv.Itoa(n))
	}
	var wg sync.WaitGroup
	errs := make([]error, 8*len(s.Edges))
	for w := range errs {
		wg.Go(func() {
			v := visit{edge: s.Edges[w%len(s.Edges)], address: "10.255.0." + strconv.Itoa(w), http: s.http}
			for n := w / len(s.Edges); n < len(paths) && errs[w] == nil; n += 8 {
				errs[w] = v.page(paths[n])
			}
		})
	}
	wg.Wait()
	return time.Since(began), errors.Join(errs...)
}

// figures are what one step showed.
type figures struct {
	rate     float64 // journeys that began a second
	took     time.Duration
	began    int
	done     int
	failed   int
	example  error
	requests int
	// slowest is each finished journey's slowest answer.
	slowest []time.Duration
	cpu     map[string]time.Duration // beyond what is used when nobody comes
	load    time.Duration            // of this program
}

func (f figures) String() string {
	return fmt.Sprintf("%.0f of %.0f journeys a second done, %d failed (%v), %.0f requests a second, slowest answer p99 %v, %.2f CPU-ms a journey",
		f.doneRate(), f.rate, f.failed, f.example, float64(f.requests)/f.took.Seconds(), f.p99().Round(time.Millisecond), f.cost())
}

func (f figures) doneRate() float64 { return float64(f.done) / f.took.Seconds() }

func (f figures) p99() time.Duration {
	if len(f.slowest) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(f.slowest))
	return s[min(len(s)*99/100, len(s)-1)]
}

// cost is the processor time of a journey in milliseconds, over all processes of the shop.
func (f figures) cost() float64 { return f.costOf("") }

// costOf is the part of it in programs whose name begins with a prefix.
func (f figures) costOf(prefix string) (ms float64) {
	for name, d := range f.cpu {
		if len(name) >= len(prefix) && name[:len(prefix)] == prefix {
			ms += d.Seconds() * 1000
		}
	}
	return ms / float64(max(f.done, 1))
}

// carried says that the step was within what the shop carries: fewer than one in a hundred journeys failed, and answers came in time.
func (f figures) carried(limit time.Duration) bool {
	return f.failed*100 < f.began && f.p99() <= limit && f.done > 0
}

// rest measures what the shop uses when nobody comes.
func (s *site) rest(ctx context.Context, d time.Duration) error {
	before, err := s.Meter()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
	}
	after, err := s.Meter()
	if err != nil {
		return err
	}
	s.idle = map[string]float64{}
	for name, spent := range after.Since(before) {
		s.idle[name] = spent.Seconds() / d.Seconds()
	}
	return nil
}

// step lets journeys begin at a rate and waits for the last.
func (s *site) step(ctx context.Context, rate float64, d time.Duration, mix []journey) (f figures, err error) {
	s.steps++
	rng := rand.New(rand.NewPCG(s.seed, s.steps))
	warm := d / 5
	var mu sync.Mutex
	var wg sync.WaitGroup
	var before process.Meter
	var self time.Duration
	start := time.Now()
	counted := false
	for at := time.Duration(0); ; {
		at += time.Duration(rng.ExpFloat64() / rate * float64(time.Second))
		if at > warm+d || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Until(start.Add(at)))
		if !counted && at > warm {
			counted, self = true, process.Self()
			if before, err = s.Meter(); err != nil {
				return f, err
			}
		}
		n := rng.Int64N(1 << 60)
		j := pick(mix, rng.Float64())
		v := &visit{edge: s.Edges[int(n)%len(s.Edges)], address: fmt.Sprintf("10.%d.%d.%d", n&255, n>>8&255, n>>16&255), n: n, rng: rand.New(rand.NewPCG(uint64(n), 7)), http: s.http, things: s.things}
		mine := counted
		wg.Go(func() {
			err := j.walk(v)
			mu.Lock()
			defer mu.Unlock()
			if !mine {
				return
			}
			f.began++
			f.requests += v.pages
			if err != nil {
				f.failed++
				f.example = err
				return
			}
			f.done++
			f.slowest = append(f.slowest, v.slowest)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return f, err
	}
	after, err := s.Meter()
	if err != nil {
		return f, err
	}
	f.rate, f.took, f.cpu, f.load = rate, max(d, time.Since(start.Add(warm))), after.Since(before), process.Self()-self
	for name := range f.cpu {
		f.cpu[name] = max(0, f.cpu[name]-time.Duration(s.idle[name]*float64(f.took)))
	}
	return f, nil
}

func pick(mix []journey, at float64) journey {
	for _, j := range mix {
		if at -= j.share; at < 0 {
			return j
		}
	}
	return mix[0]
}

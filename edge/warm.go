package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/durable"
	"meridian/internal/pause"
)

const (
	// warmMax bounds the addresses that are written down, warmBytes the file.
	warmMax   = 10_000
	warmBytes = 32 << 20
	// warmFetches is how many are fetched at once at the start.
	warmFetches = 4
	// warmEvery is how often they are written down. How much something is used is counted in these intervals.
	warmEvery = time.Minute
	// warmPause is for how long fetching rests when shoppers wait, or a core fails.
	warmPause = 200 * time.Millisecond
)

// warmRequest is the request id of what is fetched at the start, for the core's log.
const warmRequest = "warm-start"

// warmHead begins the file, with its version; the checksum of the rest follows on the same line.
const warmHead = "meridian edge addresses 1 "

// warmer writes the addresses down that are used most, and fetches them when the edge starts. Answers themselves are not kept: nobody
// could say whether they still hold.
type warmer struct {
	s    *Server
	path string
	stop context.CancelFunc
	runs sync.WaitGroup
	// through says that all that was written down has been fetched or given up. Nothing is written before: it would be less. It is
	// of the goroutine, and of close after that.
	through bool
}

// address is a cached answer as it is written down: what its key says but for the locale, which is the edge's.
type address struct {
	HTML  bool                `json:"html,omitempty"`
	Path  string              `json:"path"`
	Query map[string][]string `json:"query,omitempty"`
}

func newWarmer(s *Server, path string) *warmer {
	return &warmer{s: s, path: path}
}

func (w *warmer) start() {
	ctx, stop := context.WithCancel(w.s.background)
	w.stop = stop
	w.runs.Go(func() {
		if w.through = w.restore(ctx); w.through {
			pause.Every(ctx, warmEvery, w.write)
		}
	})
}

// close writes a last time.
func (w *warmer) close() {
	if w == nil || w.stop == nil {
		return
	}
	w.stop()
	w.runs.Wait()
	if w.through {
		w.write()
	}
}

func (w *warmer) write() {
	all := w.s.cache.used(warmMax)
	if len(all) == 0 {
		return // nobody has been here: what is written down is worth more
	}
	addresses := make([]address, 0, len(all))
	for _, key := range all {
		if a, ok := w.s.addressOf(key); ok {
			addresses = append(addresses, a)
		}
	}
	if err := saveAddresses(w.path, addresses); err != nil {
		w.s.log.Warn("the addresses that are used most are not written down", "file", w.path, "err", err)
	}
}

// addressOf reads a key of the cache back.
func (s *Server) addressOf(key string) (a address, ok bool) {
	rest, ok := strings.CutPrefix(key, string(s.keyHeadHTML))
	if a.HTML = ok; !ok {
		if rest, ok = strings.CutPrefix(key, string(s.keyHead)); !ok {
			return a, false
		}
	}
	parts := strings.Split(rest, "\x00")
	a.Path = parts[0]
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "\x01")
		if a.Query == nil {
			a.Query = map[string][]string{}
		}
		a.Query[name] = append(a.Query[name], value)
	}
	return a, true
}

func saveAddresses(path string, all []address) error {
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	head := fmt.Sprintf("%s%08x\n", warmHead, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return durable.WriteFile(path, append([]byte(head), b...), 0o600)
}

func loadAddresses(path string) (all []address, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > warmBytes {
		return nil, fmt.Errorf("it has %d bytes, more than an edge writes", st.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	head, body, _ := strings.Cut(string(b), "\n")
	sum, ok := strings.CutPrefix(head, warmHead)
	if !ok {
		return nil, errors.New("it is not a list of addresses that this version wrote")
	}
	if sum != fmt.Sprintf("%08x", crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))) {
		return nil, errors.New("its checksum is wrong")
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return nil, err
	}
	return all[:min(len(all), warmMax)], nil
}

// restore fetches what was written down, the most used first, and reports whether it got to the end.
func (w *warmer) restore(ctx context.Context) bool {
	log, start := w.s.log.With("file", w.path), time.Now()
	all, err := loadAddresses(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		log.Warn("the list of the most used addresses is ignored, and the cache starts empty", "err", err)
		return true
	}
	queue := make(chan address)
	var fetchers sync.WaitGroup
	var mu sync.Mutex // guards fetched and failed
	fetched, failed := 0, 0
	for range warmFetches {
		fetchers.Go(func() {
			for a := range queue {
				ok := w.fetch(ctx, a)
				mu.Lock()
				if ok {
					fetched++
				} else {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	for _, a := range all {
		if w.giveWay(ctx) != nil {
			break
		}
		queue <- a
	}
	close(queue)
	fetchers.Wait()
	if ctx.Err() != nil {
		return false
	}
	log.Info("the cache was filled with what was used most", "addresses", len(all), "cached", fetched, "failed", failed, "took", time.Since(start).Round(time.Millisecond).String())
	return true
}

// giveWay waits until the feed is followed, and while shoppers need the turns.
func (w *warmer) giveWay(ctx context.Context) error {
	for {
		inside, waiting, _ := w.s.gates.fills.State()
		if w.s.Ready() == nil && waiting == 0 && inside <= w.s.cfg.MaxFills/2 {
			return ctx.Err()
		}
		if err := pause.For(ctx, warmPause); err != nil {
			return err
		}
	}
}

// fetch fills the cache with the answer of an address as a request for it would, and reports whether it is there.
func (w *warmer) fetch(ctx context.Context, a address) bool {
	s := w.s
	r := &Request{Method: "GET", Path: a.Path, Query: a.Query, HTML: a.HTML, Locale: s.cfg.Locale, Region: s.cfg.Region, Call: api.Call{Edge: s.cfg.ID, RequestID: warmRequest}}
	b := s.publicRoute(r)
	if b == nil {
		return false
	}
	name := cacheKey(r)
	if e := s.cache.get(name); e != nil && !e.pass && s.judge(e) == valid {
		return true
	}
	fl, _ := s.flights.join(string(name), nil, s.fetcher(b, r, string(name), nil))
	if fl == nil {
		return false
	}
	<-fl.done
	if fl.err != nil {
		_ = pause.For(ctx, warmPause) // the core has enough to do, or is away
		return false
	}
	return fl.entry.status == 200 && !fl.entry.pass
}

// publicRoute is the route of an address that comes from a file: nil if there is none, or none that is cached.
func (s *Server) publicRoute(r *Request) *bound {
	if !strings.HasPrefix(r.Path, "/") {
		return nil
	}
	m := s.router.find(r.Path)
	if m.leaf == nil {
		return nil
	}
	b := m.leaf.of("GET")
	if b == nil || b.Class != Public && b.Class != File || b.API && r.HTML {
		return nil
	}
	for name := range r.Query {
		if !b.allows(name) {
			return nil
		}
	}
	r.Params = m.named(b)
	return b
}

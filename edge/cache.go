package edge

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"meridian/api"
)

// entry is a finished answer. It is immutable but for its atomics; its bytes are never reused.
type entry struct {
	key         string
	status      int
	contentType string
	file        bool // of the class File: ranges are served, and there is one encoding
	header      [][2]string
	variants    []variant // identity first; empty for a pass
	control     []byte    // Cache-Control
	// rough: the variants were made quickly. asked says that better ones were asked for, and better is where they
	// are then.
	rough      bool
	asked      atomic.Bool
	better     atomic.Pointer[[]variant]
	tags       []string
	index      api.Index // the answer shows everything up to here, perhaps more
	fetched    time.Time
	freshUntil time.Time
	// immutable: the address holds a content hash, so only a purge can outdate it.
	immutable bool
	// problem is set for a remembered refusal that is told as a document, with each client's own
	// request id.
	problem *api.Error
	// pass marks an address whose answers may not be kept: nobody waits for anybody there.
	pass bool
	// heldAt is the generation of the epochs at which the entry was last found valid.
	heldAt atomic.Uint64
	// used says that somebody has asked for it since that was last looked at, see cache.used.
	used atomic.Bool
	// retry is when (unix nanoseconds) a refresh that failed may be tried again; 0: no failure.
	retry atomic.Int64
	core  time.Duration // what the fill waited for the core
}

// What an entry, and each encoding of it, costs beside its bodies and strings, in bytes rounded up. The headers
// of an encoding are kept once they were sent, as the short cut and the long way send them, mostly for one kind of host.
const (
	entryOverhead   = 512
	variantOverhead = 4096
)

func (e *entry) cost() int64 {
	n := int64(entryOverhead + len(e.key) + len(e.contentType))
	for i := range e.variants {
		v := &e.variants[i]
		n += int64(len(v.body) + len(v.etag) + variantOverhead)
	}
	if e.rough {
		// As many again: better ones come, and do not take more.
		for i := 1; i < len(e.variants); i++ {
			n += 2 * int64(len(e.variants[i].body)+variantOverhead)
		}
	}
	for _, h := range e.header {
		n += int64(len(h[0]) + len(h[1]) + 32)
	}
	for _, t := range e.tags {
		n += int64(len(t) + 16)
	}
	return n
}

// cache holds entries within a number of bytes.
type cache struct {
	r        *ristretto.Cache[uint64, *entry]
	seed     maphash.Seed
	maxEntry int64
	dropped  atomic.Uint64 // fills that could not be kept
	counts   bool          // of use, see used

	mu  sync.Mutex // guards all
	all map[string]use
}

// meanEntry is a guess for sizing ristretto's counters: ten per entry that fits.
const meanEntry = 12 << 10

func newCache(bytes, maxEntry int64, counts bool) (*cache, error) {
	c := &cache{seed: maphash.MakeSeed(), maxEntry: min(maxEntry, bytes), counts: counts, all: map[string]use{}}
	var err error
	c.r, err = ristretto.NewCache(&ristretto.Config[uint64, *entry]{
		NumCounters: max(10_000, 10*bytes/meanEntry),
		MaxCost:     bytes,
		BufferItems: 64,
		OnExit:      c.forget,
	})
	if err != nil {
		return nil, fmt.Errorf("edge: cache: %w", err)
	}
	return c, nil
}

// get finds the entry of a key. Keys are told apart by a hash, with a seed that nobody outside knows;
// comparing the whole key is what keeps a collision from showing someone another page.
func (c *cache) get(key []byte) *entry {
	e, ok := c.r.Get(maphash.Bytes(c.seed, key))
	if !ok || e.key != string(key) {
		return nil
	}
	return e
}

// put keeps an entry for life. It is called by the one flight of the key, and waits until the entry
// is in: of two writes of a new key in a row, ristretto would keep the older.
func (c *cache) put(e *entry, life time.Duration) bool {
	cost := e.cost()
	c.register(e)
	if cost > c.maxEntry || !c.r.SetWithTTL(maphash.String(c.seed, e.key), e, cost, life) {
		c.dropped.Add(1)
		c.forget(e)
		return false
	}
	c.r.Wait()
	return true
}

func (c *cache) close() { c.r.Close() }

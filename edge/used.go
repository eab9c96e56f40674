package edge

import (
	"cmp"
	"slices"
	"strings"
)

// use is how much an entry is used, a bit for each of the last intervals, the newest first: the aging of page replacement (Tanenbaum,
// "Modern Operating Systems", section 3.4.7). A hit sets a flag that it mostly finds set.
type use struct {
	e    *entry
	bits uint8
}

// register remembers an entry that is put into the cache; forget is told when it is gone.
func (c *cache) register(e *entry) {
	if !c.counts {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[e.key] = use{e, c.all[e.key].bits}
}

func (c *cache) forget(e *entry) {
	if e == nil || !c.counts {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[e.key].e == e {
		delete(c.all, e.key)
	}
}

// used are the keys of good answers, at most n, the most used first. It ends an interval.
func (c *cache) used(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var good []use
	for key, u := range c.all {
		u.bits >>= 1
		if u.e.used.Swap(false) {
			u.bits |= 1 << 7
		}
		c.all[key] = u
		if u.e.status == 200 && !u.e.pass {
			good = append(good, u)
		}
	}
	slices.SortFunc(good, func(a, b use) int {
		return cmp.Or(cmp.Compare(b.bits, a.bits), b.e.fetched.Compare(a.e.fetched), strings.Compare(a.e.key, b.e.key))
	})
	var keys []string
	for _, u := range good[:min(n, len(good))] {
		keys = append(keys, u.e.key)
	}
	return keys
}

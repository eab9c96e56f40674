package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// errIO is what a failing device answers.
var errIO = errors.New("simulated disk: input/output error")

// disk is the storage of one node. What is written is in the page cache until it is synced: a power cut
// keeps each unsynced sector or loses it, in any order, and tears writes at sectors. Names are durable
// after a sync of the directory.
type disk struct {
	mu    sync.Mutex
	rng   *rand.Rand
	files map[string]*file // as the running system sees them
	names map[string]*file // as the durable directory has them
	dead  bool
	// failNext makes the next sync fail, and what it should have written is lost, as in Linux.
	failNext bool
	slow     time.Duration // added to each sync
	latency  time.Duration
	noSync   bool // the protection that the fsync gate switches off
	syncs    int
}

func newDisk(rng *rand.Rand) *disk {
	return &disk{rng: rng, files: map[string]*file{}, names: map[string]*file{}, latency: time.Millisecond}
}

// handle is a disk as one incarnation of a node holds it: it stops working when the node is gone, and the
// next incarnation holds another.
type handle struct {
	d    *disk
	gone *bool
}

func (d *disk) attach() handle { return handle{d: d, gone: new(bool)} }

// detach takes the power from whoever holds h.
func (h handle) detach() {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	*h.gone = true
}

// locked runs fn, unless the process is gone: then the goroutine that still asks ends, as it would have.
func (h handle) locked(fn func(d *disk) error) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if *h.gone {
		runtime.Goexit()
	}
	return fn(h.d)
}

// read returns the file's bytes; the caller must not change them.
func (h handle) read(name string) (b []byte, err error) {
	err = h.locked(func(d *disk) error {
		f, ok := d.files[name]
		if !ok {
			return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		b = slices.Clone(f.cached)
		return nil
	})
	return b, err
}

func (h handle) writeAt(name string, off int, p []byte) error {
	return h.locked(func(d *disk) error {
		f := d.files[name]
		if f == nil {
			f = &file{}
			d.files[name] = f
		}
		f.change(write{off: off, data: slices.Clone(p), size: -1})
		return nil
	})
}

func (h handle) truncate(name string, size int) error {
	return h.locked(func(d *disk) error {
		if f := d.files[name]; f != nil {
			f.change(write{size: size})
		}
		return nil
	})
}

// sync makes a file's content durable. It takes simulated time, without the lock.
func (h handle) sync(name string) error {
	h.d.mu.Lock()
	wait := h.d.latency + h.d.slow
	h.d.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
	return h.locked(func(d *disk) error {
		f := d.files[name]
		if f == nil {
			return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		d.syncs++
		if d.failNext {
			d.failNext = false
			f.lose(d.rng) // the kernel drops the pages that it could not write
			return errIO
		}
		if d.noSync {
			return nil
		}
		f.durable = slices.Clone(f.cached)
		f.pending = nil
		return nil
	})
}

// append adds to the end of a file that the caller knows the length of; it is writeAt followed by sync,
// without copying the whole file each time.
func (h handle) append(name string, off int, p []byte) error {
	if err := h.writeAt(name, off, p); err != nil {
		return err
	}
	h.d.mu.Lock()
	wait := h.d.latency + h.d.slow
	h.d.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
	return h.locked(func(d *disk) error {
		f := d.files[name]
		d.syncs++
		if d.failNext {
			d.failNext = false
			f.lose(d.rng)
			return errIO
		}
		if !d.noSync {
			f.settle()
		}
		return nil
	})
}

func (h handle) rename(from, to string) error {
	return h.locked(func(d *disk) error {
		f, ok := d.files[from]
		if !ok {
			return fmt.Errorf("%s: %w", from, fs.ErrNotExist)
		}
		d.files[to] = f
		delete(d.files, from)
		return nil
	})
}

func (h handle) remove(name string) error {
	return h.locked(func(d *disk) error { delete(d.files, name); return nil })
}

func (h handle) syncDir() error {
	return h.locked(func(d *disk) error {
		if !d.noSync {
			d.names = maps.Clone(d.files)
		}
		return nil
	})
}

func (h handle) list(prefix string) (names []string, err error) {
	err = h.locked(func(d *disk) error {
		for n := range d.files {
			if strings.HasPrefix(n, prefix) {
				names = append(names, n)
			}
		}
		sort.Strings(names)
		return nil
	})
	return names, err
}

// powerCut leaves what a disk could hold after the power failed at this moment.
func (d *disk) powerCut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := map[string]*file{}
	for _, name := range sortedKeys(d.files, d.names) {
		now, live := d.files[name]
		old, was := d.names[name]
		keep := now
		switch { // a name that was changed and not synced is there or not
		case live && was && now == old:
		case d.rng.IntN(2) == 0:
			keep = old
		}
		if keep == nil {
			continue
		}
		after[name] = keep
	}
	torn := map[*file]bool{} // two names may have been of one file
	for _, name := range sortedKeys(after) {
		if f := after[name]; !torn[f] {
			torn[f] = true
			f.tear(d.rng)
		}
	}
	d.files, d.names = after, maps.Clone(after)
}

// wipe is a new disk.
func (d *disk) wipe() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files, d.names = map[string]*file{}, map[string]*file{}
}

func sortedKeys(ms ...map[string]*file) []string {
	seen := map[string]bool{}
	for _, m := range ms {
		for k := range m {
			seen[k] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

package sim

import (
	"math/rand/v2"
	"slices"
)

// file is what a disk holds under a name.
type file struct {
	cached  []byte  // what reads see
	durable []byte  // what certainly survives
	pending []write // since the last sync, in order
}

type write struct {
	off  int
	data []byte
	size int // of a truncation; -1 for a write
}

func (f *file) change(w write) {
	f.cached = w.apply(f.cached)
	f.pending = append(f.pending, w)
}

func (w write) apply(b []byte) []byte {
	if w.size >= 0 {
		if w.size <= len(b) {
			return b[:w.size:w.size]
		}
		return append(b, make([]byte, w.size-len(b))...)
	}
	if need := w.off + len(w.data); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[w.off:], w.data)
	return b
}

// settle makes the pending writes durable.
func (f *file) settle() {
	for _, w := range f.pending {
		f.durable = w.apply(f.durable)
	}
	f.pending = nil
}

// tear keeps of each unsynced write some sectors, whatever their order was.
func (f *file) tear(rng *rand.Rand) {
	b := slices.Clone(f.durable)
	chance := rng.Float64()
	for _, w := range f.pending {
		if w.size >= 0 {
			if rng.Float64() < chance {
				b = w.apply(b)
			}
			continue
		}
		for at := 0; at < len(w.data); {
			end := min(len(w.data), at+sectorBytes-(w.off+at)%sectorBytes)
			if rng.Float64() < chance {
				b = write{off: w.off + at, data: w.data[at:end], size: -1}.apply(b)
			}
			at = end
		}
	}
	f.durable, f.cached, f.pending = slices.Clone(b), b, nil
}

// lose is tear for a sync that failed: reads still show what was written, the disk has only some of it,
// and nothing will write the rest.
func (f *file) lose(rng *rand.Rand) {
	seen := f.cached
	f.tear(rng)
	f.cached = seen
}

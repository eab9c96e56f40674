package sim

import (
	"hash/crc32"
	"sync"

	"meridian/core"
	"meridian/replication"
)

// truth is what the first node that applied an entry made of it. Every other node, and every later
// incarnation, must make the same of the same bytes.
type truth struct {
	t *trace

	mu      sync.Mutex
	entries map[uint64]applied
	nows    int
}

type applied struct {
	bytes uint32 // of header and commands
	hash  uint64 // of the state after it
	by    string
}

func newTruth(t *trace) *truth { return &truth{t: t, entries: map[uint64]applied{}} }

func (v *truth) saw(index uint64, a applied) {
	v.mu.Lock()
	old, known := v.entries[index]
	if !known {
		v.entries[index] = a
	}
	v.mu.Unlock()
	switch {
	case !known:
	case old.bytes != a.bytes:
		v.t.violated("entry %d is not the same on %s and %s", index, old.by, a.by)
	case old.hash != a.hash:
		v.t.violated("after entry %d the state of %s has hash %016x, that of %s %016x", index, old.by, old.hash, a.by, a.hash)
	}
}

// watched is a machine whose every step is held against the truth.
type watched struct {
	replication.Machine
	m    *core.Machine
	v    *truth
	node string
}

func (w watched) Apply(entries []replication.Entry, reached uint64) [][]any {
	out := make([][]any, 0, len(entries))
	for _, e := range entries {
		out = append(out, w.Machine.Apply([]replication.Entry{e}, e.Index)...)
		sum := crc32.Checksum(e.Header, castagnoli)
		for _, c := range e.Commands {
			sum = crc32.Update(sum, castagnoli, c)
		}
		w.v.saw(e.Index, applied{sum, w.m.Hash(), w.node})
	}
	if n := len(entries); n == 0 || entries[n-1].Index < reached {
		w.Machine.Apply(nil, reached)
	}
	return out
}

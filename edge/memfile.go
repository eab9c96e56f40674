package edge

import "sync/atomic"

// memfiles hold bodies that are sent often and as they are: out of a file in memory the kernel sends them without copying
// them for every connection. They come on top of the cache.
type memfiles struct {
	limit int64 // bytes of all of them
	bytes atomic.Int64
	off   atomic.Bool // the system has none
}

const (
	// memfileMin is how long a body is for which that pays: below it, another system call costs more than the copy.
	memfileMin = 16 << 10
	// memfileHits is how often it was sent before.
	memfileHits = 64
	// memfileShare is the part of the size of the cache that they may have.
	memfileShare = 16
)

// of is the file with a variant's body, nil if it has none. The variant's user keeps the file until it is sent.
func (m *memfiles) of(v *variant) *memfile {
	f := v.file.Load()
	if f != nil || len(v.body) < memfileMin || m.off.Load() {
		return f
	}
	if v.sent.Add(1)%memfileHits != 0 {
		return nil
	}
	size := int64(len(v.body))
	if m.bytes.Add(size) > m.limit {
		m.bytes.Add(-size)
		return nil
	}
	f, err := newMemfile(v.body, func() { m.bytes.Add(-size) })
	if err != nil {
		m.off.Store(err == errNoMemfiles)
		m.bytes.Add(-size)
		return nil
	}
	v.file.CompareAndSwap(nil, f) // who comes second lets go of its own
	return v.file.Load()
}

package backup

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A segment is a run of the log, in bytes, integers big endian:
//
//	"MRDSEGM" | version 1 | timeline 4 | after 8 | to 8 | first time 8 | last time 8 | count 4 |
//	count × (index 8, term 8, length 4, data) | crc32c of everything before, 4
//
// It holds every entry after one index and up to another. Indexes without an entry are the log's own
// business; to may be beyond the last entry. Times are milliseconds, 0 without entries. The format is
// for ever: another gets another version.
const (
	segmentMagic   = "MRDSEGM"
	segmentVersion = 1
	segmentHeader  = len(segmentMagic) + 1 + 4 + 4*8 + 4
	entryHeader    = 8 + 8 + 4
	checksumBytes  = 4
	// maxSegment bounds what is read as one segment.
	maxSegment = 32 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Segment is a run of the log: every entry with After < Index <= To.
type Segment struct {
	Timeline        uint32
	After, To       uint64
	FirstMS, LastMS int64
	Entries         []Entry
}

func (s *Segment) encode() []byte {
	size := segmentHeader + checksumBytes
	for _, e := range s.Entries {
		size += entryHeader + len(e.Data)
	}
	b := append(make([]byte, 0, size), segmentMagic...)
	b = append(b, segmentVersion)
	b = binary.BigEndian.AppendUint32(b, s.Timeline)
	for _, n := range []uint64{s.After, s.To, uint64(s.FirstMS), uint64(s.LastMS)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Entries)))
	for _, e := range s.Entries {
		b = binary.BigEndian.AppendUint64(b, e.Index)
		b = binary.BigEndian.AppendUint64(b, e.Term)
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.Data)))
		b = append(b, e.Data...)
	}
	return seal(b)
}

func seal(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)) }

// decodeSegment accepts exactly what encode makes; the entries are slices of b.
func decodeSegment(b []byte) (s Segment, err error) {
	bad := func(format string, args ...any) (Segment, error) {
		return Segment{}, fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
	}
	if len(b) < segmentHeader+checksumBytes || string(b[:len(segmentMagic)]) != segmentMagic {
		return bad("%d bytes that are no segment", len(b))
	}
	if v := b[len(segmentMagic)]; v != segmentVersion {
		return Segment{}, fmt.Errorf("segment version %d is not known to this program: use the program that wrote it, or a newer one", v)
	}
	body, sum := b[:len(b)-checksumBytes], binary.BigEndian.Uint32(b[len(b)-checksumBytes:])
	if got := crc32.Checksum(body, castagnoli); got != sum {
		return bad("the checksum is %08x, the bytes give %08x", sum, got)
	}
	h := body[len(segmentMagic)+1:]
	s.Timeline = binary.BigEndian.Uint32(h)
	n := func(i int) uint64 { return binary.BigEndian.Uint64(h[4+8*i:]) }
	s.After, s.To, s.FirstMS, s.LastMS = n(0), n(1), int64(n(2)), int64(n(3))
	count := int(binary.BigEndian.Uint32(h[4+4*8:]))
	rest := body[segmentHeader:]
	if s.To <= s.After || count > len(rest)/entryHeader {
		return bad("entries %d to %d, %d of them in %d bytes", s.After+1, s.To, count, len(rest))
	}
	s.Entries = make([]Entry, 0, count)
	for last := s.After; len(s.Entries) < count; {
		if len(rest) < entryHeader {
			return bad("it ends in an entry")
		}
		e := Entry{Index: binary.BigEndian.Uint64(rest), Term: binary.BigEndian.Uint64(rest[8:])}
		size := uint64(binary.BigEndian.Uint32(rest[16:]))
		rest = rest[entryHeader:]
		if e.Index <= last || e.Index > s.To || size > uint64(len(rest)) {
			return bad("entry %d of %d bytes after entry %d", e.Index, size, last)
		}
		e.Data, rest = rest[:size:size], rest[size:]
		last = e.Index
		s.Entries = append(s.Entries, e)
	}
	if len(rest) != 0 {
		return bad("%d bytes after the last entry", len(rest))
	}
	return s, nil
}

// join is two neighbouring segments as one.
func (s Segment) join(next Segment) Segment {
	out := s
	out.To = next.To
	out.Entries = append(append(make([]Entry, 0, len(s.Entries)+len(next.Entries)), s.Entries...), next.Entries...)
	if len(s.Entries) == 0 {
		out.FirstMS = next.FirstMS
	}
	if len(next.Entries) > 0 {
		out.LastMS = next.LastMS
	}
	return out
}

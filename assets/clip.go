package assets

import (
	"encoding/binary"
	"fmt"
)

// clipSize checks that src is an MP4 file and answers the size of its picture. The boxes are those of
// ISO/IEC 14496-12: ftyp first, then moov with a trak whose tkhd holds width and height.
func clipSize(src []byte) (width, height int, err error) {
	if len(src) > MaxUploadBytes {
		return 0, 0, fmt.Errorf("%d MiB, at most %d: %w", len(src)>>20, MaxUploadBytes>>20, ErrTooLarge)
	}
	if len(src) < 12 || string(src[4:8]) != "ftyp" {
		return 0, 0, fmt.Errorf("not an MP4 file: %w", ErrUnsupported)
	}
	moov, ok := find(src, "moov")
	if !ok {
		return 0, 0, fmt.Errorf("an MP4 file without a film in it: %w", ErrUnsupported)
	}
	for {
		trak, ok := find(moov, "trak")
		if !ok {
			return 0, 0, fmt.Errorf("an MP4 file without a picture: %w", ErrUnsupported)
		}
		if tkhd, ok := find(trak, "tkhd"); ok && len(tkhd) >= 8 {
			// The two sizes are the last eight bytes, as 16.16 fixed point.
			w := binary.BigEndian.Uint32(tkhd[len(tkhd)-8:]) >> 16
			h := binary.BigEndian.Uint32(tkhd[len(tkhd)-4:]) >> 16
			if w > 0 && h > 0 {
				return int(w), int(h), nil
			}
		}
		moov = after(moov, "trak")
	}
}

// next splits the first box off: its type, what is in it, and the rest.
func next(b []byte) (kind string, body, rest []byte, ok bool) {
	if len(b) < 8 {
		return "", nil, nil, false
	}
	size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
	switch {
	case size == 1 && len(b) >= 16:
		size, head = binary.BigEndian.Uint64(b[8:]), 16
	case size == 0:
		size = uint64(len(b))
	}
	if size < head || size > uint64(len(b)) {
		return "", nil, nil, false
	}
	return string(b[4:8]), b[head:size], b[size:], true
}

// find answers the body of the first box of a kind.
func find(b []byte, kind string) ([]byte, bool) {
	for {
		k, body, rest, ok := next(b)
		if !ok || k == kind {
			return body, ok
		}
		b = rest
	}
}

// after answers what follows the first box of a kind.
func after(b []byte, kind string) []byte {
	for {
		k, _, rest, ok := next(b)
		if !ok || k == kind {
			return rest
		}
		b = rest
	}
}

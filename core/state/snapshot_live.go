package state

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// Where bbolt keeps what says which pages are free: a page begins with its header; that of the meta page is followed by magic, version, page size, flags,
// the root bucket of two words, and the number of the page that lists the free ones.
const (
	pageHeader    = 16
	pageFlagsAt   = 8
	pageCountAt   = 10
	metaFreeAt    = pageHeader + 16 + 16
	freelistFlag  = 0x10
	freelistLong  = 0xffff // the count does not fit: it is the first entry
	freelistEntry = 8
)

// livePages passes a state file on and writes zeros in place of its free pages: they hold rows as they were before, also those of somebody who was
// erased, whom no backup and no replica may get to know again. Free pages are read by nobody.
type livePages struct {
	w    io.Writer
	file io.ReaderAt // the same file, to read the list of free pages from
	size int         // of a page
	at   int         // bytes that were passed on
	head []byte      // of the meta page, until the list was read
	free bitmap
	zero []byte
}

// Write implements io.Writer.
func (l *livePages) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		id, off := l.at/l.size, l.at%l.size
		part := p[:min(len(p), l.size-off)]
		if id == 0 {
			l.head = append(l.head, part...)
		}
		if id == 2 && l.free == nil {
			if err := l.readFree(); err != nil {
				return n, err
			}
		}
		out := part
		if l.free.has(id) {
			out = l.zero[:len(part)]
		}
		m, err := l.w.Write(out)
		n, l.at = n+m, l.at+m
		if err != nil {
			return n, err
		}
		p = p[len(part):]
	}
	return n, nil
}

// readFree reads the list that the transaction's meta page names. It lies still as long as the transaction does.
func (l *livePages) readFree() error {
	l.free, l.zero = bitmap{}, make([]byte, l.size)
	if len(l.head) < metaFreeAt+8 {
		return fmt.Errorf("%w: a meta page of %d bytes", ErrCorrupt, len(l.head))
	}
	at := int64(binary.NativeEndian.Uint64(l.head[metaFreeAt:])) * int64(l.size)
	head := make([]byte, pageHeader+freelistEntry)
	if _, err := l.file.ReadAt(head, at); err != nil {
		return fmt.Errorf("read the list of free pages: %w", err)
	}
	if binary.NativeEndian.Uint16(head[pageFlagsAt:])&freelistFlag == 0 {
		return fmt.Errorf("%w: the page at %d does not list free pages", ErrCorrupt, at)
	}
	count, from := int64(binary.NativeEndian.Uint16(head[pageCountAt:])), at+pageHeader
	if count == freelistLong {
		count, from = int64(binary.NativeEndian.Uint64(head[pageHeader:])), from+freelistEntry
	}
	list := make([]byte, 64<<10)
	for left := count * freelistEntry; left > 0; {
		part := list[:min(left, int64(len(list)))]
		if _, err := l.file.ReadAt(part, from); err != nil {
			return fmt.Errorf("read the list of free pages: %w", err)
		}
		for i := 0; i < len(part); i += freelistEntry {
			l.free.add(int(binary.NativeEndian.Uint64(part[i:])))
		}
		left, from = left-int64(len(part)), from+int64(len(part))
	}
	return nil
}

// bitmap is a set of small numbers.
type bitmap map[int]uint64

func (b bitmap) add(n int)      { b[n/bits.UintSize] |= 1 << (n % bits.UintSize) }
func (b bitmap) has(n int) bool { return b[n/bits.UintSize]>>(n%bits.UintSize)&1 == 1 }

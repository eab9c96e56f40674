package state

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// viewer runs fn in a read transaction of a file that nobody writes to.
type viewer func(fn func(tx *bbolt.Tx) error) error

const (
	// loadRanges is into how many ranges of keys a table is cut to be read at start. Keys are not spread
	// evenly, so there are many more than processors.
	loadRanges = 64
	// loadBlock is how many rows share an allocation when they are read at start.
	loadBlock = 128
)

// loaded is a row that was read, with its key.
type loaded[V any] struct {
	key string
	row *hotRow[V]
}

// load reads all rows of a table in the order of their keys, by every processor.
func (t *hotRows[V]) load(view viewer) (ranges [][]loaded[V], got tally, err error) {
	var bounds [][]byte
	err = view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(t.bucket); b != nil {
			bounds = cuts(b.Cursor(), loadRanges)
		}
		return nil
	})
	if err != nil {
		return nil, got, err
	}
	ranges = make([][]loaded[V], len(bounds)+1)
	tallies, errs := make([]tally, len(ranges)), make([]error, len(ranges))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(ranges); i = int(next.Add(1)) - 1 {
				var from, to []byte
				if i > 0 {
					from = bounds[i-1]
				}
				if i < len(bounds) {
					to = bounds[i]
				}
				errs[i] = view(func(tx *bbolt.Tx) (err error) {
					ranges[i], tallies[i], err = t.loadRange(tx, from, to)
					return err
				})
			}
		})
	}
	workers.Wait()
	for i := range ranges {
		if errs[i] != nil {
			return nil, got, errs[i]
		}
		got.count += tallies[i].count
		got.sum += tallies[i].sum
	}
	return ranges, got, nil
}

// loadRange reads the rows at or behind from and before to; nil is the beginning or the end.
func (t *hotRows[V]) loadRange(tx *bbolt.Tx, from, to []byte) (rows []loaded[V], got tally, err error) {
	b := tx.Bucket(t.bucket)
	if b == nil {
		return nil, got, nil
	}
	var digest xxhash.Digest
	var block []hotRow[V]
	c := b.Cursor()
	for k, raw := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, raw = c.Next() {
		key := string(k)
		v, err := t.decode(key, raw)
		if err != nil {
			return nil, got, err
		}
		if len(block) == cap(block) {
			block = make([]hotRow[V], 0, loadBlock)
		}
		block = append(block, hotRow[V]{v: v, hash: rowHash(&digest, t.name, key, raw), had: true})
		row := &block[len(block)-1]
		rows = append(rows, loaded[V]{key, row})
		got.count++
		got.sum += row.hash
	}
	return rows, got, nil
}

// cuts returns at most n-1 keys, in order, that divide the keys of a bucket into ranges: as if they were
// spread evenly between the first and the last one.
func cuts(c *bbolt.Cursor, n int) (bounds [][]byte) {
	first, _ := c.First()
	last, _ := c.Last()
	shared := 0
	for shared < len(first) && shared < len(last) && first[shared] == last[shared] {
		shared++
	}
	head := func(k []byte) uint64 {
		var b [8]byte
		copy(b[:], k[shared:])
		return binary.BigEndian.Uint64(b[:])
	}
	if len(last) == shared { // no keys, or one
		return nil
	}
	from, to := head(first), head(last)
	step := (to - from) / uint64(n)
	if step == 0 {
		return nil
	}
	prefix := bytes.Clone(first[:shared])
	for i := 1; i < n; i++ {
		bounds = append(bounds, binary.BigEndian.AppendUint64(bytes.Clone(prefix), from+uint64(i)*step))
	}
	return bounds
}

package state

import (
	"fmt"
	"sort"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"
)

// hotRow is immutable once the Update that put it has finished.
type hotRow[V any] struct {
	v    V
	hash uint64
}

type hotRows[V any] struct {
	base[V]
	rows     *btree.Map[string, *hotRow[V]]
	scans    int               // scans over rows by the running Update
	dirty    map[string][]byte // encoded, nil: deleted
	inflight map[string][]byte // dirty, as the running checkpoint writes it
}

func newHotRows[V any](b base[V]) *hotRows[V] {
	return &hotRows[V]{base: b, rows: &btree.Map[string, *hotRow[V]]{}, dirty: map[string][]byte{}}
}

func (t *hotRows[V]) get(key string) (v V, ok bool) {
	row, ok := t.rows.Get(key)
	if !ok {
		return v, false
	}
	return row.v, true
}

func (t *hotRows[V]) put(key string, v V) {
	t.mustUpdate(key)
	t.detach()
	old, had := t.rows.Set(key, &hotRow[V]{v: v})
	t.touch(key, old, had)
	if !had {
		t.now.count++
	}
}

func (t *hotRows[V]) remove(key string) {
	t.mustUpdate(key)
	if _, ok := t.rows.Get(key); !ok {
		return
	}
	t.detach()
	old, _ := t.rows.Delete(key)
	t.touch(key, old, true)
	t.now.count--
}

func (t *hotRows[V]) touch(key string, old *hotRow[V], had bool) {
	if _, seen := t.before[key]; seen {
		return
	}
	p := prior{had: had}
	if had {
		p.hash = old.hash
	}
	t.before[key] = p
}

// detach leaves the present tree to the scans that run over it. Copying is lazy, node by node.
func (t *hotRows[V]) detach() {
	if t.scans > 0 {
		t.rows, t.scans = t.rows.Copy(), 0
	}
}

func (t *hotRows[V]) scan(from string, backwards bool, fn func(key string, v V) bool) {
	rows := t.rows
	if t.db.updating {
		t.scans++
		defer func() {
			if t.rows == rows {
				t.scans--
			}
		}()
	}
	each := func(key string, row *hotRow[V]) bool { return fn(key, row.v) }
	switch {
	case !backwards:
		rows.Ascend(from, each)
	case from == "":
		rows.Reverse(each)
	default:
		rows.Descend(from, each)
	}
}

func (t *hotRows[V]) finish() uint64 {
	for key, p := range t.before {
		if p.had {
			t.now.sum -= p.hash
		}
		row, ok := t.rows.Get(key)
		switch {
		case ok:
			enc := t.encode(key, row.v)
			row.hash = rowHash(&t.digest, t.name, key, enc)
			t.now.sum += row.hash
			t.dirty[key] = enc
		case p.had:
			t.dirty[key] = nil
		}
	}
	t.forget()
	return t.now.sum
}

func (t *hotRows[V]) freeze() tally {
	t.inflight, t.dirty = t.dirty, map[string][]byte{}
	return t.now
}

func (t *hotRows[V]) thaw() { t.inflight = nil }

func (t *hotRows[V]) write(tx *bbolt.Tx) error {
	keys := make([]string, 0, len(t.inflight))
	for key := range t.inflight {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	w := rowWriter{tx: tx, bucket: t.bucket}
	for _, key := range keys {
		if err := w.set(key, t.inflight[key]); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

// read loads all rows and compares them with the tally written beside them.
func (t *hotRows[V]) read(tx *bbolt.Tx, want tally) (func(), error) {
	fresh := &btree.Map[string, *hotRow[V]]{}
	err := t.each(tx, want, func(key string, v V, hash uint64) { fresh.Load(key, &hotRow[V]{v: v, hash: hash}) })
	if err != nil {
		return nil, err
	}
	return func() {
		t.rows, t.scans = fresh, 0
		t.dirty, t.inflight = map[string][]byte{}, nil
		t.now = want
	}, nil
}

// capture encodes every row again: a value that was changed after it was put no longer has its hash.
func (t *hotRows[V]) capture() func() error {
	rows, want := t.rows.Copy(), t.now
	return func() error {
		var got tally
		var digest xxhash.Digest
		var err error
		rows.Scan(func(key string, row *hotRow[V]) bool {
			var enc []byte
			if enc, err = t.codec.Encode(row.v); err != nil {
				err = fmt.Errorf("table %s: encode %q: %w", t.name, key, err)
				return false
			}
			hash := rowHash(&digest, t.name, key, enc)
			if hash != row.hash {
				err = fmt.Errorf("%w: table %s: the value of %q in memory changed after it was put", ErrCorrupt, t.name, key)
				return false
			}
			got.count++
			got.sum += hash
			return true
		})
		if err == nil && got != want {
			err = fmt.Errorf("%w: table %s in memory: %d rows with hash %016x, expected %d with %016x",
				ErrCorrupt, t.name, got.count, got.sum, want.count, want.sum)
		}
		return err
	}
}

package state

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"
)

// hotRow is a row of a hot table. It changes in place, under the write lock, unless a scan of the
// running Update still has to see it as it was.
type hotRow[V any] struct {
	v    V
	hash uint64
	had  bool  // the row was there before the running Update
	dead bool  // the row was deleted, or another one stands in its place
	mark int32 // one more than its place among the touched rows of the running Update; 0: untouched
	slot int32 // one more than its place among the dirty rows; 0: what is in the file
}

// hotChange is what the next checkpoint writes for a key. enc is nil for a row that was deleted.
type hotChange[V any] struct {
	key  string
	row  *hotRow[V]
	enc  []byte
	turn int32 // its place in dirty
}

// hotTouch is a row that the running Update put or deleted. gone rows are no longer in the tree.
type hotTouch[V any] struct {
	key  string
	row  *hotRow[V]
	gone bool
}

type hotRows[V any] struct {
	base[V]
	rows  *btree.Map[string, *hotRow[V]]
	index map[string]*hotRow[V] // nil unless the table is indexed

	touched  []hotTouch[V]
	scans    int  // scans by the running Update that have not ended
	detached bool // rows is a copy that no running scan sees

	dirty    []hotChange[V]
	inflight []hotChange[V] // dirty, as the running checkpoint writes it
	arena    arena
}

func newHotRows[V any](b base[V], indexed bool) *hotRows[V] {
	t := &hotRows[V]{base: b, rows: &btree.Map[string, *hotRow[V]]{}}
	if indexed {
		t.index = map[string]*hotRow[V]{}
	}
	return t
}

func (t *hotRows[V]) find(key string) (*hotRow[V], bool) {
	if t.index != nil {
		row, ok := t.index[key]
		return row, ok
	}
	return t.rows.Get(key)
}

func (t *hotRows[V]) get(key string) (v V, ok bool) {
	row, ok := t.find(key)
	if !ok {
		return v, false
	}
	return row.v, true
}

func (t *hotRows[V]) put(key string, v V) {
	t.mustUpdate(key)
	row, ok := t.find(key)
	switch {
	case !ok:
		t.detach()
		row = &hotRow[V]{v: v}
		t.set(key, row)
		t.now.count++
	case t.scans > 0: // a scan may still come to the old row
		t.detach()
		fresh := *row
		row.dead = true
		fresh.v = v
		row = &fresh
		t.set(key, row)
		if row.mark > 0 {
			t.touched[row.mark-1].row = row
		}
		if row.slot > 0 {
			t.dirty[row.slot-1].row = row
		}
	default:
		row.v = v
	}
	t.touch(key, row)
}

func (t *hotRows[V]) set(key string, row *hotRow[V]) {
	t.rows.Set(key, row)
	if t.index != nil {
		t.index[key] = row
	}
}

func (t *hotRows[V]) remove(key string) {
	t.mustUpdate(key)
	row, ok := t.find(key)
	if !ok {
		return
	}
	t.detach()
	t.touch(key, row)
	t.touched[row.mark-1].gone = true
	row.dead = true
	t.rows.Delete(key)
	if t.index != nil {
		delete(t.index, key)
	}
	t.now.count--
}

// touch notes that the running Update changes a row.
func (t *hotRows[V]) touch(key string, row *hotRow[V]) {
	if row.mark > 0 {
		return
	}
	t.touched = append(t.touched, hotTouch[V]{key: key, row: row})
	row.mark = int32(len(t.touched))
}

// detach leaves the present tree to the scans that run over it. Copying is lazy, node by node.
func (t *hotRows[V]) detach() {
	if t.scans > 0 && !t.detached {
		t.rows, t.detached = t.rows.Copy(), true
	}
}

func (t *hotRows[V]) scan(from string, backwards bool, fn func(key string, v V) bool) {
	rows := t.rows
	if t.db.updating {
		t.scans++
		t.detached = false
		defer func() { t.scans-- }()
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
	for _, c := range t.touched {
		row := c.row
		row.mark = 0
		if row.had {
			t.now.sum -= row.hash
		}
		var enc []byte
		if !c.gone {
			enc = t.encodeInto(&t.arena, c.key, row.v)
			row.hash = rowHash(&t.digest, t.name, c.key, enc)
			t.now.sum += row.hash
		} else if !row.had && row.slot == 0 {
			continue // put and deleted by the same Update
		}
		row.had = !c.gone
		if row.slot == 0 {
			t.dirty = append(t.dirty, hotChange[V]{key: c.key, row: row, turn: int32(len(t.dirty))})
			row.slot = int32(len(t.dirty))
		}
		t.dirty[row.slot-1].enc = enc
	}
	clear(t.touched)
	t.touched = t.touched[:0]
	if cap(t.touched) > touchedKeep {
		t.touched = nil
	}
	return t.now.sum
}

func (t *hotRows[V]) freeze() tally {
	for i := range t.dirty {
		t.dirty[i].row.slot = 0
		t.dirty[i].row = nil
	}
	t.inflight, t.dirty = t.dirty, nil
	t.arena = arena{}
	return t.now
}

func (t *hotRows[V]) thaw() { t.inflight = nil }

// write puts the changes in the order of their keys. A key that was deleted and put again has two
// changes; the later one wins.
func (t *hotRows[V]) write(tx *bbolt.Tx) error {
	slices.SortFunc(t.inflight, func(a, b hotChange[V]) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return int(a.turn - b.turn)
	})
	w := rowWriter{tx: tx, bucket: t.bucket}
	for _, c := range t.inflight {
		if err := w.set(c.key, c.enc); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

// read loads all rows and compares them with the tally written beside them.
func (t *hotRows[V]) read(view viewer, want tally) (func(), error) {
	ranges, got, err := t.load(view)
	if err != nil {
		return nil, err
	}
	if got != want {
		return nil, t.differs(got, want)
	}
	fresh := newHotRows(t.base, false)
	var building sync.WaitGroup
	building.Go(func() {
		for _, rows := range ranges {
			for _, r := range rows {
				fresh.rows.Load(r.key, r.row)
			}
		}
	})
	if t.index != nil {
		fresh.index = make(map[string]*hotRow[V], want.count)
		for _, rows := range ranges {
			for _, r := range rows {
				fresh.index[r.key] = r.row
			}
		}
	}
	building.Wait()
	return func() {
		t.rows, t.index = fresh.rows, fresh.index
		t.touched, t.dirty, t.inflight, t.arena = nil, nil, nil, arena{}
		t.now = want
	}, nil
}

// capture encodes every row again: a value that was changed behind Put no longer has its hash. The
// rows are copied first, since they change in place.
func (t *hotRows[V]) capture() func() error {
	type pair struct {
		key  string
		v    V
		hash uint64
	}
	rows, want := make([]pair, 0, t.now.count), t.now
	t.rows.Scan(func(key string, row *hotRow[V]) bool {
		rows = append(rows, pair{key, row.v, row.hash})
		return true
	})
	return func() error {
		var got tally
		var digest xxhash.Digest
		for _, r := range rows {
			enc, err := t.codec.Encode(r.v)
			if err != nil {
				return fmt.Errorf("table %s: encode %q: %w", t.name, r.key, err)
			}
			hash := rowHash(&digest, t.name, r.key, enc)
			if hash != r.hash {
				return fmt.Errorf("%w: table %s: the value of %q in memory changed after it was put", ErrCorrupt, t.name, r.key)
			}
			got.count++
			got.sum += hash
		}
		if got != want {
			return fmt.Errorf("%w: table %s in memory: %d rows with hash %016x, expected %d with %016x",
				ErrCorrupt, t.name, got.count, got.sum, want.count, want.sum)
		}
		return nil
	}
}

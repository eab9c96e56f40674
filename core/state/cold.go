package state

import (
	"fmt"

	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"
)

// coldRow is a row not yet in the file, immutable once the Update that put it has finished.
type coldRow[V any] struct {
	v    V
	enc  []byte
	hash uint64
	gone bool // deleted
}

// coldRows looks a key up in overlay (changed since the last freeze), then in inflight (being
// written by a checkpoint), then in the file. A checkpoint commits at any moment, but inflight is
// forgotten only under the write lock: whatever transaction a reader gets, before or after the
// commit, inflight over it gives the same rows.
type coldRows[V any] struct {
	base[V]
	overlay  *btree.Map[string, *coldRow[V]]
	inflight *btree.Map[string, *coldRow[V]]
	scans    int // scans over overlay by the running Update
	// looked holds the bytes that the running Update has read from the file, nil where nothing was:
	// what is changed was mostly looked at before.
	looked map[string][]byte
}

func newColdRows[V any](b base[V]) *coldRows[V] {
	return &coldRows[V]{base: b, looked: map[string][]byte{}, overlay: &btree.Map[string, *coldRow[V]]{}, inflight: &btree.Map[string, *coldRow[V]]{}}
}

// pending finds a row that is not in the file yet.
func (t *coldRows[V]) pending(key string) (*coldRow[V], bool) {
	if row, ok := t.overlay.Get(key); ok {
		return row, true
	}
	return t.inflight.Get(key)
}

func (t *coldRows[V]) get(key string) (v V, ok bool) {
	if row, found := t.pending(key); found {
		return row.v, !row.gone
	}
	raw := t.stored(key)
	if raw == nil {
		return v, false
	}
	v, err := t.codec.Decode(raw)
	if err != nil {
		err = fmt.Errorf("state: read: %w: table %s, key %q: %w", ErrCorrupt, t.name, key, err)
		t.db.fail(err)
		panic(err)
	}
	return v, true
}

// stored returns a copy of a row's bytes in the file, nil if there is none.
func (t *coldRows[V]) stored(key string) (raw []byte) {
	if t.db.updating {
		if raw, seen := t.looked[key]; seen {
			return raw
		}
	}
	t.db.readFile(func(tx *bbolt.Tx) error {
		if b := valueOf(tx, t.bucket, key); b != nil {
			raw = append(make([]byte, 0, len(b)), b...)
		}
		return nil
	})
	if t.db.updating {
		t.looked[key] = raw
	}
	return raw
}

func (t *coldRows[V]) put(key string, v V) {
	t.mustUpdate(key)
	had := t.touch(key)
	t.detach()
	t.overlay.Set(key, &coldRow[V]{v: v})
	if !had {
		t.now.count++
	}
}

func (t *coldRows[V]) remove(key string) {
	t.mustUpdate(key)
	if !t.touch(key) {
		return
	}
	t.detach()
	t.overlay.Set(key, &coldRow[V]{gone: true})
	t.now.count--
}

// touch notes the row as it was before the Update and reports whether there is one now.
func (t *coldRows[V]) touch(key string) (had bool) {
	row, found := t.pending(key)
	if _, seen := t.before[key]; seen {
		return found && !row.gone
	}
	var p prior
	if found {
		p = prior{had: !row.gone, hash: row.hash}
	} else {
		if raw := t.stored(key); raw != nil {
			p = prior{had: true, hash: rowHash(&t.digest, t.name, key, raw)}
		}
	}
	t.before[key] = p
	return p.had
}

// detach leaves the present overlay to the scans that run over it.
func (t *coldRows[V]) detach() {
	if t.scans > 0 {
		t.overlay, t.scans = t.overlay.Copy(), 0
	}
}

func (t *coldRows[V]) finish() uint64 {
	for key, p := range t.before {
		if p.had {
			t.now.sum -= p.hash
		}
		if row, ok := t.overlay.Get(key); ok && !row.gone {
			row.enc = t.encode(key, row.v)
			row.hash = rowHash(&t.digest, t.name, key, row.enc)
			t.now.sum += row.hash
		}
	}
	t.forget()
	if len(t.looked) > 4096 {
		t.looked = map[string][]byte{}
	}
	clear(t.looked)
	return t.now.sum
}

func (t *coldRows[V]) freeze() tally {
	t.inflight, t.overlay = t.overlay, &btree.Map[string, *coldRow[V]]{}
	return t.now
}

func (t *coldRows[V]) thaw() { t.inflight = &btree.Map[string, *coldRow[V]]{} }

func (t *coldRows[V]) write(tx *bbolt.Tx) (err error) {
	w := rowWriter{tx: tx, bucket: t.bucket}
	t.inflight.Scan(func(key string, row *coldRow[V]) bool {
		if err = w.set(key, row.enc); err != nil {
			err = fmt.Errorf("table %s: %w", t.name, err)
		}
		return err == nil
	})
	return err
}

func (t *coldRows[V]) read(_ viewer, s tally) (func(), error) {
	return func() {
		t.overlay, t.inflight, t.scans = &btree.Map[string, *coldRow[V]]{}, &btree.Map[string, *coldRow[V]]{}, 0
		t.now = s
	}, nil
}

// capture has nothing to check: what is in memory is on its way to the file.
func (t *coldRows[V]) capture() func() error { return func() error { return nil } }

package state

import (
	"github.com/tidwall/btree"
	"go.etcd.io/bbolt"
)

// scan merges overlay, inflight and file; of equal keys the newest layer wins.
func (t *coldRows[V]) scan(from string, backwards bool, fn func(key string, v V) bool) {
	overlay := t.overlay
	if t.db.updating {
		t.scans++
		defer func() {
			if t.overlay == overlay {
				t.scans--
			}
		}()
	}
	t.db.readFile(func(tx *bbolt.Tx) error {
		layers := [3]layer[V]{
			newMapLayer(overlay, from, backwards),
			newMapLayer(t.inflight, from, backwards),
			newFileLayer[V](tx.Bucket(t.bucket), from, backwards),
		}
		for {
			first := nearest(&layers, backwards)
			if first < 0 {
				return nil
			}
			key, row, raw := layers[first].key, layers[first].row, layers[first].raw
			for i := range layers {
				if layers[i].ok && layers[i].key == key {
					layers[i].advance()
				}
			}
			var v V
			switch {
			case row == nil:
				var err error
				if v, err = t.decode(key, raw); err != nil {
					return err
				}
			case row.gone:
				continue
			default:
				v = row.v
			}
			if !fn(key, v) {
				return nil
			}
		}
	})
}

// nearest is the newest layer with the next key, -1 at the end.
func nearest[V any](layers *[3]layer[V], backwards bool) int {
	first := -1
	for i := range layers {
		if !layers[i].ok {
			continue
		}
		if first < 0 || (layers[i].key != layers[first].key && (layers[i].key < layers[first].key) != backwards) {
			first = i
		}
	}
	return first
}

// layer is one source of a merge, standing on a row.
type layer[V any] struct {
	ok   bool
	key  string
	row  *coldRow[V] // of a map
	raw  []byte      // of the file
	next func(*layer[V])
}

func (l *layer[V]) advance() { l.next(l) }

func newMapLayer[V any](m *btree.Map[string, *coldRow[V]], from string, backwards bool) layer[V] {
	it := m.Iter()
	stand := func(l *layer[V], ok bool) {
		if l.ok = ok; ok {
			l.key, l.row = it.Key(), it.Value()
		}
	}
	var l layer[V]
	if !backwards {
		l.next = func(l *layer[V]) { stand(l, it.Next()) }
		stand(&l, it.Seek(from))
		return l
	}
	l.next = func(l *layer[V]) { stand(l, it.Prev()) }
	switch {
	case from == "" || !it.Seek(from):
		stand(&l, it.Last())
	case it.Key() != from:
		stand(&l, it.Prev())
	default:
		stand(&l, true)
	}
	return l
}

func newFileLayer[V any](b *bbolt.Bucket, from string, backwards bool) layer[V] {
	var l layer[V]
	if b == nil {
		return l
	}
	c := b.Cursor()
	stand := func(l *layer[V], k, raw []byte) {
		if l.ok = k != nil; l.ok {
			l.key, l.raw = string(k), raw
		}
	}
	if !backwards {
		l.next = func(l *layer[V]) { k, raw := c.Next(); stand(l, k, raw) }
		k, raw := c.Seek([]byte(from))
		stand(&l, k, raw)
		return l
	}
	l.next = func(l *layer[V]) { k, raw := c.Prev(); stand(l, k, raw) }
	var k, raw []byte
	if from != "" {
		k, raw = c.Seek([]byte(from))
	}
	switch {
	case k == nil:
		k, raw = c.Last()
	case string(k) != from:
		k, raw = c.Prev()
	}
	stand(&l, k, raw)
	return l
}

package state

import (
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// KeyMax is the longest key, in bytes. Longer and empty keys are programmer errors: check what
// people send before it becomes a key.
const KeyMax = 4096

// Codec turns values into bytes and back. Equal values must give equal bytes, for ever: the bytes
// are what replicas compare. The first byte is the codec's version byte, so bytes are never empty.
// Decode may keep the slice it is given.
type Codec[V any] interface {
	Encode(V) ([]byte, error)
	Decode([]byte) (V, error)
}

// Borrower is a Codec whose Decode keeps nothing of the slice it is given, which saves a copy of each row
// that is read.
type Borrower interface{ Borrows() }

// Table is an ordered map from keys to values. Methods may be called under View or inside an
// Update only; Put and Delete inside an Update only. Values are immutable once they were put or
// returned: to change one, copy it, change the copy, put the copy.
type Table[V any] struct {
	rows rows[V]
}

// rows is how a table keeps its rows: hotRows or coldRows.
type rows[V any] interface {
	table
	get(key string) (V, bool)
	put(key string, v V)
	remove(key string)
	scan(from string, backwards bool, fn func(key string, v V) bool)
}

// table is a table as the DB sees it. The DB holds mu for all of it except write, which works on
// what freeze set aside, and read, which touches nothing but the file.
type table interface {
	tableName() string
	// read reads the table from a file and returns what makes the result the table's state.
	read(view viewer, s tally) (install func(), err error)
	// finish ends an Update: it encodes and hashes what changed and returns the table's hash.
	finish() uint64
	// freeze sets aside what changed since the last freeze. thaw forgets it once it is durable.
	freeze() tally
	thaw()
	write(tx *bbolt.Tx) error
	length() int
	verify(tx *bbolt.Tx, want tally) error
	// capture returns a check of the rows in memory as they are now, to be run without a lock.
	capture() func() error
}

// Kind is where a table's rows live.
type Kind uint8

const (
	// Cold rows live in the file; what changed since the last checkpoint is in memory.
	Cold Kind = iota
	// Hot rows live in memory.
	Hot
	// Indexed rows are hot and are found through a hash map as well, for tables that are hit by every
	// command. It costs some 40 bytes a row.
	Indexed
)

// NewTable registers a table. The name is part of the format: it never changes and is never used
// again for something else; the kind is not. Call it between Open and Load.
func NewTable[V any](db *DB, name string, kind Kind, c Codec[V]) *Table[V] {
	if name == "" || strings.ContainsRune(name, 0) {
		panic(fmt.Sprintf("state: bad table name %q", name))
	}
	if db.loaded {
		panic("state: NewTable after Load: " + name)
	}
	for _, t := range db.tables {
		if t.tableName() == name {
			panic("state: table registered twice: " + name)
		}
	}
	b := base[V]{db: db, name: name, bucket: bucketOf(name), codec: c, before: map[string]prior{}}
	b.appender, _ = c.(Appender[V])
	_, b.borrows = c.(Borrower)
	var r rows[V]
	switch kind {
	case Indexed:
		r = newHotRows(b, true)
	case Hot:
		r = newHotRows(b, false)
	default:
		r = newColdRows(b)
	}
	db.tables = append(db.tables, r)
	return &Table[V]{rows: r}
}

// Get returns the value of a key.
func (t *Table[V]) Get(key string) (V, bool) { return t.rows.get(key) }

// Put sets the value of a key.
func (t *Table[V]) Put(key string, v V) { t.rows.put(key, v) }

// Delete removes a key. A key that is not there is no error.
func (t *Table[V]) Delete(key string) { t.rows.remove(key) }

// Len is the number of rows.
func (t *Table[V]) Len() int { return t.rows.length() }

// Ascend calls fn for the keys at or after from, in byte order, until fn returns false. Inside an
// Update fn may change the table; the scan goes over the rows as they were when it began.
func (t *Table[V]) Ascend(from string, fn func(key string, v V) bool) { t.rows.scan(from, false, fn) }

// Descend calls fn for the keys at or before from, last first; "" begins at the end.
func (t *Table[V]) Descend(from string, fn func(key string, v V) bool) { t.rows.scan(from, true, fn) }

// tally is what the file says about a table as a whole.
type tally struct {
	count uint64 // rows
	sum   uint64 // sum of the row hashes
}

// prior is a row as it was before the Update.
type prior struct {
	had  bool
	hash uint64
}

// base is what hot and cold tables share.
type base[V any] struct {
	db     *DB
	name   string
	bucket []byte
	codec  Codec[V]
	// appender is the codec, if it is an Appender.
	appender Appender[V]
	borrows  bool             // the codec is a Borrower
	before   map[string]prior // the keys touched by the running Update of a cold table
	now      tally
	digest   xxhash.Digest // scratch of the running Update
}

func (b *base[V]) tableName() string { return b.name }

func (b *base[V]) length() int { return int(b.now.count) }

func (b *base[V]) mustUpdate(key string) {
	if !b.db.updating {
		panic("state: table " + b.name + " changed outside an Update")
	}
	if key == "" || len(key) > KeyMax {
		panic(fmt.Sprintf("state: table %s: key of %d bytes, allowed are 1 to %d", b.name, len(key), KeyMax))
	}
}

// encode is called once a changed key and Update; the checkpoint writes the same bytes.
func (b *base[V]) encode(key string, v V) []byte {
	enc, err := b.codec.Encode(v)
	if err != nil {
		panic(fmt.Sprintf("state: table %s: encode %q: %v", b.name, key, err))
	}
	if len(enc) == 0 {
		panic(fmt.Sprintf("state: table %s: %q was encoded as nothing", b.name, key))
	}
	b.db.dirtyBytes.Add(int64(len(key) + len(enc)))
	return enc
}

// encodeInto is encode for rows that are many and small.
func (b *base[V]) encodeInto(a *arena, key string, v V) []byte {
	if b.appender == nil {
		return b.encode(key, v)
	}
	enc := a.take(func(p []byte) []byte { return b.appender.Append(p, v) })
	b.db.dirtyBytes.Add(int64(len(key) + len(enc)))
	return enc
}

// decode copies first, if the codec may keep what it is given: the bytes of a transaction are mapped memory.
func (b *base[V]) decode(key string, raw []byte) (V, error) {
	if !b.borrows {
		raw = append(make([]byte, 0, len(raw)), raw...)
	}
	v, err := b.codec.Decode(raw)
	if err != nil {
		return v, fmt.Errorf("%w: table %s, key %q: %w", ErrCorrupt, b.name, key, err)
	}
	return v, nil
}

// forget clears the touched keys; a map that one large entry blew up is dropped.
func (b *base[V]) forget() {
	if len(b.before) > 4096 {
		b.before = map[string]prior{}
		return
	}
	clear(b.before)
}

// rowHash is one row's part of the running hash.
func rowHash(d *xxhash.Digest, table, key string, enc []byte) uint64 {
	d.Reset()
	_, _ = d.WriteString(table)
	_, _ = d.Write([]byte{0})
	_, _ = d.WriteString(key)
	_, _ = d.Write([]byte{0})
	_, _ = d.Write(enc)
	return d.Sum64()
}

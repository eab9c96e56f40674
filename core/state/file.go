package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"meridian/internal/durable"
)

// ErrCorrupt says that stored bytes are not what was written.
var ErrCorrupt = errors.New("corrupt state")

// ErrInUse says that another process has the file open.
var ErrInUse = errors.New("the file is locked")

// The file has one bucket of meta data and one a table. These names are part of the format.
const (
	metaBucket  = "meta"
	tablePrefix = "table:" // of buckets, and of the tallies in the meta bucket
	positionKey = "position"

	tallyVersion = 1
	tallyBytes   = 1 + 2*8

	// fillPercent is how full bbolt leaves a page that it splits. Most rows of a large shop are new ones
	// behind all others (orders, carts, movements, keys), and fill the rest of their page next.
	fillPercent = 0.9

	newSuffix     = ".new"     // a file being created
	restoreSuffix = ".restore" // a file being restored
)

func bucketOf(table string) []byte { return []byte(tablePrefix + table) }

// generation is one state file. A restore begins a new one; the old one stays open until its last
// snapshot is released.
type generation struct {
	bolt *bbolt.DB
	file *os.File // bolt's own
	mu   sync.Mutex
	refs int
}

func (g *generation) acquire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refs++
}

func (g *generation) release() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refs--; g.refs > 0 {
		return nil
	}
	return g.bolt.Close()
}

// openGeneration opens the file, or creates it under another name first, so that a crash never
// leaves half a file at path.
func openGeneration(path string, mapBytes int, readOnly bool) (*generation, error) {
	if readOnly {
		bolt, file, err := openBolt(path, mapBytes, true)
		if err != nil {
			return nil, err
		}
		return &generation{bolt: bolt, file: file, refs: 1}, nil
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := createFile(path, mapBytes); err != nil {
			return nil, err
		}
	}
	bolt, file, err := openBolt(path, mapBytes, false)
	if err != nil {
		return nil, err
	}
	// A process that was killed may have left its last checkpoint in the page cache only; from here on it
	// counts as durable.
	if err := bolt.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("state: sync %s: %w", path, err), bolt.Close())
	}
	// Only now: whoever holds the file may be restoring into its neighbour.
	if err := removeIfThere(path + restoreSuffix); err != nil {
		return nil, errors.Join(fmt.Errorf("state: remove what a stopped process left: %w", err), bolt.Close())
	}
	return &generation{bolt: bolt, file: file, refs: 1}, nil
}

func createFile(path string, mapBytes int) error {
	if err := removeIfThere(path + newSuffix); err != nil {
		return fmt.Errorf("state: create: %w", err)
	}
	fresh, _, err := openBolt(path+newSuffix, mapBytes, false)
	if err != nil {
		return err
	}
	if err := fresh.Close(); err != nil {
		return fmt.Errorf("state: create: %w", err)
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return fmt.Errorf("state: create: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("state: create: %w", err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func openBolt(path string, mapBytes int, readOnly bool) (bolt *bbolt.DB, file *os.File, err error) {
	err = guarded(func() error {
		bolt, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         time.Second,
			ReadOnly:        readOnly,
			PreLoadFreelist: readOnly,
			FreelistType:    bbolt.FreelistMapType,
			NoFreelistSync:  false,
			InitialMmapSize: mapBytes,
			// Below the map, so that bbolt answers "full" instead of waiting for readers to map more.
			MaxSize: mapBytes - 1,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				f, err := os.OpenFile(name, flag, mode)
				if file == nil {
					file = f
				}
				return f, err
			},
		})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, fmt.Errorf("state: %s is in use by another process: stop it or choose another data directory: %w", path, ErrInUse)
	case err != nil:
		return nil, nil, fmt.Errorf("state: open %s: %w", path, err)
	}
	return bolt, file, nil
}

// guarded turns the panics and faults that damaged pages cause in bbolt into ErrCorrupt.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: damaged page: %v", ErrCorrupt, p)
		}
	}()
	return fn()
}

// readFile runs fn in a read transaction of the file. The caller holds mu in either way. Bytes that
// cannot be read stop the process: to answer "not there" would make this replica differ. The reads of
// one Update share a transaction.
func (db *DB) readFile(fn func(tx *bbolt.Tx) error) {
	err := db.inTx(fn)
	if err != nil {
		err = fmt.Errorf("state: read: %w", err)
		db.fail(err)
		panic(err)
	}
}

func (db *DB) inTx(fn func(tx *bbolt.Tx) error) (err error) {
	if !db.updating {
		return db.gen.bolt.View(fn)
	}
	if db.reading == nil {
		if db.reading, err = db.gen.bolt.Begin(false); err != nil {
			return err
		}
	}
	return fn(db.reading)
}

// endReading ends the transaction of an Update's reads. The caller owns mu.
func (db *DB) endReading() {
	if db.reading != nil {
		_ = db.reading.Rollback() // it cannot fail for a read transaction
		db.reading = nil
	}
}

func valueOf(tx *bbolt.Tx, bucket []byte, key string) []byte {
	b := tx.Bucket(bucket)
	if b == nil {
		return nil
	}
	return b.Get([]byte(key))
}

// rowWriter writes one table's rows; the bucket is created with the first.
type rowWriter struct {
	tx     *bbolt.Tx
	bucket []byte
	b      *bbolt.Bucket
}

// set puts a row, or deletes it when enc is nil.
func (w *rowWriter) set(key string, enc []byte) (err error) {
	if w.b == nil {
		if w.b, err = w.tx.CreateBucketIfNotExists(w.bucket); err != nil {
			return err
		}
		w.b.FillPercent = fillPercent
	}
	if enc == nil {
		return w.b.Delete([]byte(key))
	}
	return w.b.Put([]byte(key), enc)
}

func (s tally) encode() []byte {
	b := append(make([]byte, 0, tallyBytes), tallyVersion)
	b = binary.BigEndian.AppendUint64(b, s.count)
	return binary.BigEndian.AppendUint64(b, s.sum)
}

func decodeTally(b []byte) (tally, error) {
	if len(b) != tallyBytes || b[0] != tallyVersion {
		return tally{}, fmt.Errorf("%w: tally of %d bytes", ErrCorrupt, len(b))
	}
	return tally{count: binary.BigEndian.Uint64(b[1:]), sum: binary.BigEndian.Uint64(b[9:])}, nil
}

// meta is everything the meta bucket says.
type meta struct {
	position Position
	tallies  map[string]tally
}

func (m meta) write(tx *bbolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	if err != nil {
		return err
	}
	if err := b.Put([]byte(positionKey), m.position.encode()); err != nil {
		return err
	}
	for name, s := range m.tallies {
		if err := b.Put([]byte(tablePrefix+name), s.encode()); err != nil {
			return err
		}
	}
	return nil
}

// readMeta reads the meta bucket; a new file has none and stands at the beginning of timeline 1.
func readMeta(tx *bbolt.Tx) (meta, error) {
	m := meta{position: Position{Timeline: 1}, tallies: map[string]tally{}}
	b := tx.Bucket([]byte(metaBucket))
	if b == nil {
		return m, nil
	}
	var err error
	if m.position, err = decodePosition(b.Get([]byte(positionKey))); err != nil {
		return m, err
	}
	var sum uint64
	err = b.ForEach(func(k, v []byte) error {
		name, ok := strings.CutPrefix(string(k), tablePrefix)
		if !ok {
			return nil
		}
		s, err := decodeTally(v)
		if err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		m.tallies[name] = s
		sum += s.sum
		return nil
	})
	if err == nil && sum != m.position.Hash {
		err = fmt.Errorf("%w: the tables' hashes give %016x, the checkpoint says %016x", ErrCorrupt, sum, m.position.Hash)
	}
	return m, err
}

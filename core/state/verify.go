package state

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// problemsMax bounds how many findings of bbolt's own check are reported.
const problemsMax = 10

// Verify reads everything again: every hot value in memory still has the hash of what was put, every
// row in the file decodes, the rows give the hashes and counts of the last checkpoint, and bbolt finds
// its pages consistent. Entries go on meanwhile, checkpoints wait.
func (db *DB) Verify() error {
	if !db.loaded {
		return errors.New("state: Verify before Load")
	}
	if err := db.Checkpoint(); err != nil {
		return err
	}
	for _, check := range db.capture() {
		if err := check(); err != nil {
			return fmt.Errorf("state: verify: %w", err)
		}
	}
	db.checkpointing.Lock()
	defer db.checkpointing.Unlock()
	db.mu.RLock()
	gen := db.gen
	db.mu.RUnlock()
	if err := guarded(func() error { return gen.bolt.View(db.verifyFile) }); err != nil {
		return fmt.Errorf("state: verify: %w", err)
	}
	return nil
}

func (db *DB) capture() (checks []func() error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, t := range db.tables {
		checks = append(checks, t.capture())
	}
	return checks
}

// verifyFile needs checkpointing: bbolt's check reads what a commit changes.
func (db *DB) verifyFile(tx *bbolt.Tx) error {
	m, err := readMeta(tx)
	if err != nil {
		return err
	}
	for _, t := range db.tables {
		if err := t.verify(tx, m.tallies[t.tableName()]); err != nil {
			return err
		}
	}
	err = tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		table, ok := strings.CutPrefix(string(name), tablePrefix)
		if _, known := m.tallies[table]; string(name) == metaBucket || (ok && known) {
			return nil
		}
		return fmt.Errorf("%w: unknown bucket %q", ErrCorrupt, name)
	})
	if err != nil {
		return err
	}
	if err := pagesEnd(tx); err != nil {
		return err
	}
	var problems []error
	for p := range tx.Check() {
		if len(problems) < problemsMax {
			problems = append(problems, fmt.Errorf("%w: %w", ErrCorrupt, p))
		}
	}
	return errors.Join(problems...)
}

// pagesEnd refuses a page that claims to go on beyond the file. bbolt's own check would note every page up to
// there, in memory.
func pagesEnd(tx *bbolt.Tx) error {
	total := int(tx.Size() / int64(tx.DB().Info().PageSize))
	for id := 0; id < total; id++ {
		p, err := tx.Page(id)
		switch {
		case err != nil:
			return err
		case p.Type == "free":
		case p.OverflowCount >= total-id:
			return fmt.Errorf("%w: page %d of %d goes on for %d pages", ErrCorrupt, id, total, p.OverflowCount)
		default:
			id += p.OverflowCount
		}
	}
	return nil
}

// verify reads the table's rows and compares them with the tally written beside them.
func (b *base[V]) verify(tx *bbolt.Tx, want tally) error {
	return b.each(tx, want, func(string, V, uint64) {})
}

// each decodes and hashes every row of the file, and fails if they are not what the tally says.
func (b *base[V]) each(tx *bbolt.Tx, want tally, fn func(key string, v V, hash uint64)) error {
	var got tally
	var digest xxhash.Digest
	if bucket := tx.Bucket(b.bucket); bucket != nil {
		err := bucket.ForEach(func(k, raw []byte) error {
			key := string(k)
			hash := rowHash(&digest, b.name, key, raw)
			got.count++
			got.sum += hash
			v, err := b.decode(key, raw)
			if err == nil {
				fn(key, v, hash)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if got != want {
		return b.differs(got, want)
	}
	return nil
}

func (b *base[V]) differs(got, want tally) error {
	return fmt.Errorf("%w: table %s has %d rows with hash %016x, the checkpoint says %d with %016x",
		ErrCorrupt, b.name, got.count, got.sum, want.count, want.sum)
}

package state

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// Checkpoint makes everything applied so far durable, in one fsynced transaction. It returns at once
// if nothing changed. The write lock is held only to set the changes aside and to forget them, never
// during I/O. After an error nothing becomes durable any more; the first one goes to Options.Fail.
func (db *DB) Checkpoint() error {
	err, fresh := db.checkpoint()
	if fresh {
		db.fail(err)
	}
	return err
}

// checkpoint reports whether its error is a new one.
func (db *DB) checkpoint() (err error, fresh bool) {
	db.checkpointing.Lock()
	defer db.checkpointing.Unlock()
	m, gen, changed, err := db.freeze()
	if err != nil || !changed {
		return err, false
	}
	db.step("frozen")
	if err := db.writeCheckpoint(gen, m); err != nil {
		err = fmt.Errorf("state: checkpoint at %d: %w", m.position.Reached, err)
		return err, db.breakWith(err)
	}
	db.step("committed")
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, t := range db.tables {
		t.thaw()
	}
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	db.durable = m.position
	return nil, false
}

// freeze sets aside what changed, as of one position.
func (db *DB) freeze() (m meta, gen *generation, changed bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if broken := db.broken.Load(); broken != nil {
		return m, nil, false, *broken
	}
	db.positionMu.Lock()
	m.position, changed = db.position, db.moved
	db.moved = false
	db.positionMu.Unlock()
	if !changed {
		return m, nil, false, nil
	}
	m.tallies = make(map[string]tally, len(db.tables))
	for _, t := range db.tables {
		m.tallies[t.tableName()] = t.freeze()
	}
	db.dirtyBytes.Store(0)
	return m, db.gen, true, nil
}

func (db *DB) writeCheckpoint(gen *generation, m meta) error {
	return gen.bolt.Update(func(tx *bbolt.Tx) error {
		for _, t := range db.tables {
			if err := t.write(tx); err != nil {
				return err
			}
		}
		return m.write(tx)
	})
}

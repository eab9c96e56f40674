package state

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Load reads the position and all hot tables, and starts the background checkpoints. Call it once,
// after registering the tables.
func (db *DB) Load() error {
	if db.loaded {
		return errors.New("state: Load was already called")
	}
	m, install, err := db.readGeneration(db.gen)
	if err != nil {
		return fmt.Errorf("state: load %s: %w", db.opts.Path, err)
	}
	db.mu.Lock()
	install()
	db.stand(m.position)
	db.loaded = true
	db.opts.Loaded()
	db.mu.Unlock()
	go db.checkpointLoop()
	return nil
}

// readGeneration reads a file without touching the present state; install makes it the present one. Nobody
// writes to the file meanwhile.
func (db *DB) readGeneration(g *generation) (m meta, install func(), err error) {
	view := func(fn func(tx *bbolt.Tx) error) error {
		return guarded(func() error { return g.bolt.View(fn) })
	}
	err = view(func(tx *bbolt.Tx) error {
		if m, err = readMeta(tx); err != nil {
			return err
		}
		return db.knowsAll(m)
	})
	if err != nil {
		return m, nil, err
	}
	installs, errs := make([]func(), len(db.tables)), make([]error, len(db.tables))
	var tables sync.WaitGroup
	for i, t := range db.tables {
		tables.Go(func() {
			installs[i], errs[i] = t.read(view, m.tallies[t.tableName()])
		})
	}
	tables.Wait()
	return m, func() {
		for _, in := range installs {
			in()
		}
	}, errors.Join(errs...)
}

// knowsAll refuses a table that nobody registered: its rows are part of the hash.
func (db *DB) knowsAll(m meta) error {
	known := map[string]bool{}
	for _, t := range db.tables {
		known[t.tableName()] = true
	}
	for name := range m.tallies {
		if !known[name] {
			return fmt.Errorf("the state has a table %q that this program does not know: use the program that wrote it, or a newer one", name)
		}
	}
	return nil
}

// stand sets the position to what was read from a file. The caller holds mu.
func (db *DB) stand(p Position) {
	db.positionMu.Lock()
	defer db.positionMu.Unlock()
	db.position, db.durable, db.moved = p, p, false
	db.recent = history{}
	db.recent.add(p.Index, p.Hash)
	db.dirtyBytes.Store(0)
}

func (db *DB) checkpointLoop() {
	defer close(db.done)
	tick := time.NewTicker(db.opts.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-tick.C:
			if db.Checkpoint() != nil {
				return // Fail has the error; what is broken stays broken.
			}
		}
	}
}

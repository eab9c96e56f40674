package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"meridian/internal/durable"
)

// Restore replaces the state by a snapshot, durably. If the stream is broken or does not fit, the
// old state stays as it was. Views wait only for the last step; do not call Update meanwhile.
func (db *DB) Restore(r io.Reader) error {
	if !db.loaded {
		return errors.New("state: Restore before Load")
	}
	if broken := db.broken.Load(); broken != nil {
		return *broken
	}
	path := db.opts.Path + restoreSuffix
	h, err := db.receive(r, path)
	if err != nil {
		return errors.Join(fmt.Errorf("state: restore: %w", err), removeIfThere(path))
	}
	db.step("received")
	adopted, err := db.adopt(path, h)
	if err != nil {
		err = fmt.Errorf("state: restore: %w", err)
		if adopted {
			db.fail(err) // the new file is in place, and perhaps not durably
		}
		return err
	}
	db.opts.Logger.Info("state restored", "index", h.index, "term", h.term, "bytes", h.length)
	return nil
}

// receive writes the snapshot's file to path, fsynced, once its checksum was found right.
func (db *DB) receive(r io.Reader, path string) (h header, err error) {
	digest := xxhash.New()
	checked := io.TeeReader(r, digest)
	head := make([]byte, snapshotHeader)
	if _, err := io.ReadFull(checked, head); err != nil {
		return h, fmt.Errorf("%w: the snapshot ends in its header: %w", ErrCorrupt, err)
	}
	if h, err = decodeHeader(head); err != nil {
		return h, err
	}
	if h.length >= uint64(db.opts.InitialMmapSize) {
		return h, fmt.Errorf("the snapshot's file has %d bytes, the limit here is %d: raise it on this node", h.length, db.opts.InitialMmapSize)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.CopyN(f, checked, int64(h.length)); err != nil {
		return h, fmt.Errorf("copy: %w", err)
	}
	want := digest.Sum64()
	var tail [checksumBytes]byte
	if _, err := io.ReadFull(r, tail[:]); err != nil {
		return h, fmt.Errorf("%w: the snapshot ends before its checksum: %w", ErrCorrupt, err)
	}
	if got := binary.BigEndian.Uint64(tail[:]); got != want {
		return h, fmt.Errorf("%w: the snapshot's checksum is %016x, its bytes give %016x", ErrCorrupt, got, want)
	}
	return h, f.Sync()
}

// adopt makes the received file the state. Until the rename it leaves the old state alone.
func (db *DB) adopt(path string, h header) (adopted bool, err error) {
	bolt, file, err := openBolt(path, db.opts.InitialMmapSize, false)
	if err != nil {
		return false, errors.Join(err, removeIfThere(path))
	}
	fresh := &generation{bolt: bolt, file: file, refs: 1}
	m, install, err := db.readGeneration(fresh)
	if err == nil && (m.position.Reached != h.index || m.position.Term != h.term) {
		err = fmt.Errorf("%w: the header says index %d, term %d, the file %d, %d",
			ErrCorrupt, h.index, h.term, m.position.Reached, m.position.Term)
	}
	if err != nil {
		return false, errors.Join(err, fresh.release(), removeIfThere(path))
	}

	db.checkpointing.Lock()
	defer db.checkpointing.Unlock()
	db.mu.Lock()
	defer db.mu.Unlock()
	if broken := db.broken.Load(); broken != nil {
		err = *broken
	} else {
		err = os.Rename(path, db.opts.Path)
	}
	if err != nil {
		return false, errors.Join(err, fresh.release(), removeIfThere(path))
	}
	db.step("renamed")
	err = durable.SyncDir(filepath.Dir(db.opts.Path))
	install()
	db.stand(m.position)
	old := db.gen
	db.gen = fresh
	db.opts.Loaded()
	return true, errors.Join(err, old.release())
}

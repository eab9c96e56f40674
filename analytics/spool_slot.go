package analytics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"meridian/internal/durable"
)

// A spool has two slots, the directory itself and nextSlot in it, so that a process and its successor can both
// write while the one drains and the other serves already. Each holds its slot's lock. What a process leaves is
// delivered by the one that is there, from its own slot.
const nextSlot = "next"

const (
	// adoptEvery is how often the other slot is looked at.
	adoptEvery = 2 * time.Second
	// slotPatience is how long a successor tries: whoever looks at a slot holds its lock for a moment.
	slotPatience = 2 * time.Second
)

var errSpoolInUse = errors.New("the event spool's directory is in use by another process")

// takeSlot locks the slot to write in.
func takeSlot(root string, successor bool) (dir string, lock *os.File, err error) {
	for end := time.Now().Add(slotPatience); ; time.Sleep(50 * time.Millisecond) {
		if lock, err = lockSlot(root); err == nil {
			return root, lock, nil
		}
		if successor && errors.Is(err, errSpoolInUse) {
			dir = filepath.Join(root, nextSlot)
			if lock, err = lockSlot(dir); err == nil {
				return dir, lock, nil
			}
		}
		if !errors.Is(err, errSpoolInUse) || time.Now().After(end) {
			return "", nil, err
		}
	}
}

func lockSlot(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open the event spool: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the event spool: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%w: %s", errSpoolInUse, dir)
	}
	return lock, nil
}

// otherSlot is the slot that this process does not write in.
func (s *Spool) otherSlot() string {
	if s.dir == s.cfg.Dir {
		return filepath.Join(s.cfg.Dir, nextSlot)
	}
	return s.cfg.Dir
}

// adopt moves what a process left in the other slot into this one, once that process is gone. It is called at the
// start and then by the committer.
func (s *Spool) adopt() {
	other := s.otherSlot()
	if _, err := os.Stat(other); err != nil {
		return
	}
	lock, err := lockSlot(other)
	if err != nil {
		return // its process is still there
	}
	defer func() { _ = lock.Close() }()
	if err := s.gather(other); err != nil {
		s.cfg.Logger.Error("event spool: what another process left stays where it is", "dir", other, "err", err)
	}
}

// bring moves a sealed file into this process' slot, under its name: that is part of the batch's token. Should
// another file have the name, it stays until that is delivered.
func (s *Spool) bring(path string) (at string, ok bool) {
	if filepath.Dir(path) == s.dir {
		return path, true
	}
	at = filepath.Join(s.dir, filepath.Base(path))
	if err := os.Link(path, at); err != nil {
		if a, b := stat(path), stat(at); a != nil && b != nil && os.SameFile(a, b) { // brought before, by one that was killed then
			_ = os.Remove(path)
		}
		return "", false
	}
	s.cfg.step("linked")
	if err := errors.Join(durable.SyncDir(s.dir), os.Remove(path)); err != nil {
		s.cfg.Logger.Warn("event spool: bring a segment", "path", path, "err", err)
	}
	s.cfg.step("brought")
	return at, true
}

func stat(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"meridian/internal/flagenv"
)

// lockDirectory keeps a second process off the data. The system gives the lock back when the
// process ends, however it ends.
func lockDirectory(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, flagenv.Errorf("data", "%v", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, flagenv.Errorf("data", "%v", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, flagenv.Errorf("data", "%s is in use by another engine process: stop that one, or give another directory", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}

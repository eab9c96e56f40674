package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"meridian/core"
	"meridian/core/state"
	"meridian/internal/flagenv"
)

// lostDisk is what to do with a directory that cannot be trusted.
const lostDisk = "keep a copy of the directory, then treat it as a lost disk (docs/OPERATIONS.md, When a node is lost)"

// checkNode reads the state of a stopped node and changes nothing.
func checkNode(data string) error {
	path := filepath.Join(data, "state.db")
	switch info, err := os.Stat(path); {
	case err != nil:
		return flagenv.Errorf("data", "holds no state: %v", err)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty, and a node never leaves it so: %s", path, lostDisk)
	}
	m, err := core.OpenMachine(core.MachineConfig{Path: path, ReadOnly: true, Fail: func(err error) {
		// It may come from any goroutine, in the middle of a read that cannot go on.
		fmt.Fprintln(os.Stderr, "core:", damaged(err))
		os.Exit(flagenv.ExitFailed)
	}})
	if err != nil {
		return damaged(err)
	}
	r, err := m.Check()
	if err = errors.Join(err, m.Close()); err != nil {
		return damaged(err)
	}
	describe(r)
	switch {
	case len(r.Problems) > 0:
		return fmt.Errorf("%d problems: %s", len(r.Problems), lostDisk)
	case r.Index == 0:
		return fmt.Errorf("%s holds no state yet: nothing was ever applied", path)
	}
	fmt.Println("every invariant holds; the log and the snapshots beside it were not read")
	return nil
}

// damaged says what to do about a state that cannot be read.
func damaged(err error) error {
	switch {
	case errors.Is(err, state.ErrInUse):
		return fmt.Errorf("%w; is the node still running? Stop it, or check a copy of its directory", err)
	case errors.Is(err, fs.ErrPermission):
		return err
	}
	return fmt.Errorf("%w: %s", err, lostDisk)
}

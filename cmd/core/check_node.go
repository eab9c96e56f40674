package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

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
	if os.Getenv(readHere) == "" {
		return readElsewhere(data)
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

// readHere is set for the process that reads a state for readElsewhere.
const readHere = "CORE_CHECK_READS_HERE"

// readElsewhere has another process of this program read the state: a damaged page may end the one that meets it
// in ways that cannot be caught.
func readElsewhere(data string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.Command(self, "check", "--data", data)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), readHere+"=1"), os.Stdout, &said
	err = cmd.Run()
	last := strings.TrimSpace(said.String())
	text, spoke := strings.CutPrefix(last, "core: ")
	switch {
	case err == nil:
		return nil
	case spoke && !strings.Contains(text, "\ngoroutine "):
		return errors.New(text)
	}
	first, _, _ := strings.Cut(last, "\n")
	return fmt.Errorf("reading %s ended the process that read it (%s; %w): %s", filepath.Join(data, "state.db"), first, err, lostDisk)
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

package main

import (
	"errors"
	"os"
	"slices"

	"meridian/core/seal"
	"meridian/internal/flagenv"
)

// openKeyring opens the key ring. It is made by the core that begins a shop and by nobody else: what another
// ring seals, the cores could not open.
func (o *options) openKeyring() (*seal.Keyring, error) {
	begins, err := o.beginsShop()
	if err != nil {
		return nil, err
	}
	ring, err := seal.OpenKeyring(o.keyring, begins)
	switch {
	case errors.Is(err, os.ErrNotExist) && len(o.join) == 0 && !o.firstPeer():
		return nil, flagenv.Errorf("keyring", "%s is missing: copy it from another core, or from your safe copy; a new shop's is made by the first core of --peers, %s: start that one first", o.keyring, o.peers[0].ID)
	case errors.Is(err, os.ErrNotExist):
		return nil, flagenv.Errorf("keyring", "%s is missing: copy it from another core, or from your safe copy; only the first core of a new shop makes one", o.keyring)
	case err != nil:
		return nil, flagenv.Errorf("keyring", "%v", err)
	}
	return ring, nil
}

// beginsShop reports whether this start begins a shop: the first core of --peers, with nothing in its data
// directory.
func (o *options) beginsShop() (bool, error) {
	if !o.firstPeer() {
		return false, nil
	}
	return emptyDir(o.data)
}

// emptyDir reports whether a data directory is not there yet, or has nothing in it.
func emptyDir(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, flagenv.Errorf("data", "cannot be read: %v", err)
	}
	return !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "lost+found" }), nil
}

func (o *options) firstPeer() bool { return len(o.peers) > 0 && o.peers[0].ID == o.id }

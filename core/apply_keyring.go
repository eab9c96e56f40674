package core

import (
	"errors"

	"meridian/api"
	"meridian/core/seal"
)

// keyringKey is the only key of the keyring table.
const keyringKey = "fingerprint"

// otherKeyring is what is said of a key ring that is not the cluster's.
const otherKeyring = "its key ring is not this cluster's, and what it would seal no other core could open; copy the file of --keyring from another core, or from your safe copy"

// ErrKeyring says that a node has another key ring than its cluster.
var ErrKeyring = errors.New("this node's key ring is not the cluster's, and could open no address of the shop: copy the file of --keyring from another core, or from your safe copy")

// applyNameKeyring keeps the fingerprint of the key ring that the cluster seals with. The first one counts.
func (m *Machine) applyNameKeyring(c nameKeyringCmd) (any, int, *api.Error) {
	if _, named := m.keyring.Get(keyringKey); !named && c.Fingerprint != "" {
		m.keyring.Put(keyringKey, c.Fingerprint)
		m.deriveKeyring()
	}
	return api.None{}, 200, nil
}

// deriveKeyring copies the fingerprint for readers without the tables' lock, which the caller holds.
func (m *Machine) deriveKeyring() {
	if name, ok := m.keyring.Get(keyringKey); ok {
		m.keyringName.Store(&name)
	} else {
		m.keyringName.Store(nil)
	}
}

// Keyring is the fingerprint of the cluster's key ring, "" until a leader has named it. It takes no lock.
func (m *Machine) Keyring() string {
	if name := m.keyringName.Load(); name != nil {
		return *name
	}
	return ""
}

// RightKeyring refuses a key ring that is not the cluster's, as far as this node knows the cluster's.
func (m *Machine) RightKeyring(ring *seal.Keyring) error {
	if named := m.Keyring(); named != "" && named != ring.Fingerprint() {
		return ErrKeyring
	}
	return nil
}

package node

import (
	"context"
	"errors"
	"time"

	"meridian/core"
	"meridian/internal/pause"
)

// keyringAgain is how often a node looks whether its key ring is the cluster's, and tries again to name it.
const keyringAgain = 250 * time.Millisecond

// nameKeyring tells the cluster which key ring it seals with, before a leader does anything else. It reports
// whether this node may lead; if not, watchKeyring ends it.
func (n *Node) nameKeyring(ctx context.Context) bool {
	for {
		err := n.Service.EnsureKeyring(ctx)
		if err == nil || errors.Is(err, core.ErrKeyring) {
			return err == nil
		}
		if pause.For(ctx, keyringAgain) != nil {
			return false
		}
		n.log.Warn("name the key ring; it is tried again", "error", err)
	}
}

// watchKeyring returns when ctx ends, or with ErrKeyring when this node has learnt that the cluster seals
// with another key ring: from the log, or from a snapshot.
func (n *Node) watchKeyring(ctx context.Context) error {
	for {
		if err := n.Machine.RightKeyring(n.cfg.Keyring); err != nil {
			return err
		}
		if pause.For(ctx, keyringAgain) != nil {
			return nil
		}
	}
}

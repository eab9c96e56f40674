//go:build !breakable

package node

import (
	"context"

	"meridian/core"
)

// weaken does nothing in programs that are shipped; see broken.go.
func weaken(*core.Machine) error { return nil }

// exact reads with proof that this node led all the while.
func (l log) exact(ctx context.Context, take func() error) error { return l.node.ReadExact(ctx, take) }

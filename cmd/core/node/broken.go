//go:build breakable

package node

import (
	"context"
	"fmt"
	"os"

	"meridian/core"
)

// broken is what a program built with the tag breakable leaves out, by the environment variable
// CORE_BREAK: dedupe (keys are forgotten) or verify (exact reads are answered from memory).
func broken() string { return os.Getenv("CORE_BREAK") }

func weaken(m *core.Machine) error {
	if b := broken(); b != "" && b != "verify" && !m.Break(b) {
		return fmt.Errorf("CORE_BREAK=%s: give dedupe or verify", b)
	}
	return nil
}

func (l log) exact(ctx context.Context, take func() error) error {
	if broken() == "verify" {
		return take()
	}
	return l.node.ReadExact(ctx, take)
}

package node

import (
	"context"
	"errors"

	"meridian/api"
	"meridian/core"
	"meridian/replication"
)

// machine fits the shop's state machine to replication.
type machine struct{ *core.Machine }

var _ replication.Machine = machine{}

// Apply implements replication.Machine.
func (m machine) Apply(entries []replication.Entry, reached uint64) [][]any {
	out := make([][]any, len(entries))
	for i, e := range entries {
		out[i] = m.Machine.Apply(e.Index, e.Term, e.Header, e.Commands)
	}
	m.Reached(reached)
	return out
}

// Snapshot implements replication.Machine.
func (m machine) Snapshot() (replication.Snapshot, error) { return m.Machine.Snapshot() }

// log fits a replication node to the shop: its errors become the wire's.
type log struct{ node *replication.Node }

var _ core.Log = log{}

// refuse turns replication's errors into codes. Only ErrUnknown and a deadline leave the outcome open.
func refuse(err error) error {
	var other *replication.ErrNotLeader
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other), errors.Is(err, replication.ErrClosed):
		return api.NewError(api.CodeNotLeader, "Another node decides.").WithCause(err)
	case errors.Is(err, replication.ErrOverloaded):
		return api.NewError(api.CodeOverloaded, "Too many requests wait for a decision. Try again in a moment.").WithCause(err)
	case errors.Is(err, replication.ErrTooLarge):
		return api.NewError(api.CodeTooLarge, "This is too much for one change. Split it.").WithCause(err)
	}
	return api.NewError(api.CodeOutcomeUnknown, "We do not know yet whether this went through. Repeat it with the same Idempotency-Key.").WithCause(err)
}

// Propose implements core.Log.
func (l log) Propose(ctx context.Context, command []byte) (any, error) {
	r, err := l.node.Propose(ctx, command)
	return r.Value, refuse(err)
}

// ProposeAll implements core.Log.
func (l log) ProposeAll(ctx context.Context, commands [][]byte) ([]any, error) {
	_, values, err := l.node.ProposeAll(ctx, commands)
	return values, refuse(err)
}

// ReadExact implements core.Log. A read that cannot be verified has no outcome to be unsure about.
func (l log) ReadExact(ctx context.Context, take func() error) error {
	var refusal error
	err := l.exact(ctx, func() error {
		refusal = take() // a "not found" has to be as true as an answer
		return nil
	})
	var other *replication.ErrNotLeader
	switch {
	case err == nil:
		return refusal
	case errors.As(err, &other), errors.Is(err, replication.ErrClosed):
		return refuse(err)
	}
	return api.NewError(api.CodeNoLeader, "No majority of the core answers right now. Try again in a moment.").WithCause(err)
}

// WaitApplied implements core.Log.
func (l log) WaitApplied(ctx context.Context, index uint64) error {
	return l.node.WaitApplied(ctx, index)
}

// Leading implements core.Log.
func (l log) Leading() bool { return l.node.Leading() }

// Leader implements core.Log.
func (l log) Leader() string { return l.node.Status().Leader }

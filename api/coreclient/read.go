package coreclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// tryEvery is how often one read is let through while every node is ejected.
const tryEvery = 250 * time.Millisecond

// breaker lets reads fail at once while no node answers, but for one now and then: what is cached is shown at once
// then, and nobody waits for nothing.
type breaker struct{ next atomic.Int64 }

func (b *breaker) try(now time.Time) bool {
	at := now.UnixNano()
	next := b.next.Load()
	return at >= next && b.next.CompareAndSwap(next, at+int64(tryEvery/2+rand.N(tryEvery)))
}

var errNobody = errors.New("no core has answered for a while; one request now and then finds out whether one does again")

// order is the nodes to ask: nearest first, those ejected after failures last; any says that one of them is not. The leader is always
// the last resort of a read that wants an index, since it is never behind.
func (c *Client) order(min api.Index) (out []*node, any bool) {
	now := time.Now()
	nodes := c.all()
	out = make([]*node, 0, len(nodes)+1)
	var last []*node
	for _, n := range nodes {
		if n.admit(now) {
			out = append(out, n)
		} else {
			last = append(last, n)
		}
	}
	any = len(out) > 0
	out = append(out, last...)
	if l := c.leader.Load(); l != nil && !min.IsZero() {
		out = append(out, l)
	}
	return out, any
}

// read asks node after node until one answers from state that covers the call's least index.
func (c *Client) read(ctx context.Context, k *outgoing) (reply, error) {
	var last error
	var refused *reply
	for round := 0; ; round++ {
		nodes, any := c.order(k.call.Min)
		if !any && !c.breaker.try(time.Now()) {
			return reply{}, c.unreachable(k, cmp.Or(last, errNobody))
		}
		for i, n := range nodes {
			var second *node
			if i+1 < len(nodes) && nodes[i+1] != n {
				second = nodes[i+1]
			}
			r, err := c.ask(ctx, k, n, second)
			if ctx.Err() != nil {
				return reply{}, c.unreachable(k, ctx.Err())
			}
			switch {
			case err != nil:
				last = err
			case elsewhere(r.status):
				c.learn(r.leader)
				refused = &r
			case r.behind(k.call.Min):
				last = fmt.Errorf("%s is at %s, asked for %s", n.ID, r.index, k.call.Min)
			default:
				return r, nil
			}
		}
		if round >= 2 {
			if refused != nil && refused.status == 503 {
				return *refused, nil
			}
			return reply{}, c.unreachable(k, last)
		}
		if err := pause.For(ctx, backoff(round)); err != nil {
			return reply{}, c.unreachable(k, last)
		}
	}
}

// elsewhere reports whether another node may answer what this one would not.
func elsewhere(status int) bool { return status == 421 || status == 503 || status == 504 }

func (c *Client) unreachable(k *outgoing, cause error) *api.Error {
	e := api.NewError(api.CodeUnavailable, "This cannot be read right now. Try again in a moment.")
	e.RequestID = k.call.RequestID
	return e.WithCause(fmt.Errorf("%s: %w", k.name, orDeadline(cause)))
}

func orDeadline(err error) error {
	if err == nil {
		return context.DeadlineExceeded
	}
	return err
}

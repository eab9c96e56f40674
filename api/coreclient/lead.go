package coreclient

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// lead makes a call that only the leader answers: it follows hints and waits out elections until the
// deadline. Repeats of a write carry the same key, so they are one command.
func (c *Client) lead(ctx context.Context, k *outgoing) (reply, error) {
	if k.kind == api.Write && k.call.Key == "" {
		k.call.Key = newKey(c.cfg.Edge)
	}
	// sent: an attempt may have reached a leader and its outcome is not known.
	sent := false
	var last error
	for try := 0; ; try++ {
		n := c.target()
		r, err := c.send(ctx, n, k)
		wait := true
		switch code := r.code(); {
		case err != nil:
			last = err
			sent = sent || !errors.Is(err, errNotSent)
			c.forget(n)
			if full := errOverloaded(err); full != nil && !sent {
				return reply{}, full
			}
		case code == api.CodeNotLeader:
			last = fmt.Errorf("%s does not lead", n.ID)
			c.forget(n)
			// A hint that names another node is worth following at once, but not for ever: two nodes
			// may point at each other during an election.
			wait = !c.learn(r.leader) && !(c.discover(ctx, n, r.leader) && c.learn(r.leader)) || r.leader == n.ID || try%4 == 3
		case code == api.CodeNoLeader:
			last = fmt.Errorf("%s knows no leader", n.ID)
			c.forget(n)
		case code == api.CodeOverloaded && sent:
			// "Nothing happened" is true of this attempt, and not known of the one before.
			last = fmt.Errorf("%s is too busy to say what became of it", n.ID)
		case code == api.CodeOutcomeUnknown && k.kind == api.Write:
			last = fmt.Errorf("%s does not know the outcome yet", n.ID)
			sent = true
		default:
			if r.status < 500 {
				c.leader.Store(n)
				c.horizon.note(r.index, time.Now())
			}
			return r, nil
		}
		if ctx.Err() == nil && wait {
			_ = pause.For(ctx, backoff(try))
		}
		if ctx.Err() != nil {
			return reply{}, c.undecided(k, sent, last)
		}
	}
}

// send gives a call to a node: quick writes share frames, everything else travels alone.
func (c *Client) send(ctx context.Context, n *node, k *outgoing) (reply, error) {
	if k.kind == api.Write && !k.slow {
		return n.frames.do(ctx, k)
	}
	return n.post(ctx, k)
}

// undecided is the answer when the deadline passed without one.
func (c *Client) undecided(k *outgoing, sent bool, cause error) *api.Error {
	e := api.NewError(api.CodeNoLeader, "No decision is possible right now. Try again in a moment.")
	if k.kind == api.Write && sent {
		e = api.NewError(api.CodeOutcomeUnknown, "It is not known yet whether this happened. Repeat it with the same Idempotency-Key to find out.")
	}
	e.RequestID = k.call.RequestID
	return e.WithCause(fmt.Errorf("%s: %w", k.name, orDeadline(cause)))
}

// target is the leader as far as known, else the next node in turn, those that just failed left out.
func (c *Client) target() *node {
	if l := c.leader.Load(); l != nil {
		return l
	}
	now := time.Now()
	start := int(c.turn.Add(1) - 1)
	nodes := c.all()
	for i := range nodes {
		if n := nodes[(start+i)%len(nodes)]; !n.suspect(now) {
			return n
		}
	}
	return nodes[start%len(nodes)]
}

// learn remembers a leader by its id and reports whether it is one of ours. A node that has just
// failed is not believed to lead: the one that says so may not have noticed yet.
func (c *Client) learn(id string) bool {
	for _, n := range c.all() {
		if id != "" && n.ID == id && !n.suspect(time.Now()) {
			c.leader.Store(n)
			return true
		}
	}
	return false
}

func (c *Client) forget(n *node) { c.leader.CompareAndSwap(n, nil) }

// backoff is a jittered pause that grows from 10 ms to 200 ms.
func backoff(try int) time.Duration {
	d := min(200*time.Millisecond, 10*time.Millisecond<<min(try, 10))
	return d/2 + mrand.N(d/2)
}

// newKey draws a key. It begins with the time, so that the keys of an hour stand together in the core's
// table, where they live no longer.
func newKey(edge string) string {
	var b [22]byte
	ms := time.Now().UnixMilli()
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(b[6:])
	return "edge " + edge + " " + hex.EncodeToString(b[:])
}

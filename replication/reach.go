package replication

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// reachWithin bounds how long Reach waits for one member.
const reachWithin = 1500 * time.Millisecond

// Reach tries to connect to every other member, as raft does, and returns why not, nil for those that answered.
// It is for when nobody leads: the leader knows better who answers (Status).
func (n *Node) Reach(ctx context.Context) map[string]error {
	var mu sync.Mutex
	var all sync.WaitGroup
	out := map[string]error{}
	for _, s := range n.servers() {
		if string(s.ID) == n.cfg.ID {
			continue
		}
		all.Go(func() {
			err := n.knock(ctx, s.Address)
			mu.Lock()
			defer mu.Unlock()
			out[string(s.ID)] = err
		})
	}
	all.Wait()
	return out
}

func (n *Node) knock(ctx context.Context, addr raft.ServerAddress) error {
	if n.stream == nil {
		return errors.New("this node's transport cannot tell")
	}
	timeout := reachWithin
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(end))
	}
	if timeout <= 0 {
		return context.DeadlineExceeded
	}
	c, err := n.stream.Dial(addr, timeout)
	if err != nil {
		return err
	}
	return c.Close()
}

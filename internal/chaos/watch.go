//go:build linux

package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/workload"
)

// askWithin bounds one question to one core.
const askWithin = 400 * time.Millisecond

// status asks a core for its view of itself.
func (c *cluster) status(ctx context.Context, n *core) (api.NodeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return workload.Ask(ctx, c.merch, n.node(), api.StatusCheck, api.None{})
}

// view is the cluster as its leader proves to see it, and that leader.
func (c *cluster) view(ctx context.Context) (*core, api.Cluster) {
	type seen struct {
		n *core
		v api.Cluster
	}
	found := make(chan seen, len(c.cores))
	var wg sync.WaitGroup
	for _, n := range c.cores {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askWithin)
			defer cancel()
			if v, err := workload.Ask(ctx, c.operator, n.node(), api.ClusterGet, api.None{}); err == nil {
				found <- seen{n, v}
			}
		})
	}
	wg.Wait()
	close(found)
	for s := range found { // an exact answer comes from one leader only
		return s.n, s.v
	}
	return nil, api.Cluster{}
}

// until polls until ok or ctx ends.
func until(ctx context.Context, what string, ok func() bool) error {
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// leader waits for the core that leads.
func (c *cluster) leader(ctx context.Context) (n *core, err error) {
	err = until(ctx, "a leader", func() bool { n, _ = c.view(ctx); return n != nil })
	return n, err
}

// ready waits until a leader decides and the first staff can sign in.
func (c *cluster) ready(ctx context.Context) error {
	err := until(ctx, "the cluster to be ready", func() bool {
		for _, n := range c.cores {
			if n.failure() != nil {
				return true
			}
		}
		n, _ := c.view(ctx)
		return n != nil
	})
	for _, n := range c.cores {
		if f := n.failure(); f != nil {
			return f
		}
	}
	if err == nil {
		// The operator is created last: wait for the merchandiser too, as everybody does.
		err = until(ctx, "the staff", func() bool {
			n, _ := c.view(ctx)
			if n == nil {
				return false
			}
			ctx, cancel := context.WithTimeout(ctx, askWithin)
			defer cancel()
			_, err := c.merch.Stock(ctx, n.node(), "nothing")
			return api.CodeOf(err) == api.CodeNotFound
		})
	}
	if err != nil {
		return fmt.Errorf("%w; the last words of core-1: %s", err, lastWords(c.cores[0].logPath))
	}
	return nil
}

// agree waits until all of these cores have applied the same index, and compares their hashes.
func (c *cluster) agree(ctx context.Context, cores []*core) error {
	var all []api.NodeStatus
	err := until(ctx, "every replica to be at one index", func() bool {
		all = make([]api.NodeStatus, len(cores))
		errs := make([]error, len(cores))
		var wg sync.WaitGroup
		for i, n := range cores {
			wg.Go(func() { all[i], errs[i] = c.status(ctx, n) })
		}
		wg.Wait()
		for i := range all {
			if errs[i] != nil || all[i].Index != all[0].Index {
				return false
			}
		}
		return true
	})
	if err != nil {
		var where []string
		for i, n := range cores {
			where = append(where, fmt.Sprintf("%s at %s", n.id, all[i].Index))
		}
		return fmt.Errorf("%w: %s", err, strings.Join(where, ", "))
	}
	for _, s := range all[1:] {
		if s.Hash != all[0].Hash {
			return fmt.Errorf("at index %s, %s has hash %s and %s has %s", s.Index, s.ID, s.Hash, all[0].ID, all[0].Hash)
		}
	}
	return nil
}

// hashes remembers which hash the replicas had at which index, while they work.
type hashes struct {
	mu       sync.Mutex
	at       map[api.Index]api.NodeStatus
	compared int
	problems []string
}

// watch asks every core for its hash, again and again, until ctx ends. Equal indexes must have equal hashes.
func (h *hashes) watch(ctx context.Context, c *cluster) {
	var wg sync.WaitGroup
	for _, n := range c.cores {
		wg.Go(func() {
			for ctx.Err() == nil {
				if s, err := c.status(ctx, n); err == nil && s.Index.Raft > 0 {
					h.note(s)
				}
				select {
				case <-ctx.Done():
				case <-time.After(15 * time.Millisecond):
				}
			}
		})
	}
	wg.Wait()
}

func (h *hashes) note(s api.NodeStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	other, known := h.at[s.Index]
	if !known {
		h.at[s.Index] = s
		return
	}
	if other.ID != s.ID {
		h.compared++
	}
	if other.Hash != s.Hash {
		h.problems = append(h.problems, fmt.Sprintf("at index %s, %s had hash %s and %s had %s", s.Index, s.ID, s.Hash, other.ID, other.Hash))
	}
}

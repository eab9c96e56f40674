package coreclient

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
)

// A core that joined the cluster after this client was configured is found when it leads: whoever names it
// as the leader is asked where it is.
const (
	// maxFound bounds how many are remembered.
	maxFound = 64
	// askAgain is how long a leader that nobody knew the place of is not asked for again.
	askAgain = 500 * time.Millisecond
)

// found are the cores that joined later.
type found struct {
	nodes atomic.Pointer[[]*node] // never changed in place

	mu    sync.Mutex // held while asking: others wait for the answer
	asked map[string]time.Time
}

// all are the configured cores and those that were found.
func (c *Client) all() []*node {
	later := c.found.nodes.Load()
	if later == nil {
		return c.nodes
	}
	return append(c.nodes[:len(c.nodes):len(c.nodes)], *later...)
}

func (c *Client) knows(id string) bool {
	for _, n := range c.all() {
		if n.ID == id {
			return true
		}
	}
	return false
}

// discover asks a core where the node is that it names as the leader, and reports whether it is new to us.
// With TLS whoever answers there has to be that node; without, everything is on this machine.
func (c *Client) discover(ctx context.Context, from *node, id string) bool {
	if id == "" || c.knows(id) {
		return false
	}
	c.found.mu.Lock()
	defer c.found.mu.Unlock()
	if c.knows(id) {
		return true
	}
	if time.Since(c.found.asked[id]) < askAgain {
		return false
	}
	c.found.asked = map[string]time.Time{id: time.Now()} // one leader at a time
	r, err := from.post(ctx, &outgoing{name: api.ClusterCores.Name, kind: api.ClusterCores.Kind, body: []byte("{}")})
	v, _, err := decode[api.CoreNodes](r, err, api.ClusterCores.Name, "")
	if err != nil {
		return false
	}
	for _, n := range v.Cores {
		if n.ID != id || n.API == "" {
			continue
		}
		var later []*node
		if old := c.found.nodes.Load(); old != nil {
			later = append(later, *old...)
		}
		if len(later) >= maxFound {
			return false
		}
		later = append(later, newNode(&c.cfg, Node{ID: n.ID, Region: n.Region, Addr: n.API}))
		c.found.nodes.Store(&later)
		c.cfg.Logger.Info("found a core that joined later", "id", n.ID, "region", n.Region, "addr", n.API)
		return true
	}
	return false
}

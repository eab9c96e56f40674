package coreclient

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// feedWait is how long a core may keep a poll open without news. Every answer is a heartbeat.
const feedWait = 500 * time.Millisecond

// Follow reads the change feed from cursor on until ctx ends, and gives fn every batch with the time
// its poll took, in order and from one goroutine. Failures are waited out: silence is how fn's owner
// notices them.
func (c *Client) Follow(ctx context.Context, edgeID, region string, cursor api.Index, fn func(b api.FeedBatch, took time.Duration)) {
	fails := 0
	for ctx.Err() == nil {
		start := time.Now()
		b, err := c.poll(ctx, api.FeedQuery{Edge: edgeID, Region: region, Cursor: cursor, WaitMS: int(feedWait.Milliseconds())})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if fails++; fails == 1 {
				c.cfg.Logger.Warn("the change feed is silent", "err", err)
			}
			_ = pause.For(ctx, backoff(fails))
			continue
		}
		if fails > 0 {
			c.cfg.Logger.Info("the change feed is back", "failures", fails)
			fails = 0
		}
		cursor = b.Next
		fn(b, time.Since(start))
	}
}

// poll asks once. A core that froze is left for the next one soon, and one that has not reached what
// the leader had long ago is cut off: its silence would pass for quiet.
func (c *Client) poll(ctx context.Context, q api.FeedQuery) (api.FeedBatch, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := json.Marshal(q)
	if err != nil {
		return api.FeedBatch{}, fmt.Errorf("encode the cursor: %w", err)
	}
	r, err := c.call(ctx, &outgoing{name: api.FeedPoll.Name, kind: api.FeedPoll.Kind, body: body, limit: feedWait + pollSlack,
		call: api.Call{Edge: q.Edge, Min: c.horizon.get()}})
	b, _, err := decode[api.FeedBatch](r, err, api.FeedPoll.Name, "")
	return b, err
}

// pollSlack is what a poll may take beyond its wait.
const pollSlack = 700 * time.Millisecond

// horizon remembers an index that a leader answered with at least horizonAge ago.
type horizon struct {
	mu       sync.Mutex // guards both
	old, new struct {
		index api.Index
		at    time.Time
	}
}

const horizonAge = time.Second

func (h *horizon) note(i api.Index, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i.IsZero() || now.Sub(h.new.at) < horizonAge {
		return
	}
	h.old = h.new
	h.new.index, h.new.at = i, now
}

func (h *horizon) get() api.Index {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.old.index
}

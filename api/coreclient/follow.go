package coreclient

import (
	"context"
	"time"

	"meridian/api"
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
		pctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		b, _, err := Do(pctx, c, api.FeedPoll, api.FeedQuery{
			Edge: edgeID, Region: region, Cursor: cursor, WaitMS: int(feedWait.Milliseconds()),
		}, api.Call{Edge: edgeID})
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if fails++; fails == 1 {
				c.cfg.Logger.Warn("the change feed is silent", "err", err)
			}
			_ = sleep(ctx, backoff(fails))
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

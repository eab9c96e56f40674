package coreclient

import (
	"context"
	"slices"
	"sync"
	"time"

	"meridian/api"
)

// Together runs functions at the same time and gives the first error in their order. When all that still run wait for a read, these reads
// leave as one request: a page that shows four things asks once.
func Together(ctx context.Context, fs ...func(context.Context) error) error {
	g := &gathering{running: len(fs)}
	ctx = context.WithValue(ctx, gatheringKey{}, g)
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() {
			defer g.ended()
			errs[i] = f(ctx)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

type gatheringKey struct{}

// gathering is what the functions of one Together wait for.
type gathering struct {
	mu      sync.Mutex
	running int
	reads   []*gathered
}

// gathered is a read that waits. done gets exactly one outcome.
type gathered struct {
	ctx  context.Context
	c    *Client
	k    *outgoing
	done chan outcome
}

// read waits until all others that run wait, too, or until it has its answer.
func (g *gathering) read(ctx context.Context, c *Client, k *outgoing) (reply, error) {
	w := &gathered{ctx: context.WithValue(ctx, gatheringKey{}, nil), c: c, k: k, done: make(chan outcome, 1)}
	g.mu.Lock()
	g.reads = append(g.reads, w)
	g.leave()
	select {
	case o := <-w.done:
		return o.reply, o.err
	case <-ctx.Done():
		return reply{}, c.unreachable(k, ctx.Err())
	}
}

func (g *gathering) ended() {
	g.mu.Lock()
	g.running--
	g.leave()
}

// leave sends what waits if nobody comes any more, and unlocks.
func (g *gathering) leave() {
	if len(g.reads) == 0 || len(g.reads) < g.running || g.running == 0 { // with nobody running, nobody wants what is left
		g.mu.Unlock()
		return
	}
	batch := g.reads
	g.reads = nil
	g.mu.Unlock()
	// Those that ask the same client for the same index are one request; mostly that is all of them.
	for len(batch) > 0 {
		first := batch[0]
		same := func(w *gathered) bool { return w.c == first.c && w.k.call.Min == first.k.call.Min }
		var together []*gathered
		batch = slices.DeleteFunc(batch, func(w *gathered) bool {
			if same(w) {
				together = append(together, w)
			}
			return same(w)
		})
		go first.c.readAll(together)
	}
}

// readAll makes reads as one request and hands each its own outcome.
func (c *Client) readAll(batch []*gathered) {
	if len(batch) == 1 {
		batch[0].alone()
		return
	}
	results, err := c.frameOf(batch)
	var wg sync.WaitGroup
	for i, w := range batch {
		switch {
		case err != nil:
			w.done <- outcome{err: err}
		case elsewhere(results[i].Status): // not that one, there
			wg.Go(w.alone)
		default:
			r := results[i]
			w.done <- outcome{reply: reply{status: r.Status, index: r.Index, leader: r.Leader, body: r.Body}}
		}
	}
	wg.Wait()
}

func (w *gathered) alone() {
	r, err := w.c.read(w.ctx, w.k)
	w.done <- outcome{r, err}
}

func (c *Client) frameOf(batch []*gathered) ([]api.FrameResult, error) {
	first := batch[0]
	frame := api.Frame{Calls: make([]api.FrameCall, len(batch))}
	now := time.Now()
	var longest time.Duration
	for i, w := range batch {
		left := c.cfg.ReadTimeout
		if deadline, ok := w.ctx.Deadline(); ok {
			left = deadline.Sub(now)
		}
		longest = max(longest, left)
		frame.Calls[i] = api.FrameCall{Name: w.k.name, Credential: w.k.call.Credential, RequestID: w.k.call.RequestID, DeadlineMS: max(1, left.Milliseconds()), Body: string(w.k.body)}
	}
	k := &outgoing{name: api.ReadFrame, kind: api.Read, form: api.FrameType, call: api.Call{Min: first.k.call.Min, RequestID: first.k.call.RequestID, Edge: first.k.call.Edge}, body: frame.Append(nil)}
	// One that leaves takes nobody with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(first.ctx), longest)
	defer cancel()
	r, err := c.read(ctx, k)
	if err != nil {
		return nil, err
	}
	results, err := r.results(len(batch))
	if err != nil {
		return nil, c.unreachable(k, err)
	}
	return results, nil
}

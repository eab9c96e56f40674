package coreclient

import (
	"context"
	"sync"
	"time"

	"meridian/api"
)

// A read that takes longer than nearly all reads of its node take is asked of a second node as well, and the first good answer counts
// (Dean and Barroso, "The Tail at Scale", 2013). So a node that stalls for a moment costs a moment.
const (
	// hedgeShare is how many further reads there are for each read, and hedgeSaved how many may be saved up.
	hedgeShare, hedgeSaved = 0.05, 10
	// lateStart is what a node is believed to need before it has shown it, lateLeast what no read is asked twice before.
	lateStart, lateLeast = 20 * time.Millisecond, 2 * time.Millisecond
)

// hedges is the allowance for asking twice. When everything is slow, asking twice would make it slower.
type hedges struct {
	mu    sync.Mutex
	saved float64
	taken uint64
}

// earn counts a read.
func (h *hedges) earn() {
	h.mu.Lock()
	h.saved = min(h.saved+hedgeShare, hedgeSaved)
	h.mu.Unlock()
}

func (h *hedges) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.saved < 1 {
		return false
	}
	h.saved--
	h.taken++
	return true
}

// lateness follows the 95th percentile of how long a node's answers take: it goes up by nineteen steps for an answer that took longer,
// and down by one for an answer that did not (stochastic approximation of a quantile, Robbins and Monro 1951).
type lateness struct {
	mu  sync.Mutex
	p95 time.Duration
}

func (l *lateness) note(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.p95 == 0 {
		l.p95 = lateStart
	}
	step := l.p95/200 + time.Microsecond
	if took > l.p95 {
		l.p95 += 19 * step
	} else {
		l.p95 = max(l.p95-step, 0)
	}
}

// after is when an answer is late.
func (l *lateness) after() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.p95 == 0 {
		return lateStart
	}
	return max(l.p95, lateLeast)
}

// ask makes one read at a node, and at second as well when the answer is late.
func (c *Client) ask(ctx context.Context, k *outgoing, n, second *node) (reply, error) {
	if second == nil || k.slow {
		return n.post(ctx, k)
	}
	type outcome struct {
		r   reply
		err error
	}
	good := func(o outcome) bool { return o.err == nil && !elsewhere(o.r.status) && !o.r.behind(k.call.Min) }
	answers := make(chan outcome, 2)
	from := func(n *node) {
		// The one that loses goes on, so that a node which froze is known to have.
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.attempt(false))
		defer cancel()
		began := time.Now()
		r, err := n.post(own, k)
		n.late.note(time.Since(began))
		answers <- outcome{r, err}
	}
	c.hedges.earn()
	late := time.NewTimer(n.late.after())
	defer late.Stop()
	go from(n)
	asked := 1
	for got := 0; ; {
		select {
		case <-ctx.Done():
			return reply{}, ctx.Err()
		case <-late.C:
			if asked == 1 && c.hedges.take() {
				asked++
				go from(second)
			}
		case o := <-answers:
			if got++; good(o) || got == asked {
				return o.r, o.err
			}
		}
	}
}

// checkEvery is how often nodes that were left are looked at, and checkTimeout how long one may take to say that it is there.
const checkEvery, checkTimeout = 100 * time.Millisecond, 500 * time.Millisecond

// check asks nodes whose ejection is over whether they are there, so that no shopper's request has to find out.
func (c *Client) check() {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.closed:
			return
		case now := <-tick.C:
			for _, n := range c.all() {
				if !n.due(now) {
					continue
				}
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
					defer cancel()
					_, _ = n.post(ctx, &outgoing{name: api.StatusCheck.Name, kind: api.Read, limit: checkTimeout, body: []byte("{}")})
				}()
			}
		}
	}
}

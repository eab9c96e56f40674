package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/pause"
	"meridian/test/bench/report"
)

// failoverGroup is measured only when it is asked for: it takes minutes of waiting for elections.
const failoverGroup = "failover"

// lightClients keep a cluster busy enough to notice when it commits again.
const lightClients = 4

// failovers kills the leader again and again under light load, and times how long it takes until
// another commits.
func (b *bench) failovers(ctx context.Context) (ls []report.Line, err error) {
	hb := b.opts.heartbeat
	fmt.Fprintf(b.out, "failover: %d kills, heartbeat and election time-out %v\n", b.opts.kills, hb)
	c, err := openCores(ctx, b, false, "--heartbeat", hb.String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	before, err := c.stock()
	if err != nil {
		return nil, err
	}
	load := startLight(ctx, c, b.seed)
	var took []float64
	rng := rand.New(rand.NewPCG(b.seed, 0))
	for i := range b.opts.kills {
		d, err := b.failover(ctx, c, load, rng)
		if err != nil {
			load.stop()
			return nil, fmt.Errorf("kill %d: %w", i+1, err)
		}
		fmt.Fprintf(b.out, "  kill %d of %d: %v\n", i+1, b.opts.kills, d.Round(time.Millisecond))
		took = append(took, ms(d))
	}
	if err := errors.Join(load.stop(), c.healthy(ctx)); err != nil {
		return nil, err
	}
	after, err := c.stock()
	if err != nil {
		return nil, err
	}
	return failoverLines(took, hb), load.conserved(before, after)
}

// failover is one kill: the time until a command that another node leads is acknowledged.
func (b *bench) failover(ctx context.Context, c *cores, load *light, rng *rand.Rand) (time.Duration, error) {
	if err := c.healthy(ctx); err != nil {
		return 0, err
	}
	_ = pause.For(ctx, time.Duration(rng.Int64N(int64(b.opts.heartbeat)))) // at any moment between two heartbeats
	if err := c.seek(); err != nil {
		return 0, err
	}
	victim := c.leader()
	next := load.expect(victim)
	killed := time.Now()
	victim.process.kill()
	var d time.Duration
	select {
	case at := <-next:
		d = at.Sub(killed)
	case <-load.failed:
		return 0, load.stop()
	case <-time.After(20*b.opts.heartbeat + 10*time.Second):
		return 0, fmt.Errorf("%s was killed and nobody commits", victim.id)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return d, victim.start()
}

// healthy waits until one node leads and all have applied what it has.
func (c *cores) healthy(ctx context.Context) error {
	if err := c.findLeader(ctx, time.Minute); err != nil {
		return err
	}
	s, err := c.leader().status()
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		err := n.process.until(ctx, "it caught up", time.Minute, func() error {
			mine, err := n.status()
			if err == nil && (!mine.Index.Covers(s.Index) || mine.Leader != s.Leader) {
				err = fmt.Errorf("it is at %s, the leader was at %s", mine.Index, s.Index)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// failoverLines are the two rows about it: every kill is a round.
func failoverLines(took []float64, hb time.Duration) []report.Line {
	latency := make([]time.Duration, len(took))
	for i, v := range took {
		latency[i] = time.Duration(v * float64(time.Millisecond))
	}
	r := result{latency: sortedDurations(latency)}
	at := func(title string, v, bound float64) report.Line {
		return report.Line{Group: failoverGroup, Title: fmt.Sprintf(title, len(took)), Unit: "ms", Goal: report.AtMost(bound), Rounds: took, Value: v}
	}
	return []report.Line{
		at("kill -9 of the leader to the next commit, p50 of %d; goal 2.5 heartbeats", r.p50(), 2.5*ms(hb)),
		at("kill -9 of the leader to the next commit, p99 of %d; goal 3 heartbeats and an election time-out", r.p99(), 4*ms(hb)),
	}
}

// light is the load: each client sends one command after the other to whoever leads, and repeats it
// under its key until it is acknowledged.
type light struct {
	*drive
	cores  *cores
	wg     sync.WaitGroup
	failed chan struct{} // closed at the first error

	mu     sync.Mutex
	victim *coreNode
	next   chan time.Time
	err    error
}

func startLight(ctx context.Context, c *cores, seed uint64) *light {
	l := &light{drive: &drive{sold: newLedger()}, cores: c, failed: make(chan struct{})}
	context.AfterFunc(ctx, func() { l.drive.stop.Store(true) })
	for i := range lightClients {
		l.wg.Go(func() {
			if err := l.client(rand.New(rand.NewPCG(seed, uint64(i+1))), i); err != nil {
				l.mu.Lock()
				if l.err == nil {
					l.err = err
					close(l.failed)
				}
				l.mu.Unlock()
			}
		})
	}
	return l
}

// stop ends the load when what was sent is acknowledged.
func (l *light) stop() error {
	l.drive.stop.Store(true)
	l.wg.Wait()
	return l.err
}

// expect gives the moment of the first acknowledgement by another than the victim.
func (l *light) expect(victim *coreNode) <-chan time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.victim, l.next = victim, make(chan time.Time, 1)
	return l.next
}

func (l *light) acknowledged(by *coreNode) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != nil && by != l.victim {
		l.next <- now
		l.next = nil
	}
}

// client asks node after node, with hardly a pause, so that its own search does not count.
func (l *light) client(rng *rand.Rand, at int) error {
	wires := make([]*wire, len(l.cores.nodes))
	defer func() {
		for _, w := range wires {
			if w != nil {
				w.close()
			}
		}
	}()
	for n := 0; !l.drive.stop.Load(); n++ {
		key := fmt.Sprintf("light-%x-%d", rng.Uint64(), n)
		for giveUp := time.Now().Add(2 * time.Minute); ; {
			node := l.cores.nodes[at%len(wires)]
			done, err := ask(&wires[at%len(wires)], node.api, key)
			if err != nil {
				return err
			}
			if done {
				l.sold[0].Add(1)
				l.acknowledged(node)
				break
			}
			if time.Now().After(giveUp) {
				return errors.New("a command was not acknowledged for two minutes")
			}
			at++
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(5 * time.Millisecond) // light load is what is wanted
	}
	return nil
}

// ask sends one command to one node. It is not done when the node is gone, does not lead or does not know.
func ask(w **wire, addr, key string) (done bool, err error) {
	if *w == nil {
		if *w, err = dialWire(addr, 2*time.Second); err != nil {
			*w = nil
			return false, nil
		}
	}
	(*w).out = appendHead((*w).out[:0], api.StockAdjust.Name, (*w).patience)
	(*w).out = appendHeader((*w).out, api.HeaderCredential, "staff:"+staffToken)
	(*w).out = appendHeader((*w).out, api.HeaderKey, key)
	(*w).out = appendBody((*w).out, "application/json", []byte(`{"sku":"`+skuNames[0]+`","delta":-1,"reason":"sold"}`))
	status, body, err := (*w).exchange()
	if err != nil {
		(*w).close()
		*w = nil
		return false, nil
	}
	switch status {
	case 200:
		return true, nil
	case 421, 503, 504:
		return false, nil
	}
	return false, fmt.Errorf("%d %s", status, body)
}

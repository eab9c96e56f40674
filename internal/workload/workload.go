// Package workload uses a shop as many impatient clients do at once, and remembers what it was told.
//
// It promises that a seed draws the same actions for each client, that every write carries an
// idempotency key and is repeated under it until its outcome is known, and that all of it is recorded
// on one clock. It refuses to call an outcome known that is not: what has no answer stays open until
// Settle. Read Config and Load first.
package workload

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/internal/history"
)

// Config describes a load.
type Config struct {
	Seed uint64
	// Clients act side by side; default 12.
	Clients int
	// Stock is the number of SKUs that are only counted and adjusted, Goods of those that are sold
	// too; default 4 and 3.
	Stock, Goods int
	// Cores are the nodes, Token opens them and Staff is the token of a merchandiser.
	Cores []coreclient.Node
	Token string
	Staff string
	// Pause is the mean time between two actions of a client; default 4 ms.
	Pause time.Duration
	// Dial replaces net.DialTimeout("tcp", …).
	Dial func(addr string, timeout time.Duration) (net.Conn, error)
	// TLS gives the configuration for a connection to the core with that id; nil: plain TCP.
	TLS func(id string) *tls.Config
	// Recorder gets every operation.
	Recorder *history.Recorder
}

// How patient a client is. A write that takes longer has an open outcome and is repeated.
const (
	writeTimeout   = time.Second
	slowTimeout    = 3 * time.Second
	readTimeout    = time.Second
	attemptTimeout = 300 * time.Millisecond
)

// edges is how many clients of the cores there are, as if each were an edge.
const edges = 3

// Load is a set of clients with what they know.
type Load struct {
	cfg    Config
	edges  []*coreclient.Client
	direct *Direct
	stock  []string
	goods  []string

	mu       sync.Mutex // guards what follows
	deeds    []*deed    // answered
	open     []*deed
	orders   []placed
	stats    Stats
	problems []string
	acked    []time.Duration // when writes were answered
}

// Stats counts operations.
type Stats struct {
	Done    int // answered
	Refused int // certainly without effect
	Unknown int // repeated at least once because an answer was missing
}

// placed is an order that was acknowledged.
type placed struct{ id, key string }

// New makes a load; nothing is sent yet.
func New(cfg Config) (*Load, error) {
	def := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	def(&cfg.Clients, 12)
	def(&cfg.Stock, 4)
	def(&cfg.Goods, 3)
	if cfg.Pause == 0 {
		cfg.Pause = 4 * time.Millisecond
	}
	l := &Load{cfg: cfg, direct: NewDirect(cfg.Token, cfg.Staff, cfg.Dial, cfg.TLS)}
	for i := range edges {
		c, err := coreclient.New(coreclient.Config{Nodes: cfg.Cores, Token: cfg.Token, Edge: fmt.Sprintf("edge-%d", i), Dial: cfg.Dial, TLS: cfg.TLS,
			ReadTimeout: readTimeout, WriteTimeout: writeTimeout, SlowTimeout: slowTimeout, AttemptTimeout: attemptTimeout, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		l.edges = append(l.edges, c)
	}
	for i := range cfg.Stock {
		l.stock = append(l.stock, fmt.Sprintf("STOCK-%d", i))
	}
	for i := range cfg.Goods {
		l.goods = append(l.goods, fmt.Sprintf("GOODS-%d", i))
	}
	return l, nil
}

// Close closes the connections.
func (l *Load) Close() {
	for _, c := range l.edges {
		_ = c.Close()
	}
	l.direct.Close()
}

// Prepare makes the products, and puts goods on the shelf.
func (l *Load) Prepare(ctx context.Context) error {
	p := api.StaffProduct{Handle: "chaos", Title: "Chaos", Status: "active"}
	for _, sku := range append(append([]string{}, l.stock...), l.goods...) {
		p.Variants = append(p.Variants, api.StaffVariant{SKU: sku, Title: sku, Options: map[string]string{"Kind": sku}, Prices: map[string]int64{"EUR": 500}})
	}
	p.Options = []api.Option{{Name: "Kind", Values: append(append([]string{}, l.stock...), l.goods...)}}
	for {
		_, _, err := coreclient.Do(ctx, l.edges[0], api.StaffProductPut, api.PutProduct{Product: p}, l.staff("prepare"))
		if err == nil {
			break
		}
		if e := api.AsError(err); !e.Transient() || ctx.Err() != nil {
			return fmt.Errorf("make the products: %w", err)
		}
	}
	for i, sku := range l.goods {
		l.act(ctx, l.adjust(visitor{n: l.cfg.Clients, edge: l.edges[0]}, sku, 40, fmt.Sprintf("shelf-%d", i)))
	}
	return nil
}

// visitor is one client while it acts.
type visitor struct {
	n    int
	edge *coreclient.Client
	rng  *rand.Rand
}

// Run lets every client act until ctx ends, and waits for the last answers.
func (l *Load) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range l.cfg.Clients {
		wg.Go(func() {
			v := visitor{i, l.edges[i%edges], rand.New(rand.NewPCG(l.cfg.Seed, uint64(i)))}
			for n := 0; ctx.Err() == nil; n++ {
				l.step(ctx, v, fmt.Sprintf("%d-%d", i, n))
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(v.rng.ExpFloat64() * float64(l.cfg.Pause))):
				}
			}
		})
	}
	wg.Wait()
}

// step draws one action. The draws of an action do not depend on answers, so that a seed draws the same.
func (l *Load) step(ctx context.Context, v visitor, key string) {
	stock, goods := l.stock[v.rng.IntN(len(l.stock))], l.goods[v.rng.IntN(len(l.goods))]
	delta, count, node := v.rng.Int64N(11)-4, v.rng.Int64N(40), v.rng.IntN(len(l.cfg.Cores))
	quantity, token, pick := 1+v.rng.Int64N(3), "tok_ok", v.rng.Uint64()
	if v.rng.IntN(8) == 0 {
		token = "tok_declined"
	}
	switch p := v.rng.IntN(100); {
	case p < 34:
		l.act(ctx, l.adjust(v, stock, delta, key))
	case p < 39:
		l.act(ctx, l.set(v, stock, count, key))
	case p < 54:
		l.read(ctx, v, stock)
	case p < 60:
		l.read(ctx, v, goods)
	case p < 68:
		l.readAt(ctx, v, stock, l.cfg.Cores[node])
	case p < 72:
		l.act(ctx, l.adjust(v, goods, 1+quantity, key))
	case p < 88:
		l.buy(ctx, v, goods, quantity, token, key)
	case p < 94:
		l.look(ctx, v, pick)
	default:
		l.fulfil(ctx, v, pick, key)
	}
}

// Stats are the counts so far.
func (l *Load) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Problems are answers that can be seen to be wrong by themselves.
func (l *Load) Problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.problems...)
}

func (l *Load) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.problems) < 100 {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}

// Outage is the longest time between two answers to writes that overlaps with the time from a moment on.
func (l *Load) Outage(from time.Duration) (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last time.Duration
	for _, at := range l.acked { // in order: added under the lock
		if at > from {
			longest = max(longest, at-last)
		}
		last = at
	}
	return longest
}

// SKU is one of those that are only counted and adjusted.
func (l *Load) SKU(i int) string { return l.stock[i%len(l.stock)] }

// Edge is one of the clients' clients.
func (l *Load) Edge() *coreclient.Client { return l.edges[0] }

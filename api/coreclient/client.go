package coreclient

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"meridian/api"
)

// Node is one core.
type Node struct {
	ID     string // as the core calls itself, and as it names a leader
	Region string
	Addr   string // host:port of its API
}

// Config says where the cores are and how patient the client is.
type Config struct {
	// Nodes are the cores, at least one.
	Nodes []Node
	// Region is where this client is: nodes of the same region are asked first.
	Region string
	// Token authenticates the edge to the cores.
	Token string
	// TLS gives the configuration for a connection to the core with that id; it is asked for each
	// connection. Nil: plain TCP.
	TLS func(id string) *tls.Config
	// Edge names this edge; it accompanies calls that name none.
	Edge string
	// ReadTimeout, WriteTimeout and SlowTimeout bound calls whose context has no nearer deadline.
	// Defaults: 3 s, 6 s and 25 s.
	ReadTimeout, WriteTimeout, SlowTimeout time.Duration
	// AttemptTimeout bounds one attempt at one node, so that a frozen node does not eat the whole
	// deadline. Default 1.5 s; slow calls and changes of a leader take four times as much.
	AttemptTimeout time.Duration
	// RTT is a delay to add to calls from one region to another, half before and half after; for
	// demonstrations of distance. Nil: none.
	RTT func(from, to string) time.Duration
	// MaxResponse bounds an answer in bytes. Default 32 MiB.
	MaxResponse int
	// MaxConns bounds the connections to one node. Default 512.
	MaxConns int
	// FrameCalls is how many writes share a frame, FramesInFlight how many frames are on their way to
	// a node at once, Queue how many writes wait for a frame before further ones are refused as
	// overloaded. Defaults: 64, 8 and 4096.
	FrameCalls, FramesInFlight, Queue int
	// Dial replaces net.DialTimeout("tcp", …).
	Dial func(addr string, timeout time.Duration) (net.Conn, error)
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

func (c *Config) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&c.ReadTimeout, 3*time.Second)
	def(&c.WriteTimeout, 6*time.Second)
	def(&c.SlowTimeout, 25*time.Second)
	def(&c.AttemptTimeout, 1500*time.Millisecond)
	num(&c.MaxResponse, 32<<20)
	num(&c.MaxConns, 512)
	num(&c.FrameCalls, 64)
	num(&c.FramesInFlight, 8)
	num(&c.Queue, 4096)
	if c.RTT == nil {
		c.RTT = func(string, string) time.Duration { return 0 }
	}
	if c.Dial == nil {
		c.Dial = func(addr string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", addr, timeout)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// Client calls a set of cores. It is safe for use by many goroutines.
type Client struct {
	cfg    Config
	nodes  []*node // those of the configuration, nearest first
	found  found   // those that joined later
	leader atomic.Pointer[node]
	turn   atomic.Uint32
	// horizon is what every healthy core has reached by now.
	horizon horizon
	hedges  hedges
	breaker breaker
	closed  chan struct{}
	closing sync.Once
}

// New makes a client. It opens no connection yet. Close ends what it does in the background.
func New(cfg Config) (*Client, error) {
	if len(cfg.Nodes) == 0 {
		return nil, errors.New("coreclient: no nodes; give at least one core address")
	}
	cfg.setDefaults()
	c := &Client{cfg: cfg, closed: make(chan struct{})}
	seen := map[string]bool{}
	for _, n := range cfg.Nodes {
		if n.ID == "" || n.Addr == "" {
			return nil, fmt.Errorf("coreclient: node %+v needs an id and an address", n)
		}
		if seen[n.ID] {
			return nil, fmt.Errorf("coreclient: node id %q is given twice", n.ID)
		}
		seen[n.ID] = true
		c.nodes = append(c.nodes, newNode(&c.cfg, n))
	}
	sort.SliceStable(c.nodes, func(i, j int) bool { return c.distance(c.nodes[i]) < c.distance(c.nodes[j]) })
	go c.check()
	return c, nil
}

func (c *Client) distance(n *node) time.Duration {
	if n.Region == c.cfg.Region {
		return -1
	}
	return c.cfg.RTT(c.cfg.Region, n.Region)
}

// Close closes idle connections. Calls that are running end by their deadlines.
func (c *Client) Close() error {
	c.closing.Do(func() { close(c.closed) })
	for _, n := range c.all() {
		n.http.CloseIdleConnections()
	}
	return nil
}

// Hedged reports how many reads were asked of a second node since the start.
func (c *Client) Hedged() uint64 {
	c.hedges.mu.Lock()
	defer c.hedges.mu.Unlock()
	return c.hedges.taken
}

// Healthy reports how many of the configured cores are not ejected after failures.
func (c *Client) Healthy() int {
	count := 0
	for _, n := range c.nodes {
		if !n.ejected(time.Now()) {
			count++
		}
	}
	return count
}

// Do makes one call. The error is nil or an *api.Error; the Meta is filled as far as an answer came,
// also beside an error.
func Do[Req, Resp any](ctx context.Context, c *Client, ep api.Endpoint[Req, Resp], req Req, call api.Call) (Resp, api.Meta, error) {
	var resp Resp
	body, err := json.Marshal(req)
	if err != nil {
		return resp, api.Meta{}, api.Internal(fmt.Errorf("encode %s: %w", ep.Name, err))
	}
	timeout := c.cfg.ReadTimeout
	switch {
	case ep.Slow:
		timeout = c.cfg.SlowTimeout
	case ep.Kind != api.Read:
		timeout = c.cfg.WriteTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if call.Edge == "" {
		call.Edge = c.cfg.Edge
	}
	k := &outgoing{name: ep.Name, kind: ep.Kind, slow: ep.Slow, call: call, body: body}
	k.compact, _ = any(req).(api.Compact)
	r, err := c.call(ctx, k)
	return decode[Resp](r, err, ep.Name, call.RequestID)
}

func (c *Client) call(ctx context.Context, k *outgoing) (reply, error) {
	if k.kind == api.Read {
		if g, _ := ctx.Value(gatheringKey{}).(*gathering); g != nil && !k.slow {
			return g.read(ctx, c, k)
		}
		return c.read(ctx, k)
	}
	return c.lead(ctx, k)
}

func decode[Resp any](r reply, err error, name, requestID string) (Resp, api.Meta, error) {
	var resp Resp
	meta := api.Meta{Index: r.index, Replay: r.replay, Status: r.status}
	if err != nil {
		return resp, meta, err
	}
	if r.status >= 400 {
		return resp, meta, r.problem(requestID)
	}
	if r.compact {
		p, ok := any(&resp).(api.CompactParser)
		if !ok {
			return resp, meta, api.Internal(fmt.Errorf("decode %s: it has no compact form", name))
		}
		if err := p.ParseCompact(string(r.body)); err != nil {
			return resp, meta, api.Internal(fmt.Errorf("decode %s: %w", name, err))
		}
		return resp, meta, nil
	}
	if len(r.body) > 0 {
		if err := jsonv2.Unmarshal(r.body, &resp); err != nil { // takes half as long: pages are made of long texts
			return resp, meta, api.Internal(fmt.Errorf("decode %s: %w", name, err))
		}
	}
	return resp, meta, nil
}

package coreclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
	"meridian/internal/pause"
)

// A node is ejected after ejectAfter failures in a row, at first for ejectMin, doubling to ejectMax.
const (
	ejectAfter = 3
	ejectMin   = 250 * time.Millisecond
	ejectMax   = 4 * time.Second
	suspectFor = 300 * time.Millisecond
)

// errNotSent wraps failures that happened before any byte of the call left: the call did not happen.
var errNotSent = errors.New("not sent")

// node is one core with its connections, its health and its frames.
type node struct {
	Node
	cfg    *Config
	http   *fasthttp.HostClient
	frames *framer
	base   string
	hints  hinter
	late   lateness

	mu    sync.Mutex // guards what follows
	fails int
	until time.Time
	// failedAt is when the last failure was noticed.
	failedAt time.Time
}

func newNode(cfg *Config, n Node) *node {
	nd := &node{Node: n, cfg: cfg, base: "http://" + n.Addr + "/v1/"}
	nd.http = &fasthttp.HostClient{
		Addr:                n.Addr,
		Name:                "meridian-edge",
		MaxConns:            cfg.MaxConns,
		MaxConnWaitTimeout:  cfg.AttemptTimeout,
		MaxIdleConnDuration: 30 * time.Second,
		ReadBufferSize:      16 << 10,
		MaxResponseBodySize: cfg.MaxResponse,
		// Retries are ours to decide: only we know which calls may be repeated.
		MaxIdemponentCallAttempts: 1,
		RetryIfErr:                func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
		DialTimeout:               nd.dial,
	}
	nd.frames = &framer{node: nd}
	return nd
}

// dialMax bounds making a connection, the TLS handshake included.
const dialMax = time.Second

// dial connects to the node. The TLS handshake is part of it, so that a node which is not the one it
// should be has seen nothing of the call.
func (n *node) dial(addr string, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 || timeout > dialMax {
		timeout = dialMax
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c, err := n.cfg.Dial(addr, timeout)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	if n.cfg.TLS == nil {
		return c, nil
	}
	t := tls.Client(c, n.cfg.TLS(n.ID))
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w: TLS with %s at %s: %w", errNotSent, n.ID, addr, err)
	}
	return t, nil
}

func (n *node) ejected(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fails >= ejectAfter && now.Before(n.until)
}

// admit reports whether a call may go to the node before others. When an ejection is over, one call
// probes the node, and the others stay away until it is known how that went.
func (n *node) admit(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails < ejectAfter {
		return true
	}
	if now.Before(n.until) {
		return false
	}
	n.until = now.Add(n.cfg.AttemptTimeout)
	return true
}

// due reports, once, that an ejection is over and nobody has tried the node since.
func (n *node) due(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails < ejectAfter || now.Before(n.until) {
		return false
	}
	n.until = now.Add(n.cfg.AttemptTimeout)
	return true
}

// suspect reports whether an exchange with the node has just failed. It is forgotten soon: a leader
// that was only slow must be found again.
func (n *node) suspect(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fails > 0 && now.Sub(n.failedAt) < suspectFor
}

func (n *node) succeeded() {
	n.mu.Lock()
	n.fails, n.until = 0, time.Time{}
	n.mu.Unlock()
}

// failed counts a failure. A node that froze is ejected at once: each further call would wait for it
// as long.
func (n *node) failed(froze bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails++
	n.failedAt = time.Now()
	if froze {
		n.fails = max(n.fails, ejectAfter)
	}
	if n.fails < ejectAfter {
		return
	}
	d := min(ejectMax, ejectMin<<min(n.fails-ejectAfter, 10))
	n.until = time.Now().Add(d/2 + rand.N(d))
}

// delay sleeps half the configured distance to the node.
func (n *node) delay(ctx context.Context) error {
	if n.Region == n.cfg.Region {
		return nil
	}
	return pause.For(ctx, n.cfg.RTT(n.cfg.Region, n.Region)/2)
}

// attempt is how long one try at this node may take.
func (n *node) attempt(slow bool) time.Duration {
	d := n.cfg.AttemptTimeout
	if slow {
		d *= 4
	}
	if n.Region != n.cfg.Region {
		d += n.cfg.RTT(n.cfg.Region, n.Region)
	}
	return d
}

// post sends one call to this node. An error means no answer; errors.Is(err, errNotSent) that the
// node cannot have seen it.
func (n *node) post(ctx context.Context, k *outgoing) (reply, error) {
	limit := n.attempt(k.slow)
	if k.limit > 0 {
		limit = k.limit + limit - n.cfg.AttemptTimeout
	}
	return n.exchange(ctx, k.name, k.kind == api.Read && !k.slow, limit, k.body, func(h *fasthttp.RequestHeader) {
		if k.call.Key != "" {
			h.Set(api.HeaderKey, k.call.Key)
		}
		if k.call.Credential != "" {
			h.Set(api.HeaderCredential, k.call.Credential)
		}
		if !k.call.Min.IsZero() {
			h.Set(api.HeaderMin, k.call.Min.String())
		}
		if k.call.RequestID != "" {
			h.Set(api.HeaderRequestID, k.call.RequestID)
		}
		if k.call.Edge != "" {
			h.Set(HeaderEdge, k.call.Edge)
		}
		if k.form != "" {
			h.SetContentType(k.form)
		}
	})
}

// blame decides whether a failed exchange speaks against the node. A caller that went away or left
// it hardly any time says nothing about it. quick: the call asks for nothing that a healthy node
// could be waiting for, such as a quorum.
func (n *node) blame(ctx context.Context, err error, quick bool, took time.Duration) {
	late := errors.Is(err, fasthttp.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
	case !late || errors.Is(err, errNotSent):
		// The connections of the pool broke together: the process behind them is gone.
		n.http.CloseIdleConnections()
		n.failed(false)
	case took >= n.cfg.AttemptTimeout/2:
		n.failed(quick)
	}
}

// HeaderEdge names the calling edge to the core.
const HeaderEdge = "X-Meridian-Edge"

func (n *node) exchange(ctx context.Context, name string, quick bool, limit time.Duration, body []byte, head func(*fasthttp.RequestHeader)) (reply, error) {
	if err := n.delay(ctx); err != nil {
		return reply{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	now := time.Now()
	until := now.Add(limit)
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = until
	}
	if left := deadline.Sub(now); left <= 0 {
		return reply{}, fmt.Errorf("%w: %w", errNotSent, context.DeadlineExceeded)
	}
	if deadline.Before(until) {
		until = deadline
	}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(n.base + name)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/json")
	req.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+n.cfg.Token)
	req.Header.Set(api.HeaderDeadline, strconv.FormatInt(max(1, deadline.Sub(now).Milliseconds()), 10))
	head(&req.Header)
	req.SetBodyRaw(body)
	if err := n.http.DoDeadline(req, resp, until); err != nil {
		if errors.Is(err, fasthttp.ErrNoFreeConns) {
			err = fmt.Errorf("%w: %w", errNotSent, err)
		}
		n.blame(ctx, err, quick, time.Since(now))
		n.hintTLS(err)
		return reply{}, fmt.Errorf("%s at %s: %w", name, n.ID, err)
	}
	if len(resp.Header.Peek(api.HeaderClusterToken)) > 0 {
		n.failed(false)
		return reply{}, fmt.Errorf("%s at %s: %w", name, n.ID, n.refusesToken())
	}
	n.succeeded()
	r := reply{
		status: resp.StatusCode(),
		replay: string(resp.Header.Peek(api.HeaderReplay)) == "true",
		leader: string(resp.Header.Peek(api.HeaderLeader)),
		body:   append([]byte(nil), resp.Body()...),
	}
	var err error
	if r.index, err = api.ParseIndex(string(resp.Header.Peek(api.HeaderIndex))); err != nil {
		return reply{}, fmt.Errorf("%s at %s: %w", name, n.ID, err)
	}
	if err := n.delay(ctx); err != nil {
		return reply{}, fmt.Errorf("%s at %s: the answer came too late: %w", name, n.ID, err)
	}
	return r, nil
}

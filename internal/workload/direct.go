package workload

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
)

// Direct talks to one node and follows nobody: for questions about that very node.
type Direct struct {
	token, staff string
	dial         func(addr string, timeout time.Duration) (net.Conn, error)
	tls          func(id string) *tls.Config
	http         *http.Client

	mu    sync.Mutex
	nodes map[string]string // id by address
}

// NewDirect makes a client. Dial and the TLS configuration for a node may be nil.
func NewDirect(token, staff string, dial func(addr string, timeout time.Duration) (net.Conn, error), secure func(id string) *tls.Config) *Direct {
	if dial == nil {
		dial = func(addr string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", addr, timeout)
		}
	}
	d := &Direct{token: token, staff: staff, dial: dial, tls: secure, nodes: map[string]string{}}
	d.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, DialContext: d.connect}}
	return d
}

// connect dials a node, and makes sure who it is.
func (d *Direct) connect(ctx context.Context, _, addr string) (net.Conn, error) {
	c, err := d.dial(addr, time.Second)
	if err != nil || d.tls == nil {
		return c, err
	}
	d.mu.Lock()
	id := d.nodes[addr]
	d.mu.Unlock()
	secure := tls.Client(c, d.tls(id))
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return secure, nil
}

// Close closes idle connections.
func (d *Direct) Close() { d.http.CloseIdleConnections() }

// Ask makes one call at a node. Refusals are *api.Error.
func Ask[Req, Resp any](ctx context.Context, d *Direct, n coreclient.Node, ep api.Endpoint[Req, Resp], req Req) (out Resp, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return out, err
	}
	d.mu.Lock()
	d.nodes[n.Addr] = n.ID
	d.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.Addr+"/v1/"+ep.Name, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set(api.HeaderCredential, "staff:"+d.staff)
	if until, ok := ctx.Deadline(); ok {
		r.Header.Set(api.HeaderDeadline, fmt.Sprint(max(1, time.Until(until).Milliseconds())))
	}
	resp, err := d.http.Do(r)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return out, err
	}
	if resp.StatusCode >= 400 {
		e := &api.Error{}
		if err := json.Unmarshal(b, e); err != nil || e.Code == "" {
			return out, fmt.Errorf("%s answered %d: %.200q", n.ID, resp.StatusCode, b)
		}
		return out, e
	}
	return out, json.Unmarshal(b, &out)
}

// Stock reads a stock level at one node, exactly.
func (d *Direct) Stock(ctx context.Context, n coreclient.Node, sku string) (api.StockLevel, error) {
	return Ask(ctx, d, n, api.StockGet, api.StockQuery{SKU: sku})
}

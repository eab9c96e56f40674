// Package payments is the shop's side of the payment provider: an HTTP client that implements
// core.Payments.
//
// It promises that an error means "the outcome is unknown, ask again with the same key", that a
// decline is a result, and that a provider which does not answer is left alone for a while instead
// of holding every checkout. It refuses to repeat a call by itself: the key was replicated by the
// caller, who knows when to ask again. Read Client and ErrUnavailable first.
package payments

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"

	"meridian/core"
)

var (
	// ErrUnavailable says that the provider was not asked, because it failed too often just now.
	// Nothing happened there.
	ErrUnavailable = fmt.Errorf("the payment provider is not available: %w", core.ErrPaymentsNotAsked)
	// ErrRefused says that the provider understood and refused; asking again will not help.
	ErrRefused = core.ErrPaymentsRefused
)

// Config of a Client.
type Config struct {
	// URL of the provider, such as http://127.0.0.1:8150. Required.
	URL string
	// Timeout bounds each call. Default 3 s.
	Timeout time.Duration
	// Failures in a row that open the breaker. Default 8.
	Failures uint32
	// OpenFor is how long an open breaker waits before it tries one call. Default 2 s.
	OpenFor time.Duration
	// MaxConns bounds the connections to the provider; calls beyond it wait. Default 256.
	MaxConns int
	// Logger default slog.Default().
	Logger *slog.Logger
}

// Client talks to the provider. It is safe for concurrent use.
type Client struct {
	cfg     Config
	base    *url.URL
	http    *http.Client
	breaker *gobreaker.CircuitBreaker[answer]
}

var _ core.Payments = (*Client)(nil)

// answerBytes is more than any answer of the provider about a charge, or a page of them.
const answerBytes = 256 << 10

// New checks the configuration; it does not call the provider.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("payments: %q is no URL of a provider; give one such as https://payments.example", cfg.URL)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 3*time.Second)
	cfg.Failures = cmp.Or(cfg.Failures, 8)
	cfg.OpenFor = cmp.Or(cfg.OpenFor, 2*time.Second)
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 256)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &Client{cfg: cfg, base: base, http: &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
			MaxConnsPerHost:       cfg.MaxConns,
			MaxIdleConnsPerHost:   cfg.MaxConns,
			IdleConnTimeout:       time.Minute,
			TLSHandshakeTimeout:   cfg.Timeout,
			ResponseHeaderTimeout: cfg.Timeout,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.breaker = gobreaker.NewCircuitBreaker[answer](gobreaker.Settings{
		Name:        "payments",
		MaxRequests: 1,
		Timeout:     cfg.OpenFor,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= cfg.Failures },
		// A caller that gave up, and a request we could not build, say nothing about the provider.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			cfg.Logger.Warn("payment breaker changed", "from", from.String(), "to", to.String())
		},
	})
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Open reports whether the breaker refuses calls, for readiness and metrics.
func (c *Client) Open() bool { return c.breaker.State() == gobreaker.StateOpen }

// answer is a whole answer of the provider below 500.
type answer struct {
	status int
	body   []byte
}

// call makes one request through the breaker. Every error but ErrUnavailable leaves the outcome open.
func (c *Client) call(ctx context.Context, method string, body any, path ...string) (answer, error) {
	return c.ask(ctx, method, body, nil, path)
}

func (c *Client) ask(ctx context.Context, method string, body any, query url.Values, path []string) (answer, error) {
	a, err := c.breaker.Execute(func() (answer, error) { return c.roundTrip(ctx, method, body, query, path) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return answer{}, fmt.Errorf("payments: %w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return answer{}, fmt.Errorf("payments: outcome unknown: %w", err)
	}
	return a, nil
}

func (c *Client) roundTrip(ctx context.Context, method string, body any, query url.Values, path []string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(b)
	}
	target := strings.TrimSuffix(c.base.String(), "/")
	for _, p := range path {
		target += "/" + url.PathEscape(p)
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerBytes+1))
	switch {
	case err != nil:
		return answer{}, err
	case len(b) > answerBytes:
		return answer{}, fmt.Errorf("an answer of more than %d bytes", answerBytes)
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return answer{}, fmt.Errorf("status %d", res.StatusCode)
	}
	return answer{status: res.StatusCode, body: b}, nil
}

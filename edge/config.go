package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/api"
)

// Config sets up a Server.
type Config struct {
	// ID names this edge to the core and in Cache-Status, e.g. edge-eu. Required.
	ID string
	// Region is shown in X-Region and selects nothing here. Required.
	Region string
	// Locale is what prices are shown in. Default EUR, DE.
	Locale api.Locale
	// Addr is where to listen, host:port; port 0 picks one. Default 127.0.0.1:8080.
	Addr string
	// HTTPS is a listener with TLS beside it. Default: none, TLS is spoken in front.
	HTTPS HTTPS
	// OpsAddr is where operations listen (metrics, health, pprof); empty: nowhere. Never public.
	OpsAddr string
	// Routes are the shop. Required.
	Routes []Route
	// Secret signs the cookies; every edge of a shop has the same. At least 16 bytes. Required.
	Secret []byte
	// ErrorPage renders a page of the shop for a refusal. Nil: everyone gets problem documents.
	// The request may be half read: only Method, Path, Region, Locale, HTML and Call are always set.
	ErrorPage func(r *Request, e *api.Error) (contentType string, body []byte)
	// Feed is where changes come from. Nil, or DisableFollower: the cache learns of no change.
	Feed            Feed
	DisableFollower bool
	// Cores counts the cores that answer, for /readyz. Nil: not asked.
	Cores func() int
	// Origins are further origins, like https://shop.example, whose pages may send forms here. The
	// host a request is for always may.
	Origins []string
	// Inherited are listening sockets, as Sockets names them, of the process that this one replaces; not nil
	// means that Succeed is called before Serve.
	Inherited map[string]net.Listener
	// TrustedProxies may name the client in ClientHeader, X-Forwarded-For by default; nobody else is believed.
	TrustedProxies []netip.Prefix
	ClientHeader   ClientHeader
	// ProxyProtocol are the networks whose connections begin with a PROXY protocol header, version 2, that names
	// the client; from elsewhere such a header is refused. Nil: nobody's do.
	ProxyProtocol []netip.Prefix
	// ProxyTimeout bounds how long such a header may take. Default 3 s.
	ProxyTimeout time.Duration

	// CacheBytes bounds the cache. Default 256 MiB. MaxEntry bounds one answer in it. Default 16 MiB.
	CacheBytes, MaxEntry int64
	// TTL is how long an answer is fresh when its handler gives no TTL. Default 1 h.
	TTL time.Duration
	// StaleMax is how long after that it is shown when the core fails. Default 24 h.
	StaleMax time.Duration
	// NegativeTTL is how long a 404 is remembered. Default 5 s.
	NegativeTTL time.Duration
	// WarmFile is where the addresses that are used most are written down every minute and at the end, to be fetched at the
	// next start. Empty: nowhere.
	WarmFile string
	// MaxEpochs bounds the tags whose last change is remembered. Default 100,000.
	MaxEpochs int
	// MaxWaiting bounds the requests that wait for one fill. Default 10,000.
	MaxWaiting int

	// ReadTimeout, WriteTimeout and IdleTimeout bound a request's arrival (of a connection's first one together
	// with the TLS handshake), an answer's departure and a silent connection. Defaults 10 s, 30 s and 60 s. Routes with bodies over 1 MiB get 60 s to arrive.
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// MaxServed bounds the requests of single clients that are served at once: so many that buy (carts, checkout), and so many of all
	// others. MaxFills bounds the pages that are fetched at once. More wait for a moment, and then get 503, or the page as it was. Defaults 512 and 128.
	MaxServed, MaxFills int
	// Limits bound how often one client may ask for what the cache does not answer. Clients of the networks Unlimited
	// are not bound; default: none.
	Limits    Limits
	Unlimited []netip.Prefix
	// MaxConnsPerIP bounds the connections of one address, which with ProxyProtocol is the client's. Behind a proxy
	// that writes ClientHeader all its clients share it. Default 1000.
	MaxConnsPerIP int
	// Concurrency bounds the connections that are served at each listener, plain and TLS. Default 50,000.
	Concurrency int
	// DrainTimeout bounds how long Close waits for running requests. Default 10 s.
	DrainTimeout time.Duration
	// LogSample logs one of so many answers; failures are always logged. Default 100.
	LogSample uint64

	// Registry takes the metrics. Default: one of the server's own.
	Registry *prometheus.Registry
	// Logger defaults to slog.Default().
	Logger *slog.Logger

	// ignoreEpochs switches the epoch check off; the test that must then see stale hits sets it.
	ignoreEpochs bool
	// longWay switches the short cut off, for the test that holds the two against each other.
	longWay bool
}

// Feed is where an edge learns what changed. coreclient gives one, see CoreFeed.
type Feed interface {
	// Follow gives fn every batch from cursor on, with the time its poll took, until ctx ends.
	Follow(ctx context.Context, cursor api.Index, fn func(b api.FeedBatch, took time.Duration))
	// Ack says that everything up to cursor is applied here.
	Ack(ctx context.Context, cursor api.Index) error
	// Renew asks for the lease of a live edge, and tells where the leader was when it granted it.
	Renew(ctx context.Context, cursor api.Index) (api.Index, error)
}

func (c *Config) setDefaults() error {
	switch {
	case c.ID == "":
		return errors.New("edge: --id: name this edge, such as edge-eu")
	case !quotable(c.ID):
		return fmt.Errorf("edge: --id %q: use letters, digits, dots and dashes, starting with a letter", c.ID)
	case c.Region == "":
		return errors.New("edge: --region: name this edge's region, such as eu")
	case len(c.Secret) < 16:
		return errors.New("edge: --secret: give at least 16 bytes, the same on every edge")
	case c.HTTPS.Addr != "" && c.HTTPS.TLS == nil:
		return errors.New("edge: --https-addr: name certificates, too")
	case len(c.Routes) == 0:
		return errors.New("edge: no routes")
	}
	if c.WarmFile != "" {
		if info, err := os.Stat(filepath.Dir(c.WarmFile)); err != nil || !info.IsDir() {
			return fmt.Errorf("edge: --warm %s: make its directory first", c.WarmFile)
		}
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.StaleMax, 24 * time.Hour}, {&c.NegativeTTL, 5 * time.Second},
		{&c.ReadTimeout, 10 * time.Second}, {&c.WriteTimeout, 30 * time.Second}, {&c.IdleTimeout, time.Minute},
		{&c.DrainTimeout, 10 * time.Second},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	for _, n := range []struct {
		v   *int
		def int
	}{{&c.MaxEpochs, 100_000}, {&c.MaxWaiting, 10_000}, {&c.MaxServed, 512}, {&c.MaxFills, 128}, {&c.MaxConnsPerIP, 1000}, {&c.Concurrency, 50_000}} {
		if *n.v <= 0 {
			*n.v = n.def
		}
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 256 << 20
	}
	if c.MaxEntry <= 0 {
		c.MaxEntry = 16 << 20
	}
	if c.LogSample == 0 {
		c.LogSample = 100
	}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:8080"
	}
	if c.Locale.Currency == "" {
		c.Locale.Currency = "EUR"
	}
	if c.Locale.Country == "" {
		c.Locale.Country = "DE"
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

// quotable reports whether s may stand as a token in Cache-Status (RFC 8941).
func quotable(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' && s[i] != '.' && s[i] != '_') {
			return false
		}
	}
	return s != ""
}

// Package acme gets the shop's certificates from a certificate authority and renews them, by the ACME protocol
// (RFC 8555). It is the home of certmagic, which does the work.
//
// It promises that a listener which asks it for certificates, and answers its challenges, needs nobody to renew
// anything, and that several processes that share a directory share accounts, certificates and challenges. It
// refuses names that it was not given: nobody can make it ask for certificates. Read Certificates.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Protocol is the application protocol by which a CA asks a TLS listener (RFC 8737); a listener that speaks it
// needs no port 80.
const Protocol = "acme-tls/1"

// LetsEncrypt is the directory of the CA that is asked by default.
const LetsEncrypt = certmagic.LetsEncryptProductionCA

// Config says which certificates are wanted, and from whom.
type Config struct {
	Domains []string // the first is for clients that name none. Required
	Email   string   // the CA writes there before a certificate ends; empty: it cannot
	URL     string   // of the CA's directory. Default: Let's Encrypt
	Dir     string   // for the account, keys and certificates. Required
	// Roots are trusted for the CA's directory. Nil: the system's.
	Roots  *x509.CertPool
	Logger *slog.Logger // default: slog.Default()
}

// Certificates are those of a shop: New, Start when the listeners are open, Close.
type Certificates struct {
	domains []string
	dir     string
	issuer  *certmagic.ACMEIssuer
	magic   *certmagic.Config
	cache   *certmagic.Cache
	stop    context.CancelFunc
	log     *zap.Logger
}

// New prepares the directory. It asks nobody for anything yet.
func New(cfg Config) (*Certificates, error) {
	if len(cfg.Domains) == 0 {
		return nil, errors.New("no name is given to get a certificate for")
	}
	if cfg.URL == "" {
		cfg.URL = LetsEncrypt
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	c := &Certificates{domains: cfg.Domains, dir: cfg.Dir, log: zap.New(bridge{cfg.Logger})}
	c.cache = certmagic.NewCache(certmagic.CacheOptions{Logger: c.log,
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic, nil }})
	c.magic = certmagic.New(c.cache, certmagic.Config{Storage: &certmagic.FileStorage{Path: cfg.Dir}, Logger: c.log, DefaultServerName: cfg.Domains[0]})
	c.issuer = certmagic.NewACMEIssuer(c.magic, certmagic.ACMEIssuer{CA: cfg.URL, Email: cfg.Email, Agreed: true, TrustedRoots: cfg.Roots, Logger: c.log})
	c.magic.Issuers = []certmagic.Issuer{c.issuer}
	return c, nil
}

// loadWithin bounds how long Start waits for certificates that are in the directory.
const loadWithin = 3 * time.Second

// Start gets and renews certificates until Close. Both listeners are open, and are served soon: their addresses
// tell certmagic that somebody answers the CA there, where it would otherwise open listeners of its own. It
// returns when the certificates of an earlier process are in force.
func (c *Certificates) Start(plain, secure string) error {
	host, port, err := split(plain)
	if err != nil {
		return err
	}
	_, securePort, err := split(secure)
	if err != nil {
		return err
	}
	c.issuer.ListenHost, c.issuer.AltHTTPPort, c.issuer.AltTLSALPNPort = host, port, securePort
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	var stored []string
	for _, d := range c.domains {
		if c.magic.Storage.Exists(ctx, certmagic.StorageKeys.SiteCert(c.issuer.IssuerKey(), d)) {
			stored = append(stored, d)
		}
	}
	if err := c.magic.ManageAsync(ctx, c.domains); err != nil {
		return err
	}
	for end := time.Now().Add(loadWithin); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if !slices.ContainsFunc(stored, func(d string) bool { return len(c.cache.AllMatchingCertificates(d)) == 0 }) {
			break
		}
	}
	return nil
}

func split(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	return host, port, err
}

// Close stops asking. What the CA has begun is finished by the next process.
func (c *Certificates) Close() {
	if c.stop != nil {
		c.stop()
	}
	c.cache.Stop()
	certmagic.CleanUpOwnLocks(context.Background(), c.log)
}

// Certificate is the one for the name that a client asks for, or the answer to a CA.
func (c *Certificates) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Contains(hello.SupportedProtos, Protocol) && !c.ours(hello.ServerName) {
		return nil, fmt.Errorf("%q is not one of our names", hello.ServerName)
	}
	return c.magic.GetCertificate(hello)
}

// Challenge is the answer to what a CA asks for by HTTP, at a path below /.well-known/acme-challenge/.
func (c *Certificates) Challenge(host, path string) (answer []byte, ok bool) {
	if !c.ours(host) {
		return nil, false
	}
	w := recorder{header: http.Header{}}
	ok = c.issuer.HandleHTTPChallenge(&w, &http.Request{Method: http.MethodGet, Host: host, URL: &url.URL{Path: path}, Header: http.Header{}})
	return w.body, ok
}

// ours reports whether a host, with or without a port, is one of the names.
func (c *Certificates) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return slices.ContainsFunc(c.domains, func(d string) bool { return strings.EqualFold(d, host) })
}

// Expires is when each name's certificate ends; the zero time for a name that has none yet.
func (c *Certificates) Expires() map[string]time.Time {
	ends := map[string]time.Time{}
	for _, d := range c.domains {
		var last time.Time
		for _, cert := range c.cache.AllMatchingCertificates(d) {
			if cert.Leaf.NotAfter.After(last) {
				last = cert.Leaf.NotAfter
			}
		}
		ends[d] = last
	}
	return ends
}

// recorder keeps what certmagic's handler answers.
type recorder struct {
	header http.Header
	body   []byte
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter. The answer to a challenge is always 200.
func (r *recorder) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}

package main

import (
	"context"
	"crypto/x509"
	"flag"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/edge"
	"meridian/edge/acme"
	"meridian/edge/https"
	"meridian/internal/flagenv"
)

// httpsOptions are the settings of the listener with TLS towards shoppers. Those of the mutual TLS towards cores are
// --tls-…, see nodetls.
type httpsOptions struct {
	addr, certs, keys, domains string
	redirect                   bool
	acme                       acme.Config
	rootsFile                  string

	pairs      []https.Pair
	redirectTo string
}

func (h *httpsOptions) add(fs *flag.FlagSet) {
	fs.StringVar(&h.addr, "https-addr", "", "where the shop and its API answer with TLS 1.2 and 1.3, beside --addr; empty: TLS is spoken in front of this edge")
	fs.StringVar(&h.certs, "https-cert-file", "", "certificate for --https-addr with its chain, PEM, read again when it changes; several separated by commas")
	fs.StringVar(&h.keys, "https-key-file", "", "private key of --https-cert-file, PEM; several in the same order")
	fs.BoolVar(&h.redirect, "https-redirect", false, "send what is asked for at --addr to the https address, except on loopback hosts and behind --trusted-proxies")
	fs.StringVar(&h.domains, "acme-domains", "", "names, separated by commas, for which a certificate authority issues certificates by ACME, instead of --https-cert-file; naming any accepts its terms. It asks at port 80, which must lead to --addr, or at 443, which must lead to --https-addr")
	fs.StringVar(&h.acme.Email, "acme-email", "", "where the certificate authority writes to before a certificate ends")
	fs.StringVar(&h.acme.URL, "acme-url", acme.LetsEncrypt, "directory of the certificate authority")
	fs.StringVar(&h.rootsFile, "acme-ca-file", "", "CAs, PEM, that are trusted at --acme-url; empty: those of the system")
	fs.StringVar(&h.acme.Dir, "acme-dir", "data/edge/acme", "directory for the account, keys and certificates; edges that answer for the same names share it")
}

// publicURL is the shop's address as far as the settings tell, else plain.
func (h *httpsOptions) publicURL(plain string) string {
	switch first, _, _ := strings.Cut(h.domains, ","); {
	case h.addr == "":
		return plain
	case first != "":
		return "https://" + strings.TrimSpace(first)
	}
	return "https://" + h.addr
}

func (h *httpsOptions) check(publicURL string) error {
	if h.addr == "" {
		for _, f := range []struct {
			name  string
			given bool
		}{{"https-cert-file", h.certs != ""}, {"https-key-file", h.keys != ""}, {"https-redirect", h.redirect}, {"acme-domains", h.domains != ""}} {
			if f.given {
				return flagenv.Errorf(f.name, "is for --https-addr: name where the edge listens, such as --https-addr 0.0.0.0:443")
			}
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(h.addr); err != nil {
		return flagenv.Errorf("https-addr", "give host:port, such as 0.0.0.0:443")
	}
	if h.redirect {
		u, err := url.Parse(publicURL)
		if err != nil || u.Scheme != "https" {
			return flagenv.Errorf("https-redirect", "needs to know where to: give the shop's https address in --public-url, such as https://shop.example")
		}
		h.redirectTo = u.Host
	}
	switch {
	case h.domains != "" && h.certs != "":
		return flagenv.Errorf("acme-domains", "certificates come from files or from a certificate authority: give this or --https-cert-file")
	case h.domains != "":
		return h.checkACME()
	case h.certs == "":
		return flagenv.Errorf("https-addr", "has no certificate: give --https-cert-file and --https-key-file, or --acme-domains")
	}
	return h.checkFiles()
}

func (h *httpsOptions) checkFiles() error {
	certs, keys := strings.Split(h.certs, ","), strings.Split(h.keys, ",")
	if len(certs) != len(keys) || h.keys == "" {
		return flagenv.Errorf("https-key-file", "name one key for each certificate of --https-cert-file, in the same order")
	}
	for i, cert := range certs {
		h.pairs = append(h.pairs, https.Pair{Cert: strings.TrimSpace(cert), Key: strings.TrimSpace(keys[i])})
	}
	return nil
}

func (h *httpsOptions) checkACME() error {
	for _, d := range strings.Split(h.domains, ",") {
		d = strings.ToLower(strings.TrimSpace(d))
		_, ip := netip.ParseAddr(d)
		if ip == nil || !strings.Contains(d, ".") || strings.ContainsAny(d, "*:/@ ") {
			return flagenv.Errorf("acme-domains", "%q is not a name such as shop.example; certificates for * and for addresses come from files", d)
		}
		h.acme.Domains = append(h.acme.Domains, d)
	}
	if u, err := url.Parse(h.acme.URL); err != nil || u.Scheme != "https" || u.Host == "" {
		return flagenv.Errorf("acme-url", "give the https address of a directory, such as %s", acme.LetsEncrypt)
	}
	if h.rootsFile != "" {
		b, err := os.ReadFile(h.rootsFile)
		if err != nil {
			return flagenv.Errorf("acme-ca-file", "cannot be read: %v", err)
		}
		if h.acme.Roots = x509.NewCertPool(); !h.acme.Roots.AppendCertsFromPEM(b) {
			return flagenv.Errorf("acme-ca-file", "%s holds no certificate", h.rootsFile)
		}
	}
	return nil
}

// certificates are where the listener's come from: from files, from a certificate authority, or from nowhere, if
// there is no listener.
type certificates struct {
	opt   *httpsOptions
	files *https.Files
	acme  *acme.Certificates
	stop  func()
}

func (h *httpsOptions) open(log *slog.Logger) (*certificates, error) {
	c := &certificates{opt: h, stop: func() {}}
	var err error
	switch {
	case len(h.acme.Domains) > 0:
		h.acme.Logger = log
		if c.acme, err = acme.New(h.acme); err != nil {
			return nil, flagenv.Errorf("acme-dir", "%v", err)
		}
		c.stop = c.acme.Close
	case len(h.pairs) > 0:
		if c.files, err = https.Open(h.pairs, log); err != nil {
			return nil, flagenv.Errorf("https-cert-file", "%v", err)
		}
		c.stop = inBackground(context.Background(), c.files.Run)
	}
	return c, nil
}

// listener is the server's part, with a metric for the certificates' ends.
func (c *certificates) listener(registry *prometheus.Registry) (edge.HTTPS, error) {
	l := edge.HTTPS{Addr: c.opt.addr, Redirect: c.opt.redirectTo}
	switch {
	case c.acme != nil:
		l.TLS, l.Challenge = https.Config(c.acme.Certificate, acme.Protocol), c.acme.Challenge
		return l, registry.Register(ends(c.acme.Expires))
	case c.files != nil:
		l.TLS = https.Config(c.files.Certificate)
		return l, registry.Register(ends(c.files.Expires))
	}
	return l, nil
}

// start gets certificates, once the server's listeners are open.
func (c *certificates) start(server *edge.Server) error {
	if c.acme == nil {
		return nil
	}
	return c.acme.Start(server.Addr(), server.HTTPSAddr())
}

func (c *certificates) close() { c.stop() }

// ends shows to Prometheus when certificates end.
type ends func() map[string]time.Time

var endsDesc = prometheus.NewDesc("meridian_edge_https_certificate_expires_seconds", "Unix time at which a certificate of the TLS listener ends; 0: there is none yet.", []string{"name"}, nil)

// Describe implements prometheus.Collector.
func (ends) Describe(out chan<- *prometheus.Desc) { out <- endsDesc }

// Collect implements prometheus.Collector.
func (e ends) Collect(out chan<- prometheus.Metric) {
	for name, at := range e() {
		unix := 0.0
		if !at.IsZero() {
			unix = float64(at.Unix())
		}
		out <- prometheus.MustNewConstMetric(endsDesc, prometheus.GaugeValue, unix, name)
	}
}

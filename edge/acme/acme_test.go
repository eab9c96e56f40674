package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"meridian/edge"
	"meridian/edge/acme"
	"meridian/edge/https"
	"meridian/internal/loopback"
)

const name = "shop.example"

// authority is Pebble, Let's Encrypt's ACME server for tests: it asks at the ports given, on the addresses that its
// own DNS server tells, and issues what it could verify.
type authority struct {
	url    string
	trust  *x509.CertPool // for the directory
	issued *x509.CertPool // for what it issues
}

func newAuthority(t *testing.T, plain, secure string, validity time.Duration) authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(io.Discard, "", 0)
	dns, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	names, err := challtestsrv.New(challtestsrv.Config{Log: quiet, DNSAddrs: dns})
	if err != nil {
		t.Fatal(err)
	}
	names.SetDefaultDNSIPv4("127.0.0.1")
	names.SetDefaultDNSIPv6("")
	go names.Run()
	t.Cleanup(names.Shutdown)
	eventually(t, "names are told", func() bool {
		c, err := net.Dial("tcp", dns[0])
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	store := db.NewMemoryStore()
	ca := pebbleca.New(quiet, store, "", "ecdsa", 0, 1, map[string]pebbleca.Profile{"default": {ValidityPeriod: uint64(validity / time.Second)}})
	front := wfe.New(quiet, store, va.New(quiet, port(t, plain), port(t, secure), false, dns[0], store), ca, []string{"ca.example"}, false, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	a := authority{url: server.URL + wfe.DirectoryPath, trust: x509.NewCertPool(), issued: x509.NewCertPool()}
	a.trust.AddCert(server.Certificate())
	a.issued.AddCert(ca.GetRootCert(0).Cert)
	return a
}

func port(t *testing.T, addr string) int {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// shop is an edge that asks an authority for its certificate. Its certificates may be replaced, as by a successor.
type shop struct {
	server *edge.Server
	certs  *acme.Certificates
	dir    string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{dir: t.TempDir()}
	page := func(context.Context, *edge.Request) (*edge.Answer, error) {
		return &edge.Answer{ContentType: "text/plain", Body: []byte("hello")}, nil
	}
	var err error
	s.server, err = edge.NewServer(edge.Config{ID: "edge-1", Region: "eu", Addr: "127.0.0.1:0", Secret: []byte("0123456789abcdef"), Logger: slog.New(slog.DiscardHandler),
		Routes: []edge.Route{{Method: "GET", Pattern: "/", Handler: page}},
		HTTPS: edge.HTTPS{Addr: "127.0.0.1:0", Redirect: name,
			TLS:       https.Config(func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certs.Certificate(h) }, acme.Protocol),
			Challenge: func(host, path string) ([]byte, bool) { return s.certs.Challenge(host, path) }}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.server.Listen(); err != nil {
		t.Fatal(err)
	}
	return s
}

// ask makes the shop ask an authority for its certificate, or take up the one it has.
func (s *shop) ask(t *testing.T, a authority) {
	t.Helper()
	if s.certs != nil {
		s.certs.Close()
	}
	var err error
	s.certs, err = acme.New(acme.Config{Domains: []string{name}, Email: "ops@shop.example", URL: a.url, Dir: s.dir, Roots: a.trust, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.certs.Start(s.server.Addr(), s.server.HTTPSAddr()); err != nil {
		t.Fatal(err)
	}
}

// serve answers until the test ends.
func (s *shop) serve(t *testing.T) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- s.server.Serve() }()
	t.Cleanup(func() {
		if err := s.server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		s.certs.Close()
	})
}

// leaf is the certificate that a browser gets and believes.
func (s *shop) leaf(t *testing.T, a authority, at time.Time) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			c, err := tls.Dial("tcp", s.server.HTTPSAddr(), &tls.Config{ServerName: name, RootCAs: a.issued, Time: func() time.Time { return at }})
			if err == nil {
				leaf = c.ConnectionState().PeerCertificates[0]
			}
			return c, err
		}}}
	resp, err := client.Get("https://" + name + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "hello" {
		t.Errorf("%s: %q, %v", resp.Status, body, err)
	}
	return leaf
}

// TestCertificateFromACA: a certificate is issued when the CA reaches one of the two listeners, is used by the next
// process from its first moment on, and what was not asked for is not answered.
func TestCertificateFromACA(t *testing.T) {
	for _, way := range []string{"http-01", "tls-alpn-01"} {
		t.Run(way, func(t *testing.T) {
			s := newShop(t)
			nobody, err := loopback.Addresses(2)
			if err != nil {
				t.Fatal(err)
			}
			plain, secure := s.server.Addr(), nobody[1]
			if way == "tls-alpn-01" {
				plain, secure = nobody[0], s.server.HTTPSAddr()
			}
			a := newAuthority(t, plain, secure, 24*time.Hour)
			s.ask(t, a)
			if at := s.certs.Expires()[name]; !at.IsZero() {
				t.Fatalf("a certificate before anybody serves, that ends at %v", at)
			}
			s.serve(t)
			eventually(t, "a certificate is issued", func() bool { return !s.certs.Expires()[name].IsZero() })
			first := s.leaf(t, a, time.Now())
			if at := s.certs.Expires()[name]; !at.Equal(first.NotAfter) || time.Until(at) < 12*time.Hour {
				t.Errorf("it is said to end at %v, and does at %v", at, first.NotAfter)
			}
			s.ask(t, a)
			if again := s.leaf(t, a, time.Now()); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
				t.Error("the next process asked for another one")
			}
			for _, host := range []string{name, "other.example"} {
				if answer, ok := s.certs.Challenge(host, "/.well-known/acme-challenge/"+strings.Repeat("x", 43)); ok {
					t.Errorf("%s answers %q to a stranger", host, answer)
				}
			}
			for _, host := range []string{name, "other.example"} {
				if c, err := tls.Dial("tcp", s.server.HTTPSAddr(), &tls.Config{ServerName: host, NextProtos: []string{acme.Protocol}, InsecureSkipVerify: true}); err == nil {
					_ = c.Close()
					t.Errorf("%s proves itself to a stranger", host)
				}
			}
		})
	}
}

// TestCertificateIsRenewed: one that has ended is replaced, and served until then.
func TestCertificateIsRenewed(t *testing.T) {
	s := newShop(t)
	a := newAuthority(t, s.server.Addr(), s.server.HTTPSAddr(), 4*time.Second)
	s.ask(t, a)
	s.serve(t)
	eventually(t, "a certificate is issued", func() bool { return !s.certs.Expires()[name].IsZero() })
	first := s.certs.Expires()[name]
	eventually(t, "it ends", func() bool { return time.Now().After(first) })
	s.ask(t, a)
	eventually(t, "another one is issued", func() bool { return s.certs.Expires()[name].After(first) })
	if leaf := s.leaf(t, a, first.Add(time.Second)); !leaf.NotAfter.After(first) {
		t.Errorf("one is served that ended at %v", leaf.NotAfter)
	}
}

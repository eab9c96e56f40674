package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/internal/nodetls"
)

func newCSR(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := nodetls.NewCSR(key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func newToken(t testing.TB, a *Authority, role, name string) Token {
	t.Helper()
	tok, err := a.NewToken(nodetls.Identity{Role: role, Name: name}, time.Hour, NodeLife)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestTokenCountsOnce: of many who use one token at the same moment, in two programs, one gets a
// certificate; a third program that starts later finds it used.
func TestTokenCountsOnce(t *testing.T) {
	a := newCA(t)
	again, err := Open(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		tok, csr := newToken(t, a, "core", "core-4"), newCSR(t)
		var wg sync.WaitGroup
		var good, refused atomic.Int64
		start := make(chan struct{})
		for i := range 16 {
			program := []*Authority{a, again}[i%2]
			wg.Go(func() {
				<-start
				switch _, err := program.Sign(tok, csr); {
				case err == nil:
					good.Add(1)
				case errors.Is(err, ErrToken):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if good.Load() != 1 || refused.Load() != 15 {
			t.Fatalf("%d certificates, %d refusals for one token", good.Load(), refused.Load())
		}
		third, err := Open(a.dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := third.Sign(tok, csr); !errors.Is(err, ErrToken) {
			t.Fatalf("used again after a restart: %v", err)
		}
	}
	list, err := a.List()
	if err != nil || len(list) != 20 {
		t.Fatalf("%d certificates are recorded, 20 were made: %v", len(list), err)
	}
	seen := map[string]bool{}
	for _, i := range list {
		if seen[i.Serial] {
			t.Errorf("serial %s twice", i.Serial)
		}
		seen[i.Serial] = true
	}
}

func TestTokensThatDoNotCount(t *testing.T) {
	a := newCA(t)
	csr := newCSR(t)
	good := newToken(t, a, "core", "core-4")
	late := newToken(t, a, "core", "core-4")
	secret, elsewhere, name := good, good, good
	secret.Secret = strings.Repeat("0", 32)
	elsewhere.CA = fingerprint(newCA(t).cert)
	name.Name = "core-5" // what is written in the token does not matter: the CA's own record does
	for what, tok := range map[string]Token{"another secret": secret, "another CA": elsewhere, "an unknown one": {ID: "0000000000000000", CA: good.CA}} {
		if _, err := a.Sign(tok, csr); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	a.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if _, err := a.Sign(late, csr); !errors.Is(err, ErrToken) {
		t.Errorf("a token that has ended: %v", err)
	}
	a.now = time.Now

	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaCSR, err := nodetls.NewCSR(big)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sign(name, rsaCSR); err == nil || errors.Is(err, ErrToken) {
		t.Errorf("an RSA key: %v", err)
	}
	cert, err := a.Sign(name, csr) // the refused request did not cost the token
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := nodetls.IdentityOf(leaf); err != nil || id != good.Identity() {
		t.Errorf("the certificate is for %v: %v", id, err)
	}
	if leaf.IsCA || len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) > 0 || leaf.NotAfter.After(time.Now().Add(NodeLife+time.Minute)) {
		t.Errorf("%+v", leaf)
	}
	for _, id := range []nodetls.Identity{{Role: "ca", Name: "ca"}, {Role: "core", Name: "Core"}, {Role: "core", Name: "a.b"}, {Role: "operator", Name: "x"}, {Role: "core"}} {
		if _, err := a.NewToken(id, time.Hour, NodeLife); err == nil {
			t.Errorf("a token for %v", id)
		}
	}
}

// TestRequestNamesItselfInVain: names that a request asks for are not in its certificate.
func TestRequestNamesItselfInVain(t *testing.T) {
	a := newCA(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"core-1.core." + nodetls.Domain}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Sign(newToken(t, a, "edge", "edge-7"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	if len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != "edge-7.edge."+nodetls.Domain || len(leaf.IPAddresses) > 0 {
		t.Errorf("%v %v", leaf.DNSNames, leaf.IPAddresses)
	}
}

// serve runs a signing service and returns its address.
func serve(t *testing.T, a *Authority) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewService(a, silent).Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "https://" + ln.Addr().String()
}

// TestNewMachine gets a certificate with nothing but a token, and renews it before it ends.
func TestNewMachine(t *testing.T) {
	a := newCA(t)
	url := serve(t, a)
	dir := t.TempDir()
	f := nodetls.Files{Cert: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key"), CA: filepath.Join(dir, "ca.crt")}
	key, err := OwnKey(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := nodetls.NewCSR(key)
	if err != nil {
		t.Fatal(err)
	}
	tok := newToken(t, a, "core", "core-4")

	forged := tok
	forged.CA = fingerprint(newCA(t).cert)
	if _, _, err := Request(t.Context(), url, forged, csr); err == nil {
		t.Error("another CA's service was believed")
	}
	if _, _, err := Request(t.Context(), serve(t, newCA(t)), tok, csr); err == nil {
		t.Error("another CA's service was believed")
	}
	cert, root, err := Request(t.Context(), url, tok, csr)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Request(t.Context(), url, tok, csr); err == nil || !strings.Contains(err.Error(), "was used") {
		t.Errorf("the token counted twice: %v", err)
	}
	put(t, f.CA, root)
	put(t, f.Cert, cert)
	s := source(t, f)
	if err := s.Renew(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if s.Identity() != tok.Identity() {
		t.Error(s.Identity())
	}

	// One that is due is renewed without being asked.
	past := *a
	past.now = func() time.Time { return time.Now().Add(-50 * time.Minute) }
	reissue(t, &past, f, "core", "core-4", time.Hour)
	due := source(t, f)
	before := due.Expires()
	stop := due.KeepFresh(url)
	defer stop()
	eventually(t, "the certificate to be renewed", func() bool { return due.Expires().After(before.Add(30 * time.Minute)) })

	// A renewal is for who one is, and needs a certificate that is still good.
	if r, err := nodetls.Ask(t.Context(), insecure(), url, "renew", nodetls.SignRequest{CSR: csr}); err == nil {
		t.Errorf("renewed without a certificate: %+v", r)
	}
	reissue(t, newCAat(t, a, -48*time.Hour), f, "core", "core-4", time.Hour)
	old, err := os.ReadFile(f.Cert)
	if err != nil {
		t.Fatal(err)
	}
	present, err := ParseCertificate(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Renew(present, csr); err == nil {
		t.Error("an expired certificate was renewed")
	}
}

// newCAat is a CA whose clock is off.
func newCAat(t *testing.T, a *Authority, by time.Duration) *Authority {
	t.Helper()
	c := *a
	c.now = func() time.Time { return time.Now().Add(by) }
	return &c
}

// TestCABeginsOnce: a CA is never made over another.
func TestCABeginsOnce(t *testing.T) {
	a := newCA(t)
	if _, err := Init(a.dir); err == nil {
		t.Fatal("a CA was overwritten")
	}
	i, err := os.Stat(filepath.Join(a.dir, keyFile))
	if err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the CA's key is %v: %v", i.Mode(), err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "core ca init") {
		t.Error(err)
	}
}

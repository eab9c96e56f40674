package ca

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"meridian/internal/nodetls"
)

// csrMax bounds a request; one with a P-256 key has 400 bytes.
const csrMax = 16 << 10

// ParseCSR takes the public key out of a request (PEM), after the request proved that whoever made it
// has the private one. Everything else in it is ignored.
func ParseCSR(text string) (crypto.PublicKey, error) {
	if len(text) > csrMax {
		return nil, fmt.Errorf("the request is larger than %d bytes", csrMax)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("the request is not one PEM block CERTIFICATE REQUEST; core ca request makes it")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	if err := goodKey(r.PublicKey); err != nil {
		return nil, err
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the request is not signed by its own key: %w", err)
	}
	return r.PublicKey, nil
}

// Sign makes the certificate that a token is for. The request is read first, so that a broken one does
// not cost the token.
func (a *Authority) Sign(t Token, csr string) ([]byte, error) {
	public, err := ParseCSR(csr)
	if err != nil {
		return nil, err
	}
	rec, err := a.use(t)
	if err != nil {
		return nil, err
	}
	return a.Issue(public, nodetls.Identity{Role: rec.Role, Name: rec.Name}, time.Duration(rec.LifeSeconds)*time.Second, t.ID)
}

// Renew makes a certificate like the one a node has, for the life that one had. The caller has verified
// that the node holds its key.
func (a *Authority) Renew(present *x509.Certificate, csr string) ([]byte, error) {
	public, err := ParseCSR(csr)
	if err != nil {
		return nil, err
	}
	id, err := nodetls.IdentityOf(present)
	if err != nil {
		return nil, err
	}
	if id.Role == nodetls.RoleCA {
		return nil, errors.New("the signing service makes its own certificates")
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	if _, err := present.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: a.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return nil, fmt.Errorf("the present certificate is not good, so that it cannot be renewed; use a new token: %w", err)
	}
	life := present.NotAfter.Sub(present.NotBefore) - backdate
	return a.Issue(public, id, min(max(life, time.Minute), NodeLifeMax), "renewal")
}

// ParseCertificate reads one certificate out of PEM.
func ParseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("this holds no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// Package ca is the small certificate authority of a cluster: one directory that an operator keeps.
//
// It promises that a certificate is only made for the name and role that an operator wrote into a join
// token, that a token is used once, also by two programs at the same moment or across a crash, and that
// every serial number is on disk before its certificate leaves. It refuses keys other than ECDSA P-256
// and Ed25519, and takes nothing from a request but its public key. Read Authority and Token first.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"meridian/internal/durable"
	"meridian/internal/nodetls"
)

// The lives of certificates. A node's is short, since there is no list of revoked ones: a stolen key is
// of use until its certificate ends.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	NodeLife      = 90 * 24 * time.Hour
	NodeLifeMax   = 366 * 24 * time.Hour
	// backdate allows for a node whose clock is behind.
	backdate = 5 * time.Minute
)

// The files in the directory.
const (
	certFile   = "ca.crt"
	keyFile    = "ca.key"
	issuedFile = "issued.jsonl"
	tokenDir   = "tokens"
	usedDir    = "used"
)

// Authority is an open CA.
type Authority struct {
	dir  string
	cert *x509.Certificate
	pem  []byte
	key  crypto.Signer
	now  func() time.Time
}

// Init makes a CA in an empty or missing directory.
func Init(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return nil, errors.Join(err, fmt.Errorf("%s is not empty; a CA begins in a directory of its own", dir))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "meridian cluster CA"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{nodetls.Domain},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{tokenDir, usedDir} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	if err := writeKey(filepath.Join(dir, keyFile), key); err != nil {
		return nil, err
	}
	// The certificate last: a directory without one is no CA yet.
	if err := durable.WriteFile(filepath.Join(dir, certFile), pemOf("CERTIFICATE", der), 0o644); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Open opens the CA in a directory.
func Open(dir string) (*Authority, error) {
	text, err := os.ReadFile(filepath.Join(dir, certFile))
	if err != nil {
		return nil, fmt.Errorf("%w; core ca init --dir %s makes a CA", err, dir)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s in %s holds no certificate", certFile, dir)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := ReadKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s and %s in %s do not belong together", keyFile, certFile, dir)
	}
	return &Authority{dir: dir, cert: cert, pem: text, key: key, now: time.Now}, nil
}

// PEM is the CA's certificate, which every node trusts.
func (a *Authority) PEM() []byte { return a.pem }

// Expires is when the CA's own certificate ends.
func (a *Authority) Expires() time.Time { return a.cert.NotAfter }

// Issued is a line of the list of certificates.
type Issued struct {
	Serial   string    `json:"serial"`
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	At       time.Time `json:"at"`
	NotAfter time.Time `json:"not_after"`
	By       string    `json:"by"` // a token's id, "renewal" or "operator"
}

// Issue makes a certificate, as PEM, and records it. by says on whose word.
func (a *Authority) Issue(public crypto.PublicKey, id nodetls.Identity, life time.Duration, by string) ([]byte, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if life < time.Minute || life > NodeLifeMax {
		return nil, fmt.Errorf("a certificate lives 1m to %v, not %v", NodeLifeMax, life)
	}
	if err := goodKey(public); err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := a.now()
	end := now.Add(life)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: id.String()}, DNSNames: []string{id.DNSName()},
		NotBefore: now.Add(-backdate), NotAfter: end, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, err
	}
	if err := a.record(Issued{Serial: serial.Text(16), Name: id.Name, Role: id.Role, At: now.UTC(), NotAfter: end.UTC(), By: by}); err != nil {
		return nil, err
	}
	return pemOf("CERTIFICATE", der), nil
}

// record appends a line. One write of one line is whole also beside another program's.
func (a *Authority) record(i Issued) error {
	line, err := json.Marshal(i)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(a.dir, issuedFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("record serial %s: %w", i.Serial, err)
	}
	return nil
}

// List is every certificate that was made, oldest first.
func (a *Authority) List() ([]Issued, error) {
	f, err := os.Open(filepath.Join(a.dir, issuedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Issued
	for d := json.NewDecoder(f); d.More(); {
		var i Issued
		if err := d.Decode(&i); err != nil {
			return out, fmt.Errorf("%s: %w", issuedFile, err)
		}
		out = append(out, i)
	}
	return out, nil
}

func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] &= 0x7f // a serial is positive
	return new(big.Int).SetBytes(b), nil
}

func goodKey(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("the key is neither ECDSA P-256 nor Ed25519; core ca request makes a good one")
}

// fingerprint is what a token pins: SHA-256 over the CA's certificate.
func fingerprint(c *x509.Certificate) string {
	h := sha256.Sum256(c.Raw)
	return hex.EncodeToString(h[:])
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writeKey(name string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return durable.WriteFile(name, pemOf("PRIVATE KEY", der), 0o600)
}

// ReadKey reads a private key.
func ReadKey(name string) (crypto.Signer, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds a key that cannot sign", name)
	}
	return signer, nil
}

// OwnKey reads the key in a file, or makes one there: a request that is repeated keeps its key.
func OwnKey(name string) (crypto.Signer, error) {
	key, err := ReadKey(name)
	if !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	return key, writeKey(name, key)
}

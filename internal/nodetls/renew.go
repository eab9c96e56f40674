package nodetls

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meridian/internal/durable"
)

// SignRequest asks the signing service for a certificate: with a token, or, for the identity of the
// certificate that the connection was made with, without.
type SignRequest struct {
	Token string `json:"token,omitempty"`
	CSR   string `json:"csr"` // PEM
}

// SignResponse is its answer. Error is a sentence for people and excludes the others.
type SignResponse struct {
	Certificate string `json:"certificate,omitempty"` // PEM
	CA          string `json:"ca,omitempty"`          // PEM
	Error       string `json:"error,omitempty"`
}

// answerMax bounds what the signing service may answer.
const answerMax = 64 << 10

// Ask posts a request to the signing service at url, path "sign" or "renew".
func Ask(ctx context.Context, conf *tls.Config, url, path string, q SignRequest) (SignResponse, error) {
	var r SignResponse
	body, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(url, "/")+"/v1/"+path, bytes.NewReader(body))
	if err != nil || req.URL.Scheme != "https" || req.URL.Host == "" {
		return r, fmt.Errorf("the address of the signing service is %q; give one such as https://10.0.0.9:8125", url)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, answerMax)).Decode(&r); err != nil {
		return r, fmt.Errorf("the signing service answered %s and nothing that can be read", resp.Status)
	}
	if r.Error != "" || resp.StatusCode != http.StatusOK {
		return SignResponse{}, fmt.Errorf("the signing service refuses: %s", r.Error)
	}
	return r, nil
}

// NewCSR makes a request for a certificate, as PEM. Who it is for is not in it: the signer knows.
func NewCSR(key crypto.Signer) (string, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "meridian"}}, key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// CSR is a request for a new certificate for the key in use. Renewing keeps the key, so that one file
// changes, in one rename: a crash can never leave a key beside another's certificate.
func (s *Source) CSR() (string, error) {
	key, ok := s.current().cert.PrivateKey.(crypto.Signer)
	if !ok {
		return "", fmt.Errorf("--tls-key %s cannot sign", s.files.Key)
	}
	return NewCSR(key)
}

// Renew gets a new certificate from the signing service with the present one, and puts it in its place.
func (s *Source) Renew(ctx context.Context, url string) error {
	csr, err := s.CSR()
	if err != nil {
		return err
	}
	r, err := Ask(ctx, s.Client(ProtocolHTTP, CA), url, "renew", SignRequest{CSR: csr})
	if err != nil {
		return fmt.Errorf("renew the certificate: %w", err)
	}
	return s.Replace([]byte(r.Certificate))
}

// Replace puts another certificate for the same key and identity in the place of the present one.
func (s *Source) Replace(cert []byte) error {
	next := s.files.Cert + ".next"
	if err := durable.WriteFile(next, cert, 0o644); err != nil {
		return err
	}
	f := s.files
	f.Cert = next
	g, err := read(f, time.Now())
	if err == nil && g.identity != s.Identity() {
		err = fmt.Errorf("it is for %s", g.identity)
	}
	if err != nil {
		os.Remove(next)
		return fmt.Errorf("the new certificate cannot be used: %w", err)
	}
	if err := os.Rename(next, s.files.Cert); err != nil {
		return err
	}
	s.look()
	return durable.SyncDir(filepath.Dir(s.files.Cert))
}

// The patience of KeepFresh: how often it looks, and how often it tries again after a failure.
const (
	freshEvery = time.Hour
	againAfter = time.Minute
)

// due says whether the certificate should be replaced: less than a third of its life is left.
func (s *Source) due(now time.Time) bool {
	leaf := s.current().cert.Leaf
	return now.After(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3))
}

// KeepFresh renews the certificate at url when less than a third of its life is left, until stop is
// called, which waits for its end. Without a url it only says so in the log, each hour.
func (s *Source) KeepFresh(url string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.keepFresh(ctx, url) })
	return func() {
		cancel()
		wg.Wait()
	}
}

func (s *Source) keepFresh(ctx context.Context, url string) {
	for wait := time.Duration(0); ; {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		wait = freshEvery
		if !s.due(time.Now()) {
			continue
		}
		if url == "" {
			s.log.Warn("the certificate ends soon: replace it (core ca renew); the new one counts without a restart", "expires", s.Expires())
			continue
		}
		if err := s.Renew(ctx, url); err != nil && ctx.Err() == nil {
			s.log.Error("the certificate could not be renewed", "expires", s.Expires(), "error", err)
			wait = againAfter
		}
	}
}

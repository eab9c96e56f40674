package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"meridian/internal/nodetls"
)

// bodyMax bounds a request to the signing service, inFlightMax how many are looked at at once.
const (
	bodyMax     = csrMax + tokenMax + 1024
	inFlightMax = 16
)

// Service signs over HTTPS: POST /v1/sign with a token, POST /v1/renew with a node's certificate.
type Service struct {
	a    *Authority
	log  *slog.Logger
	http *http.Server
	busy chan struct{}

	mu   sync.Mutex // guards cert
	cert *tls.Certificate
}

// NewService makes a service for a CA.
func NewService(a *Authority, log *slog.Logger) *Service {
	s := &Service{a: a, log: log, busy: make(chan struct{}, inFlightMax)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/sign", s.sign)
	mux.HandleFunc("POST /v1/renew", s.renew)
	s.http = &http.Server{
		Handler: http.MaxBytesHandler(mux, bodyMax), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second,
		MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve answers on ln until ctx ends.
func (s *Service) Serve(ctx context.Context, ln net.Listener) error {
	pool := x509.NewCertPool()
	pool.AddCert(s.a.cert)
	conf := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{nodetls.ProtocolHTTP}, GetCertificate: s.certificate,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, SessionTicketsDisabled: true,
	}
	stop := context.AfterFunc(ctx, func() {
		wait, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.http.Shutdown(wait)
	})
	defer stop()
	err := s.http.Serve(tls.NewListener(ln, conf))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// certificate is the service's own, made anew when half of its life is over. The CA's goes with it, for
// machines that know no more than its fingerprint.
func (s *Service) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert != nil && time.Until(s.cert.Leaf.NotAfter) > NodeLife/2 {
		return s.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := s.a.Issue(key.Public(), nodetls.CA, NodeLife, "operator")
	if err != nil {
		return nil, err
	}
	leaf, err := ParseCertificate(text)
	if err != nil {
		return nil, err
	}
	s.cert = &tls.Certificate{Certificate: [][]byte{leaf.Raw, s.a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return s.cert, nil
}

func (s *Service) sign(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(q nodetls.SignRequest) ([]byte, error) {
		t, err := ParseToken(q.Token)
		if err != nil {
			return nil, err
		}
		return s.a.Sign(t, q.CSR)
	})
}

func (s *Service) renew(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(q nodetls.SignRequest) ([]byte, error) {
		if len(r.TLS.VerifiedChains) == 0 {
			return nil, errors.New("renewing needs the present certificate; without one use a token")
		}
		return s.a.Renew(r.TLS.PeerCertificates[0], q.CSR)
	})
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, sign func(nodetls.SignRequest) ([]byte, error)) {
	w.Header().Set("Content-Type", "application/json")
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		s.refuse(w, r, http.StatusServiceUnavailable, errors.New("busy; try again in a moment"))
		return
	}
	var q nodetls.SignRequest
	d := json.NewDecoder(io.LimitReader(r.Body, bodyMax))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		s.refuse(w, r, http.StatusBadRequest, errors.New("the request cannot be read"))
		return
	}
	cert, err := sign(q)
	var disk *fs.PathError
	var name *os.LinkError
	if errors.As(err, &disk) || errors.As(err, &name) {
		s.log.Error("the CA's directory cannot be used", "error", err)
		s.refuse(w, r, http.StatusInternalServerError, errors.New("the CA could not sign; its log says why"))
		return
	}
	if err != nil {
		s.refuse(w, r, http.StatusForbidden, err)
		return
	}
	if leaf, err := ParseCertificate(cert); err == nil {
		s.log.Info("signed", "identity", leaf.Subject.CommonName, "serial", leaf.SerialNumber.Text(16), "expires", leaf.NotAfter, "from", r.RemoteAddr)
	}
	_ = json.NewEncoder(w).Encode(nodetls.SignResponse{Certificate: string(cert), CA: string(s.a.PEM())})
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	s.log.Warn("refused", "path", r.URL.Path, "from", r.RemoteAddr, "error", err)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(nodetls.SignResponse{Error: err.Error()})
}

// Request gets a certificate from the signing service at url with a token. It trusts the CA whose
// fingerprint is in the token, and nobody else. It answers the certificate and the CA's.
func Request(ctx context.Context, url string, t Token, csr string) (cert, authority []byte, err error) {
	conf := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{nodetls.ProtocolHTTP}, ServerName: nodetls.CA.DNSName(),
		// Nothing is trusted by name yet: VerifyConnection checks the whole chain against the pinned CA.
		InsecureSkipVerify: true,
		VerifyConnection:   func(cs tls.ConnectionState) error { return pinned(cs.PeerCertificates, t.CA) },
	}
	r, err := nodetls.Ask(ctx, conf, url, "sign", nodetls.SignRequest{Token: t.String(), CSR: csr})
	if err != nil {
		return nil, nil, err
	}
	root, err := ParseCertificate([]byte(r.CA))
	if err != nil || fingerprint(root) != t.CA {
		return nil, nil, errors.New("the signing service answered with another CA than the token names")
	}
	return []byte(r.Certificate), []byte(r.CA), nil
}

// pinned verifies that a chain ends at the CA with the given fingerprint and is the signing service's.
func pinned(chain []*x509.Certificate, want string) error {
	i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return fingerprint(c) == want })
	if i < 1 {
		return errors.New("this is not the signing service of the CA that the token names")
	}
	pool := x509.NewCertPool()
	pool.AddCert(chain[i])
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: nodetls.CA.DNSName(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

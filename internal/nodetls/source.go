package nodetls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Files name what a node identifies itself with. All are PEM.
type Files struct {
	Cert string // --tls-cert: the node's certificate
	Key  string // --tls-key: its private key
	CA   string // --tls-ca: the CAs that are trusted; two while one replaces the other
}

// Given reports whether the files are named. Some without the others is an error.
func (f Files) Given() (bool, error) {
	given := 0
	for _, v := range []string{f.Cert, f.Key, f.CA} {
		if v != "" {
			given++
		}
	}
	if given != 0 && given != 3 {
		return false, &Refusal{"tls-cert", "--tls-cert, --tls-key and --tls-ca belong together: give all three, or none when every address is loopback"}
	}
	return given == 3, nil
}

// lookEvery bounds how often the files are looked at. Looking is three stat calls in a handshake.
const lookEvery = time.Second

// Source keeps what the files hold, and reads them again when they change. Handshakes ask it; there is no
// watcher that could have died. Files that cannot be used are logged once and leave the old ones in force,
// since a key and its certificate are never replaced in one instant.
type Source struct {
	files Files
	log   *slog.Logger

	mu     sync.Mutex // guards what follows
	now    *generation
	looked time.Time
	seen   string // the files' state at the last attempt to read them
}

// generation is one consistent reading of the files.
type generation struct {
	cert     tls.Certificate
	identity Identity
	pool     *x509.CertPool
}

// Open reads the files. The error is one line that names the flag.
func Open(files Files, log *slog.Logger) (*Source, error) {
	if log == nil {
		log = slog.Default()
	}
	s := &Source{files: files, log: log}
	s.seen = s.state()
	g, err := read(files, time.Now())
	if err != nil {
		return nil, err
	}
	s.now, s.looked = g, time.Now()
	return s, nil
}

// Identity is who this node is.
func (s *Source) Identity() Identity { return s.current().identity }

// Expires is when this node's certificate ends.
func (s *Source) Expires() time.Time { return s.current().cert.Leaf.NotAfter }

func (s *Source) current() *generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.looked) < lookEvery {
		return s.now
	}
	s.looked = now
	state := s.state()
	if state == s.seen {
		return s.now
	}
	g, err := read(s.files, now)
	if err == nil && g.identity != s.now.identity {
		err = fmt.Errorf("--tls-cert is now for %s; this process is %s", g.identity, s.now.identity)
	}
	s.seen = state
	if err != nil {
		s.log.Error("the changed TLS files cannot be used; the old ones stay in force", "error", err)
		return s.now
	}
	s.now = g
	s.log.Info("the TLS files were read again", "identity", g.identity.String(), "expires", g.cert.Leaf.NotAfter)
	return s.now
}

// look makes the next handshake look at the files at once.
func (s *Source) look() {
	s.mu.Lock()
	s.looked = time.Time{}
	s.mu.Unlock()
}

// state changes when one of the files does.
func (s *Source) state() string {
	var b strings.Builder
	for _, name := range []string{s.files.Cert, s.files.Key, s.files.CA} {
		if i, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%d %d %v;", i.ModTime().UnixNano(), i.Size(), inode(i))
		} else {
			b.WriteString("missing;")
		}
	}
	return b.String()
}

func read(f Files, now time.Time) (*generation, error) {
	ca, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", plain(err))
	}
	g := &generation{pool: x509.NewCertPool()}
	if !g.pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("--tls-ca %s holds no certificate; give the ca.crt of core ca init", f.CA)
	}
	if g.cert, err = tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", plain(err))
	}
	if g.cert.Leaf == nil {
		return nil, fmt.Errorf("--tls-cert %s holds no certificate", f.Cert)
	}
	if g.identity, err = IdentityOf(g.cert.Leaf); err != nil {
		return nil, fmt.Errorf("--tls-cert %s: %w", f.Cert, err)
	}
	_, err = g.cert.Leaf.Verify(x509.VerifyOptions{Roots: g.pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s is not good: %w; core ca renew makes a new one while the old one is valid; later, core ca token and then core ca request with the same --out", f.Cert, err)
	}
	return g, nil
}

// plain drops what an error of the file system says twice.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s cannot be read: %w", p.Path, p.Err)
	}
	return err
}

// Server is the configuration of a listener that speaks one protocol to nodes of the given roles.
func (s *Source) Server(protocol string, roles ...string) *tls.Config {
	verify := func(cs tls.ConnectionState) error {
		id, err := peer(cs, protocol)
		if err == nil && !slices.Contains(roles, id.Role) {
			err = fmt.Errorf("%s may not call here", id)
		}
		return err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			g := s.current()
			return &tls.Config{
				MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, Certificates: []tls.Certificate{g.cert},
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: g.pool, VerifyConnection: verify,
				// A resumed session would outlive the certificates it was made with.
				SessionTicketsDisabled: true,
			}, nil
		},
	}
}

// Client is the configuration to dial one node with. It is for one connection: the next one asks again,
// so that changed files count.
func (s *Source) Client(protocol string, want Identity) *tls.Config {
	g := s.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, Certificates: []tls.Certificate{g.cert}, RootCAs: g.pool,
		ServerName: want.DNSName(),
		VerifyConnection: func(cs tls.ConnectionState) error {
			id, err := peer(cs, protocol)
			if err == nil && id != want {
				err = fmt.Errorf("%s answers where %s should", id, want)
			}
			return err
		},
	}
}

// Peer is who is at the other end of a connection that this package verified.
func Peer(cs *tls.ConnectionState) (Identity, bool) {
	if cs == nil || len(cs.VerifiedChains) == 0 {
		return Identity{}, false
	}
	id, err := IdentityOf(cs.VerifiedChains[0][0])
	return id, err == nil
}

func peer(cs tls.ConnectionState, protocol string) (Identity, error) {
	if cs.NegotiatedProtocol != protocol {
		return Identity{}, fmt.Errorf("the peer does not speak %s", protocol)
	}
	if len(cs.PeerCertificates) == 0 {
		return Identity{}, errNoIdentity
	}
	return IdentityOf(cs.PeerCertificates[0])
}

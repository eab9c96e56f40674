package nodetls

import (
	"flag"
	"fmt"
	"log/slog"
)

// Settings are the flags of a program that is a node.
type Settings struct {
	Files
	// RenewAt is --ca-url: the signing service that renews the certificate; empty: an operator does.
	RenewAt string
}

// Add defines the flags.
func (s *Settings) Add(fs *flag.FlagSet) {
	fs.StringVar(&s.Cert, "tls-cert", "", "certificate of this node, PEM; read again when it changes; needed off loopback")
	fs.StringVar(&s.Key, "tls-key", "", "private key of --tls-cert")
	fs.StringVar(&s.CA, "tls-ca", "", "the cluster's CA, PEM; several while one replaces another")
	fs.StringVar(&s.RenewAt, "ca-url", "", "where core ca serve answers: the certificate is renewed there by itself; empty: it is replaced by hand")
}

// Refusal is a setting that is not good; flagenv makes one line of it.
type Refusal struct{ Flag, Want string }

// Error implements error.
func (r *Refusal) Error() string { return "--" + r.Flag + ": " + r.Want }

// Address is one that a node listens on or calls, with the flag that names it.
type Address struct{ Flag, Addr string }

// Open reads the files and holds them against the node's own role and name. Without files it answers nil,
// and refuses unless each address is a loopback address; an empty one is none.
func (s *Settings) Open(self Identity, addresses []Address, log *slog.Logger) (*Source, error) {
	given, err := s.Given()
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, plainOnly(self, addresses)
	}
	src, err := Open(s.Files, log)
	if err != nil {
		return nil, &Refusal{"tls-cert", err.Error()}
	}
	if src.Identity() != self {
		return nil, &Refusal{"tls-cert", fmt.Sprintf("%s is for %s, and this is %s: core ca issue --role %s --name %s makes the right one", s.Cert, src.Identity(), self, self.Role, self.Name)}
	}
	return src, nil
}

// plainOnly refuses plain text off this machine.
func plainOnly(self Identity, addresses []Address) error {
	for _, a := range addresses {
		if a.Addr != "" && !Loopback(a.Addr) {
			return &Refusal{a.Flag, fmt.Sprintf("%s is not a loopback address, and traffic there is never plain: make certificates with core ca init and core ca issue --role %s --name %s, then give --tls-cert, --tls-key and --tls-ca", a.Addr, self.Role, self.Name)}
		}
	}
	return nil
}

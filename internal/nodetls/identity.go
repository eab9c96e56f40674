package nodetls

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// Domain ends every name in a certificate. ".internal" is reserved for private use: nobody else's name
// can end like this.
const Domain = "meridian.internal"

// The roles of nodes. RoleCA is the signing service's own.
const (
	RoleCore = "core"
	RoleEdge = "edge"
	RoleCA   = "ca"
)

// The application protocols. Each listener speaks one, so that a connection meant for one port can never
// be used on another.
const (
	ProtocolRaft = "meridian-raft/1"
	ProtocolHTTP = "http/1.1"
)

// Identity is who a certificate is for. It is written as the DNS name "core-eu.core.meridian.internal",
// the only one in the certificate.
type Identity struct{ Role, Name string }

// CA is the identity of the signing service.
var CA = Identity{Role: RoleCA, Name: "ca"}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Validate says what is wrong with an identity somebody asks for.
func (i Identity) Validate() error {
	if !label.MatchString(i.Name) {
		return fmt.Errorf("name %q: give 1 to 63 of a-z, 0-9 and -, such as core-4; it is the node's --id", i.Name)
	}
	if i.Role != RoleCore && i.Role != RoleEdge && i != CA {
		return fmt.Errorf("role %q: give core or edge", i.Role)
	}
	return nil
}

// DNSName is the identity as a certificate holds it.
func (i Identity) DNSName() string { return i.Name + "." + i.Role + "." + Domain }

// String is the identity as people read it.
func (i Identity) String() string { return i.Role + " " + i.Name }

var errNoIdentity = errors.New("the certificate names no node of a cluster; core ca makes certificates that do")

// IdentityOf reads who a certificate is for. It does not verify the certificate.
func IdentityOf(c *x509.Certificate) (Identity, error) {
	if len(c.DNSNames) != 1 {
		return Identity{}, errNoIdentity
	}
	host, ok := strings.CutSuffix(c.DNSNames[0], "."+Domain)
	name, role, ok2 := strings.Cut(host, ".")
	id := Identity{Role: role, Name: name}
	if !ok || !ok2 || id.Validate() != nil {
		return Identity{}, errNoIdentity
	}
	return id, nil
}

// Loopback reports whether host:port can be reached from this machine only. A name other than
// localhost cannot be trusted to stay that, and an empty host means every interface.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

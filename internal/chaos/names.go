//go:build linux

package chaos

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"meridian/internal/nodetls"
)

// names are the certificates of a run's cores and of its clients. Outside of loopback, cores speak TLS only.
type names struct {
	dir    string
	source *nodetls.Source
}

// mostCores is how many cores a cluster can have.
const mostCores = 5

// newNames makes a CA and certificates, as an operator does.
func newNames(core, dir string) (*names, error) {
	n := &names{dir: filepath.Join(dir, "tls")}
	authority := filepath.Join(dir, "ca")
	runs := [][]string{{"init", "--dir", authority}, {"issue", "--dir", authority, "--role", nodetls.RoleEdge, "--name", "clients", "--out", filepath.Join(n.dir, "clients")}}
	for i := range mostCores {
		id := fmt.Sprintf("core-%d", i+1)
		runs = append(runs, []string{"issue", "--dir", authority, "--role", nodetls.RoleCore, "--name", id, "--out", filepath.Join(n.dir, id)})
	}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	for _, args := range runs {
		if out, err := exec.Command(core, append([]string{"ca"}, args...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("core ca %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
	}
	var err error
	n.source, err = nodetls.Open(nodetls.Files{Cert: n.file("clients", "node.crt"), Key: n.file("clients", "node.key"), CA: n.file("clients", "ca.crt")}, slog.New(slog.DiscardHandler))
	return n, err
}

func (n *names) file(id, name string) string { return filepath.Join(n.dir, id, name) }

// flags are a core's.
func (n *names) flags(id string) []string {
	return []string{"--tls-cert", n.file(id, "node.crt"), "--tls-key", n.file(id, "node.key"), "--tls-ca", n.file(id, "ca.crt")}
}

// client is how clients make sure that a core is the one they mean.
func (n *names) client(id string) *tls.Config {
	return n.source.Client(nodetls.ProtocolHTTP, nodetls.Identity{Role: nodetls.RoleCore, Name: id})
}

// close forgets the certificates.
func (n *names) close() {
	_ = os.RemoveAll(n.dir)
	_ = os.RemoveAll(filepath.Join(filepath.Dir(n.dir), "ca"))
}

package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meridian/cmd/core/ca"
	"meridian/internal/durable"
	"meridian/internal/flagenv"
	"meridian/internal/nodetls"
)

const caUsage = `Usage: core ca <command> [flags]

  init      make the cluster's CA in a directory that an operator keeps
  issue     make key and certificate of a node here, to be copied to it
  token     make a join token: the right to one certificate
  request   on a new machine: make a key, and get its certificate with a token
  sign      sign a request with a token, when the machine cannot reach the CA
  serve     sign requests and renewals over HTTPS
  renew     renew a node's certificate; running programs read it without a restart
  list      list the certificates that were made

core ca <command> --help lists the flags.
`

const caCommands = "give one of init, issue, token, request, sign, serve, renew, list"

// The names of the files that a node gets.
const (
	nodeKey  = "node.key"
	nodeCert = "node.crt"
	nodeCSR  = "node.csr"
	caCert   = "ca.crt"
)

// authority runs `core ca`.
func authority(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Print(caUsage)
		return &flagenv.UsageError{Setting: "ca command", Want: caCommands}
	}
	c := caCommand{FlagSet: flag.NewFlagSet("core ca "+args[0], flag.ContinueOnError), args: args[1:]}
	switch args[0] {
	case "init":
		return c.init()
	case "issue":
		return c.issue()
	case "token":
		return c.token()
	case "request":
		return c.request(ctx)
	case "sign":
		return c.sign()
	case "serve":
		return c.serve(ctx)
	case "renew":
		return c.renew(ctx)
	case "list":
		return c.list()
	case "help", "--help", "-h":
		fmt.Print(caUsage)
		return nil
	}
	return &flagenv.UsageError{Setting: "ca command", Value: args[0], Want: caCommands}
}

// caCommand is one of the commands of `core ca`, with its flags.
type caCommand struct {
	*flag.FlagSet
	args []string
}

func (c caCommand) parse() error { return flagenv.Parse(c.FlagSet, "CORE_CA", c.args) }

func (c caCommand) dir() *string { return c.String("dir", "ca", "directory of the CA") }

func (c caCommand) identity() (name, role *string) {
	return c.String("name", "", "the node's --id, such as core-4"), c.String("role", "core", "core or edge")
}

func (c caCommand) life() *time.Duration {
	return c.Duration("valid", ca.NodeLife, "how long the certificate is good")
}

// open opens the CA in --dir.
func open(dir string) (*ca.Authority, error) {
	a, err := ca.Open(dir)
	if err != nil {
		return nil, flagenv.Errorf("dir", "%v", err)
	}
	return a, nil
}

func (c caCommand) init() error {
	dir := c.dir()
	if err := c.parse(); err != nil {
		return err
	}
	a, err := ca.Init(*dir)
	if err != nil {
		return flagenv.Errorf("dir", "%v", err)
	}
	fmt.Printf("%s is the cluster's CA until %s. Whoever has its ca.key can be any node: keep it off the nodes, with a copy where the shop's secrets are.\n", *dir, a.Expires().Format(time.DateOnly))
	return nil
}

func (c caCommand) issue() error {
	dir, out, life := c.dir(), c.String("out", "tls", "directory to make, with node.key, node.crt and ca.crt"), c.life()
	name, role := c.identity()
	if err := c.parse(); err != nil {
		return err
	}
	id := nodetls.Identity{Role: *role, Name: *name}
	if err := id.Validate(); err != nil {
		return flagenv.Errorf("name", "%v", err)
	}
	a, err := open(*dir)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(*out, nodeKey)); !errors.Is(err, os.ErrNotExist) {
		return flagenv.Errorf("out", "%s has a %s already, perhaps another node's: name another directory. For the key that is there, core ca renew makes a new certificate while the old one is valid; later, core ca token and core ca request --out %s", *out, nodeKey, *out)
	}
	key, err := makeKey(*out)
	if err != nil {
		return err
	}
	cert, err := a.Issue(key.Public(), id, *life, "operator")
	if err != nil {
		return flagenv.Errorf("valid", "%v", err)
	}
	return place(*out, cert, a.PEM())
}

func (c caCommand) token() error {
	dir, expires, life := c.dir(), c.Duration("expires", ca.TokenLife, "how long the token may wait to be used"), c.life()
	name, role := c.identity()
	if err := c.parse(); err != nil {
		return err
	}
	a, err := open(*dir)
	if err != nil {
		return err
	}
	t, err := a.NewToken(nodetls.Identity{Role: *role, Name: *name}, *expires, *life)
	if err != nil {
		return flagenv.Errorf("name", "%v", err)
	}
	fmt.Println(t)
	return nil
}

func (c caCommand) request(ctx context.Context) error {
	text, url := c.tokenFlag(), c.String("url", "", "signing service, such as https://10.0.0.9:8125; empty: only make key and request")
	out := c.String("out", "tls", "directory to make, with node.key, node.crt and ca.crt")
	if err := c.parse(); err != nil {
		return err
	}
	var t ca.Token
	var err error
	if *url != "" {
		if t, err = ca.ParseToken(*text); err != nil {
			return flagenv.Errorf("token", "%v", err)
		}
	}
	if err := keepsAnother(*out, t); err != nil {
		return err
	}
	key, err := makeKey(*out)
	if err != nil {
		return err
	}
	csr, err := nodetls.NewCSR(key)
	if err != nil {
		return err
	}
	if *url != "" {
		cert, root, err := ca.Request(ctx, *url, t, csr)
		if unreached := (*net.OpError)(nil); errors.As(err, &unreached) {
			return fmt.Errorf("ask %s for a certificate: %w; is core ca serve running there?", *url, err)
		}
		if err != nil {
			return fmt.Errorf("ask %s for a certificate: %w", *url, err)
		}
		return place(*out, cert, root)
	}
	name := filepath.Join(*out, nodeCSR)
	if err := durable.WriteFile(name, []byte(csr), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s is the request. Where the CA is: core ca sign --csr %s --token … --out %s; then copy node.crt and ca.crt here, into %s\n", name, nodeCSR, nodeCert, *out)
	return nil
}

// keepsAnother refuses a directory with a certificate for somebody else than the token is for.
func keepsAnother(dir string, t ca.Token) error {
	b, err := os.ReadFile(filepath.Join(dir, nodeCert))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return flagenv.Errorf("out", "%v", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil // what is there is no certificate, and is replaced
	}
	if has, err := nodetls.IdentityOf(cert); err == nil && t.Identity() != (nodetls.Identity{}) && has != t.Identity() {
		return flagenv.Errorf("out", "%s holds the certificate of %s, and the token is for %s: name another directory", dir, has, t.Identity())
	}
	return nil
}

func (c caCommand) tokenFlag() *string {
	return c.String("token", "", "join token; better given as CORE_CA_TOKEN than on the command line")
}

func (c caCommand) sign() error {
	dir, text := c.dir(), c.tokenFlag()
	csr, out := c.String("csr", nodeCSR, "the request"), c.String("out", nodeCert, "where to write the certificate")
	if err := c.parse(); err != nil {
		return err
	}
	a, err := open(*dir)
	if err != nil {
		return err
	}
	t, err := ca.ParseToken(*text)
	if err != nil {
		return flagenv.Errorf("token", "%v", err)
	}
	b, err := os.ReadFile(*csr)
	if err != nil {
		return flagenv.Errorf("csr", "cannot be read: %v", err)
	}
	cert, err := a.Sign(t, string(b))
	if err != nil {
		return err
	}
	if err := durable.WriteFile(*out, cert, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s is for %s. The node needs it beside its key, and %s\n", *out, t.Identity(), filepath.Join(*dir, caCert))
	return nil
}

func (c caCommand) serve(ctx context.Context) error {
	dir, addr := c.dir(), c.String("addr", "127.0.0.1:8125", "where nodes ask for certificates")
	if err := c.parse(); err != nil {
		return err
	}
	a, err := open(*dir)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return flagenv.Errorf("addr", "%v; give an address that is free", err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	log.Info("signing", "addr", ln.Addr().String())
	return ca.NewService(a, log).Serve(ctx, ln)
}

func (c caCommand) renew(ctx context.Context) error {
	var f nodetls.Files
	c.StringVar(&f.Cert, "tls-cert", filepath.Join("tls", nodeCert), "certificate to renew")
	c.StringVar(&f.Key, "tls-key", filepath.Join("tls", nodeKey), "its key")
	c.StringVar(&f.CA, "tls-ca", filepath.Join("tls", caCert), "the CA's certificate")
	url, dir := c.String("url", "", "signing service, such as https://10.0.0.9:8125"), c.String("dir", "", "directory of the CA, when it is here")
	if err := c.parse(); err != nil {
		return err
	}
	if (*url == "") == (*dir == "") {
		return flagenv.Errorf("url", "give the signing service, or --dir where the CA is")
	}
	s, err := nodetls.Open(f, slog.New(slog.DiscardHandler))
	if err != nil {
		return &flagenv.UsageError{Setting: "certificate", Want: err.Error()}
	}
	if *url != "" {
		err = s.Renew(ctx, *url)
	} else {
		err = renewHere(s, f, *dir)
	}
	if err == nil {
		fmt.Printf("%s is good until %s; running programs read it by themselves\n", f.Cert, s.Expires().UTC().Format(time.RFC3339))
	}
	return err
}

func renewHere(s *nodetls.Source, f nodetls.Files, dir string) error {
	a, err := open(dir)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(f.Cert)
	if err != nil {
		return err
	}
	present, err := ca.ParseCertificate(text)
	if err != nil {
		return err
	}
	csr, err := s.CSR()
	if err != nil {
		return err
	}
	cert, err := a.Renew(present, csr)
	if err != nil {
		return err
	}
	return s.Replace(cert)
}

func (c caCommand) list() error {
	dir := c.dir()
	if err := c.parse(); err != nil {
		return err
	}
	a, err := open(*dir)
	if err != nil {
		return err
	}
	all, err := a.List()
	if err != nil {
		return err
	}
	fmt.Printf("%-6s %-16s %-20s %-20s %-17s %s\n", "role", "name", "made", "ends", "by", "serial")
	for _, i := range all {
		fmt.Printf("%-6s %-16s %-20s %-20s %-17s %s\n", i.Role, i.Name, i.At.Format(time.RFC3339), i.NotAfter.Format(time.RFC3339), i.By, i.Serial)
	}
	return nil
}

func makeKey(out string) (crypto.Signer, error) {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, flagenv.Errorf("out", "%v", err)
	}
	return ca.OwnKey(filepath.Join(out, nodeKey))
}

// place writes what a node needs beside its key.
func place(out string, cert, root []byte) error {
	if err := durable.WriteFile(filepath.Join(out, caCert), root, 0o644); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(out, nodeCert), cert, 0o644); err != nil {
		return err
	}
	leaf, err := ca.ParseCertificate(cert)
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(out, name) }
	fmt.Printf("%s is good until %s. Start with --tls-cert %s --tls-key %s --tls-ca %s\n", strings.TrimSpace(leaf.Subject.CommonName),
		leaf.NotAfter.Format(time.DateOnly), at(nodeCert), at(nodeKey), at(caCert))
	return nil
}

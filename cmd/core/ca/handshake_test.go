package ca

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/internal/durable"
	"meridian/internal/nodetls"
)

var silent = slog.New(slog.DiscardHandler)

func newCA(t testing.TB) *Authority {
	t.Helper()
	a, err := Init(filepath.Join(t.TempDir(), "ca"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// files makes what a node gets.
func files(t testing.TB, a *Authority, role, name string, life time.Duration) nodetls.Files {
	t.Helper()
	dir := t.TempDir()
	f := nodetls.Files{Cert: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key"), CA: filepath.Join(dir, "ca.crt")}
	put(t, f.CA, a.PEM())
	reissue(t, a, f, role, name, life)
	return f
}

// reissue puts another certificate for the key of f in its place.
func reissue(t testing.TB, a *Authority, f nodetls.Files, role, name string, life time.Duration) {
	t.Helper()
	key, err := OwnKey(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Issue(key.Public(), nodetls.Identity{Role: role, Name: name}, life, "test")
	if err != nil {
		t.Fatal(err)
	}
	put(t, f.Cert, cert)
}

func put(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := durable.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func source(t testing.TB, f nodetls.Files) *nodetls.Source {
	t.Helper()
	s, err := nodetls.Open(f, silent)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// echo answers on a listener what it reads, and returns its address.
func echo(t *testing.T, conf *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { s := tls.Server(c, conf); defer s.Close(); _, _ = io.Copy(s, s) }()
		}
	}()
	return ln.Addr().String()
}

// call sends a word and reads it back: a refused certificate shows at the first read in TLS 1.3.
func call(addr string, conf *tls.Config) (*tls.ConnectionState, error) {
	c, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		return nil, err
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	s := c.ConnectionState()
	return &s, nil
}

// TestHandshakes: who may call whom, and why not.
func TestHandshakes(t *testing.T) {
	a, other := newCA(t), newCA(t)
	core1 := source(t, files(t, a, "core", "core-1", time.Hour))
	core2 := source(t, files(t, a, "core", "core-2", time.Hour))
	edge := source(t, files(t, a, "edge", "edge-1", time.Hour))
	stranger := source(t, files(t, other, "core", "core-2", time.Hour))

	// An expired certificate cannot be opened; a thief would use it all the same.
	past := *a
	past.now = func() time.Time { return time.Now().Add(-48 * time.Hour) }
	old := files(t, &past, "core", "core-2", time.Hour)
	if _, err := nodetls.Open(old, silent); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate was read: %v", err)
	}
	expired := core2.Client(nodetls.ProtocolRaft, core1.Identity())
	pair, err := tls.LoadX509KeyPair(old.Cert, old.Key)
	if err != nil {
		t.Fatal(err)
	}
	expired.Certificates = []tls.Certificate{pair}

	raft := echo(t, core1.Server(nodetls.ProtocolRaft, nodetls.RoleCore))
	shop := echo(t, core1.Server(nodetls.ProtocolHTTP, nodetls.RoleCore, nodetls.RoleEdge))
	none := core2.Client(nodetls.ProtocolRaft, core1.Identity())
	none.Certificates = nil
	old12 := core2.Client(nodetls.ProtocolRaft, core1.Identity())
	old12.MinVersion, old12.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	noProtocol := core2.Client(nodetls.ProtocolRaft, core1.Identity())
	noProtocol.NextProtos, noProtocol.VerifyConnection = nil, nil
	wanted := func(s *nodetls.Source, protocol, name string) *tls.Config {
		return s.Client(protocol, nodetls.Identity{Role: nodetls.RoleCore, Name: name})
	}
	for name, c := range map[string]struct {
		addr string
		conf *tls.Config
		ok   bool
	}{
		"core to core":              {raft, wanted(core2, nodetls.ProtocolRaft, "core-1"), true},
		"edge to API":               {shop, wanted(edge, nodetls.ProtocolHTTP, "core-1"), true},
		"core to API":               {shop, wanted(core2, nodetls.ProtocolHTTP, "core-1"), true},
		"edge to raft":              {raft, wanted(edge, nodetls.ProtocolRaft, "core-1"), false},
		"another CA":                {raft, wanted(stranger, nodetls.ProtocolRaft, "core-1"), false},
		"another name":              {raft, wanted(core2, nodetls.ProtocolRaft, "core-3"), false},
		"an edge where a core is":   {raft, core2.Client(nodetls.ProtocolRaft, nodetls.Identity{Role: "edge", Name: "core-1"}), false},
		"raft's port, HTTP":         {raft, wanted(core2, nodetls.ProtocolHTTP, "core-1"), false},
		"raft's port, no protocol":  {raft, noProtocol, false},
		"no certificate":            {raft, none, false},
		"an expired certificate":    {raft, expired, false},
		"TLS 1.2":                   {raft, old12, false},
		"another CA, unverified":    {raft, unverified(stranger), false},
		"the right one, unverified": {raft, unverified(core2), true},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := call(c.addr, c.conf); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

// unverified dials as a thief would, who does not care whom they reach.
func unverified(s *nodetls.Source) *tls.Config {
	conf := s.Client(nodetls.ProtocolRaft, nodetls.Identity{Role: nodetls.RoleCore, Name: "core-1"})
	conf.InsecureSkipVerify = true
	return conf
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain for", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestChangedFilesCount: certificates and CAs are replaced under a running listener, step by step as an
// operator who changes the CA would; files that do not fit leave the old ones in force.
func TestChangedFilesCount(t *testing.T) {
	a, next := newCA(t), newCA(t)
	sf, cf := files(t, a, "core", "core-1", time.Hour), files(t, a, "core", "core-2", time.Hour)
	server, client := source(t, sf), source(t, cf)
	addr := echo(t, server.Server(nodetls.ProtocolRaft, nodetls.RoleCore))
	serial := func() string {
		s, err := call(addr, client.Client(nodetls.ProtocolRaft, server.Identity()))
		if err != nil {
			return err.Error()
		}
		return s.PeerCertificates[0].SerialNumber.Text(16)
	}
	first := serial()
	reissue(t, a, sf, "core", "core-1", 2*time.Hour)
	eventually(t, "the renewed certificate", func() bool { return serial() != first })
	second := serial()

	put(t, sf.Cert, []byte("nonsense"))
	wait := time.After(1200 * time.Millisecond) // beyond the time within which files are not looked at
	<-wait
	if got := serial(); got != second {
		t.Errorf("with a broken file, %s answers instead of %s", got, second)
	}

	both := append(bytes.Clone(a.PEM()), next.PEM()...)
	put(t, sf.CA, both)
	put(t, cf.CA, both)
	reissue(t, next, sf, "core", "core-1", time.Hour)
	eventually(t, "the certificate of the next CA", func() bool { s := serial(); return s != second && !strings.Contains(s, " ") })
	reissue(t, next, cf, "core", "core-2", time.Hour)
	put(t, sf.CA, next.PEM())
	eventually(t, "the old CA to be forgotten", func() bool {
		old, err := nodetls.Open(files(t, a, "core", "core-2", time.Hour), silent)
		if err != nil {
			t.Fatal(err)
		}
		_, err = call(addr, unverified(old))
		return err != nil && !strings.Contains(serial(), " ")
	})

	reissue(t, next, sf, "core", "core-9", time.Hour)
	<-time.After(1200 * time.Millisecond)
	if server.Identity().Name != "core-1" {
		t.Error("a running node took another name")
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	a := newCA(t)
	good := files(t, a, "core", "core-1", time.Hour)
	otherKey := good
	otherKey.Key = files(t, a, "core", "core-1", time.Hour).Key
	otherCA := good
	otherCA.CA = files(t, newCA(t), "core", "core-1", time.Hour).CA
	noCA := good
	noCA.CA = good.Key
	missing := good
	missing.Cert = filepath.Join(t.TempDir(), "nothing")
	for want, f := range map[string]nodetls.Files{"--tls-key": otherKey, "unknown authority": otherCA, "--tls-ca": noCA, "cannot be read": missing} {
		if _, err := nodetls.Open(f, silent); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want one line with %q: %v", want, err)
		}
	}
	self := nodetls.Identity{Role: "core", Name: "core-1"}
	for want, c := range map[string]struct {
		settings nodetls.Settings
		self     nodetls.Identity
		addr     string
	}{
		"all three":        {nodetls.Settings{Files: nodetls.Files{Cert: good.Cert}}, self, "127.0.0.1:1"},
		"core ca init":     {nodetls.Settings{}, self, "10.0.0.1:1"},
		"not a loopback":   {nodetls.Settings{}, self, ":8100"},
		"0.0.0.0:8100 is ": {nodetls.Settings{}, self, "0.0.0.0:8100"},
		"core.example:1":   {nodetls.Settings{}, self, "core.example:1"},
		"this is core":     {nodetls.Settings{Files: good}, nodetls.Identity{Role: "core", Name: "core-2"}, "10.0.0.1:1"},
		"this is edge":     {nodetls.Settings{Files: good}, nodetls.Identity{Role: "edge", Name: "core-1"}, "10.0.0.1:1"},
	} {
		if _, err := c.settings.Open(c.self, []nodetls.Address{{Flag: "peers", Addr: c.addr}}, silent); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "[::ffff:127.0.0.1]:1", ""} {
		s := nodetls.Settings{}
		if src, err := s.Open(self, []nodetls.Address{{Flag: "peers", Addr: addr}}, silent); err != nil || src != nil {
			t.Errorf("%s: %v %v", addr, src, err)
		}
	}
	if _, err := os.Stat(good.Key); err != nil {
		t.Error(err)
	}
}

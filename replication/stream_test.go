package replication

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// pair is two ends of this package's stream over loopback.
func pair(t *testing.T, server, client Config) (*stream, *stream) {
	t.Helper()
	var out []*stream
	for _, cfg := range []*Config{&server, &client} {
		cfg.BindAddr = "127.0.0.1:0"
		cfg.applyDefaults()
		s, err := listen(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		out = append(out, s)
	}
	return out[0], out[1]
}

// echo answers what it reads on every connection.
func echo(s *stream) {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
	}
}

// call sends one message and reads it back.
func call(t *testing.T, from, to *stream) error {
	t.Helper()
	c, err := from.Dial(raft.ServerAddress(to.Addr().String()), 3*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	b := make([]byte, 5)
	_, err = io.ReadFull(c, b)
	return err
}

func TestToken(t *testing.T) {
	for name, test := range map[string]struct {
		server, client string
		ok             bool
	}{
		"same":         {"secret", "secret", true},
		"other":        {"secret", "guess", false},
		"client lacks": {"secret", "", false},
		"server lacks": {"", "secret", false},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t, Config{Token: test.server}, Config{Token: test.client})
			if test.server == "" {
				server.cfg.Token = ""
			}
			go echo(server)
			c, err := client.Dial(raft.ServerAddress(server.Addr().String()), time.Second)
			if err == nil {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(3 * time.Second))
				b := make([]byte, 100)
				if test.client == "" { // whatever a stranger sends must not be answered
					_, _ = c.Write(b)
					_, _ = io.ReadFull(c, b[:nonceSize])
				} else {
					_, _ = c.Write([]byte("hello"))
				}
				_, err = io.ReadFull(c, b[:5])
			}
			if (err == nil) != test.ok {
				t.Errorf("err %v", err)
			}
		})
	}
}

func FuzzToken(f *testing.F) {
	f.Add([]byte("short"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		defer there.Close()
		go func() {
			_, _ = io.ReadFull(there, make([]byte, nonceSize))
			_, _ = there.Write(b)
			there.Close()
		}()
		if err := proveAsAcceptor(here, "secret"); err == nil {
			t.Fatal("a stranger was accepted")
		}
		here.Close()
	})
}

// certificate makes a self-signed one that is its own authority.
func certificate(t *testing.T) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, cert
}

func TestMutualTLS(t *testing.T) {
	good, authority := certificate(t)
	stranger, _ := certificate(t)
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	conf := func(c ...tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: c, RootCAs: pool, ClientCAs: pool, MinVersion: tls.VersionTLS13}
	}
	for name, test := range map[string]struct {
		client *tls.Config
		ok     bool
	}{
		"known": {conf(good), true}, "no certificate": {conf(), false}, "stranger": {conf(stranger), false}, "plain": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t, Config{TLS: conf(good)}, Config{TLS: test.client})
			go echo(server)
			if err := call(t, client, server); (err == nil) != test.ok {
				t.Errorf("err %v", err)
			}
		})
	}
}

// TestRTT: a round trip takes the time it is told to, and many on the way at once take hardly longer.
func TestRTT(t *testing.T) {
	const rtt = 60 * time.Millisecond
	server, client := pair(t, Config{RTT: rtt}, Config{RTT: rtt})
	go echo(server)
	c, err := client.Dial(raft.ServerAddress(server.Addr().String()), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	const messages = 100
	for range messages {
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 5*messages)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < rtt || d > 20*rtt {
		t.Errorf("%d messages took %v at a round trip of %v", messages, d, rtt)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

// TestClusterOverTheLine runs the real thing with token, TLS and delay together.
func TestClusterOverTheLine(t *testing.T) {
	cert, authority := certificate(t)
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	const rtt = 20 * time.Millisecond
	c := newCluster(t, 3, func(cfg *Config) {
		cfg.Token, cfg.RTT = "secret", rtt
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, ClientCAs: pool, MinVersion: tls.VersionTLS13}
	})
	n := c.leader()
	mustPropose(t, n, "warm")
	began := time.Now()
	mustPropose(t, n, "x")
	if d := time.Since(began); d < rtt {
		t.Errorf("a commit took %v, less than the round trip of %v", d, rtt)
	}
	c.settled()
}

func TestListenNeedsAName(t *testing.T) {
	cfg := Config{ID: "a", BindAddr: ":0"}
	cfg.applyDefaults()
	if s, err := listen(&cfg); err == nil {
		s.Close()
		t.Fatal("would advertise an address that nobody can reach")
	} else if !strings.Contains(err.Error(), "--raft-advertise") {
		t.Fatal(err)
	}
}

func TestValidate(t *testing.T) {
	good := func() Config {
		c := Config{ID: "a", Dir: "d", BindAddr: "127.0.0.1:0"}
		c.applyDefaults()
		return c
	}
	ok := good()
	if err := ok.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"--id":           func(c *Config) { c.ID = "" },
		"--data":         func(c *Config) { c.Dir = "" },
		"--raft-log":     func(c *Config) { c.LogKind = "paper" },
		"--raft-addr":    func(c *Config) { c.BindAddr = "" },
		"leader lease":   func(c *Config) { c.LeaderLease = 2 * c.HeartbeatTimeout },
		"heartbeat":      func(c *Config) { c.ElectionTimeout = time.Second },
		"round trip":     func(c *Config) { c.RTT = time.Second },
		"positive":       func(c *Config) { c.QueueMax = -1 },
		"does not fit":   func(c *Config) { c.CommandMax = 1 << 30 },
		"id of its own":  func(c *Config) { c.Bootstrap = []Member{{ID: "a", Addr: "x"}, {ID: "a", Addr: "y"}} },
		"and an address": func(c *Config) { c.Bootstrap = []Member{{ID: "a"}} },
	} {
		c := good()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHCLogWritesToSlog(t *testing.T) {
	var b strings.Builder
	l := newHCLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelInfo})))
	l.Debug("hidden")
	l.With("peer", "b").Named("raft").Warn("slow", "ids", hclog.Fmt("%d-%d", 1, 2))
	if got := b.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "level=WARN msg=slow peer=b ids=1-2") {
		t.Errorf("%q", got)
	}
	if l.GetLevel() != hclog.Info || l.IsDebug() || !l.IsError() {
		t.Error("level", l.GetLevel())
	}
}

// TestStreamCloseEndsConnections: a connection on which nothing happens ends with its stream.
func TestStreamCloseEndsConnections(t *testing.T) {
	server, client := pair(t, Config{}, Config{})
	accepted := make(chan error, 1)
	go func() {
		c, err := server.Accept()
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		accepted <- err
	}()
	c, err := client.Dial(raft.ServerAddress(server.Addr().String()), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "the server has the connection", func() bool {
		server.mu.Lock()
		defer server.mu.Unlock()
		return len(server.open) == 1
	})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-accepted:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the connection outlived its stream")
	}
}

// TestImpostorIsRefused: a dialer does not talk raft to an acceptor that cannot answer its nonce.
func TestImpostorIsRefused(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		_, _ = there.Write(make([]byte, nonceSize))
		_, _ = io.ReadFull(there, make([]byte, nonceSize+32))
		_, _ = there.Write(make([]byte, 32))
	}()
	if err := proveAsDialer(here, "secret", time.Second); !errors.Is(err, errProof) {
		t.Fatal(err)
	}
}

// named is a certificate of an authority for one name.
func named(t *testing.T, authority tls.Certificate, root *x509.Certificate, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, key.Public(), authority.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestMemberIsCheckedByName: what answers at a member's address has to be that member, also when it is
// another one of the same cluster. The cluster goes on without the impostor.
func TestMemberIsCheckedByName(t *testing.T) {
	authority, root := certificate(t)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	c := newCluster(t, 3, func(cfg *Config) {
		shown := cfg.ID
		if cfg.ID == "n2" {
			shown = "n1" // a good certificate, and not its own
			cfg.HeartbeatTimeout, cfg.ElectionTimeout = time.Minute, time.Minute
		}
		conf := &tls.Config{Certificates: []tls.Certificate{named(t, authority, root, shown)}, RootCAs: pool, ClientCAs: pool, MinVersion: tls.VersionTLS13}
		cfg.Token, cfg.TLS = "the cluster's secret", conf
		cfg.TLSFor = func(id string) *tls.Config {
			named := conf.Clone()
			named.ServerName = id
			return named
		}
	})
	impostor := c.nodes[2]
	leader := c.leader(impostor)
	r := mustPropose(t, leader, "x")
	if err := c.nodes[0].WaitApplied(ctxFor(t, 5*time.Second), r.Index); err != nil {
		t.Error(err)
	}
	if err := c.nodes[1].WaitApplied(ctxFor(t, 5*time.Second), r.Index); err != nil {
		t.Error(err)
	}
	for _, m := range leader.Status().Members {
		if m.ID == "n2" && m.LastContact >= 0 {
			t.Error("the leader hears the impostor")
		}
	}
	if got := impostor.machine.commands(); len(got) > 0 {
		t.Errorf("the impostor got %q", got)
	}
}

package https_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/edge/https"
	"meridian/edge/https/httpstest"
)

// memo is a log that a test reads.
type memo struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (m *memo) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.b.Write(p)
}

func (m *memo) count(text string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Count(m.b.String(), text)
}

// greeter answers every connection that shakes hands with one byte, and echoes.
func greeter(t *testing.T, f *https.Files) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", https.Config(f.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// dial shakes hands for a name.
func dial(t *testing.T, addr, name string, ca *httpstest.CA) *tls.Conn {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, &tls.Config{ServerName: name, RootCAs: ca.Pool()})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestCertificatesAreReadAgain: what is good counts from the next handshake on, what is not leaves the old one in
// force and is told once, and nobody's connection ends.
func TestCertificatesAreReadAgain(t *testing.T) {
	ca := httpstest.New(t)
	p := ca.Files(t, "shop.example")
	var log memo
	f, err := https.Open([]https.Pair{p}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	addr := greeter(t, f)
	first := dial(t, addr, "shop.example", ca)
	serial := func() string {
		return dial(t, addr, "shop.example", ca).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	old := serial()

	good, err := os.ReadFile(p.Cert)
	if err != nil {
		t.Fatal(err)
	}
	ended, endedKey := ca.Issue(t, time.Now().Add(-time.Minute), "shop.example")
	cert, key := ca.Issue(t, time.Now().Add(2*time.Hour), "shop.example")
	for n, bad := range []struct {
		what      string
		cert, key []byte
	}{{"half-written", good[:len(good)/2], nil}, {"without its key", cert, nil}, {"ended", ended, endedKey}, {"gone", nil, nil}} {
		if bad.cert == nil {
			if err := os.Remove(p.Cert); err != nil {
				t.Fatal(err)
			}
		} else {
			httpstest.Write(t, p.Cert, bad.cert)
		}
		if bad.key != nil {
			httpstest.Write(t, p.Key, bad.key)
		}
		f.Look()
		if told := log.count("cannot be used"); told != n {
			t.Errorf("%s: told at the first look, when the other file may be on its way", bad.what)
		}
		for range 5 {
			f.Look()
		}
		if told := log.count("cannot be used"); told != n+1 {
			t.Errorf("%s: told %d times, want %d", bad.what, told, n+1)
		}
		if serial() != old {
			t.Errorf("%s: it is served", bad.what)
		}
	}

	defer f.RunEvery(t, 5*time.Millisecond)()
	httpstest.Write(t, p.Key, key)
	httpstest.Write(t, p.Cert, cert)
	eventually(t, "the new certificate is served", func() bool { return serial() != old })
	if at := f.Expires()["shop.example"]; time.Until(at) < 90*time.Minute {
		t.Errorf("it ends at %v", at)
	}
	if _, err := first.Write([]byte("!")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(first, make([]byte, 1)); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

func run(t *testing.T, log io.Writer, pairs ...https.Pair) (f *https.Files, stop func()) {
	t.Helper()
	f, err := https.Open(pairs, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return f, f.RunEvery(t, 5*time.Millisecond)
}

func TestSeveralCertificates(t *testing.T) {
	ca := httpstest.New(t)
	f, stop := run(t, io.Discard, ca.Files(t, "shop.example", "www.shop.example"), ca.Files(t, "laden.example"))
	defer stop()
	addr := greeter(t, f)
	for _, name := range []string{"shop.example", "www.shop.example", "laden.example"} {
		dial(t, addr, name, ca)
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "other.example", RootCAs: ca.Pool()}); err == nil {
		t.Error("a certificate for a name that we have none for")
	}
	if ends := f.Expires(); len(ends) != 2 || ends["shop.example"].IsZero() || ends["laden.example"].IsZero() {
		t.Errorf("%v", ends)
	}
}

// TestWhatIsSpoken: TLS 1.2 with forward secrecy and authenticated encryption, 1.3, and HTTP/1.1.
func TestWhatIsSpoken(t *testing.T) {
	ca := httpstest.New(t)
	f, stop := run(t, io.Discard, ca.Files(t, "shop.example"))
	defer stop()
	addr := greeter(t, f)
	for _, c := range []struct {
		what   string
		tune   func(*tls.Config)
		speaks bool
	}{
		{"1.3", func(*tls.Config) {}, true},
		{"1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		{"1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		{"CBC", func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		{"http/1.1", func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, true},
		{"h2 alone", func(c *tls.Config) { c.NextProtos = []string{"h2"} }, false},
	} {
		cfg := &tls.Config{ServerName: "shop.example", RootCAs: ca.Pool()}
		c.tune(cfg)
		conn, err := tls.Dial("tcp", addr, cfg)
		if (err == nil) != c.speaks {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil {
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; len(cfg.NextProtos) > 0 && got != "http/1.1" {
			t.Errorf("%s: %q was chosen", c.what, got)
		}
		_ = conn.Close()
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	ca := httpstest.New(t)
	a, b := ca.Files(t, "shop.example"), ca.Files(t, "shop.example")
	log := slog.New(slog.DiscardHandler)
	if _, err := https.Open([]https.Pair{{Cert: a.Cert, Key: b.Key}}, log); err == nil {
		t.Error("a certificate with another one's key")
	}
	if _, err := https.Open([]https.Pair{{Cert: a.Cert + "x", Key: a.Key}}, log); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v", err)
	}
	if _, err := https.Open(nil, log); err == nil {
		t.Error("no certificate at all")
	}
}

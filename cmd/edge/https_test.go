package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/edge/https/httpstest"
	"meridian/internal/flagenv"
)

func TestBadHTTPSSettingsNameTheFlag(t *testing.T) {
	pair := httpstest.New(t).Files(t, "shop.example")
	files := []string{"--https-addr", "127.0.0.1:0", "--https-cert-file", pair.Cert, "--https-key-file", pair.Key}
	for _, c := range []struct {
		flag string
		args []string
	}{
		{"https-addr", []string{"--https-addr", "127.0.0.1:0"}},
		{"https-addr", []string{"--https-addr", "443"}},
		{"https-cert-file", []string{"--https-cert-file", pair.Cert}},
		{"https-key-file", []string{"--https-key-file", pair.Key}},
		{"https-key-file", []string{"--https-addr", "127.0.0.1:0", "--https-cert-file", pair.Cert}},
		{"https-key-file", append(files, "--https-cert-file", pair.Cert+","+pair.Cert)},
		{"https-redirect", []string{"--https-redirect"}},
		{"https-redirect", append(files, "--https-redirect", "--public-url", "http://shop.example")},
		{"acme-domains", []string{"--acme-domains", "shop.example"}},
		{"acme-domains", append(files, "--acme-domains", "shop.example")},
		{"acme-domains", []string{"--https-addr", "127.0.0.1:0", "--acme-domains", "*.shop.example"}},
		{"acme-domains", []string{"--https-addr", "127.0.0.1:0", "--acme-domains", "192.0.2.1"}},
		{"acme-url", []string{"--https-addr", "127.0.0.1:0", "--acme-domains", "shop.example", "--acme-url", "ca.example"}},
		{"acme-ca-file", []string{"--https-addr", "127.0.0.1:0", "--acme-domains", "shop.example", "--acme-ca-file", pair.Key}},
	} {
		_, err := parseOptions(settings(t, c.args...))
		var usage *flagenv.UsageError
		if !errors.As(err, &usage) || !strings.HasPrefix(err.Error(), "--"+c.flag+":") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", c.args, err)
		}
	}
	other := httpstest.New(t).Files(t, "shop.example")
	err := serve(t.Context(), settings(t, "--https-addr", "127.0.0.1:0", "--https-cert-file", pair.Cert, "--https-key-file", other.Key))
	if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.HasPrefix(err.Error(), "--https-cert-file:") {
		t.Errorf("a key of another certificate: %v", err)
	}
}

// started runs an edge without a core until the test ends, or stop.
func started(t *testing.T, ops string, args ...string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, append(args, "--ops-addr", ops, "--log-level", "error")) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() { _ = stop() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get("http://" + ops + "/healthz"); err == nil {
			_ = resp.Body.Close()
			return stop
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("serve ended: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the edge does not answer")
		}
	}
}

// read asks a server for a document.
func read(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(b)
}

// TestServeWithTLS: the shop answers at the TLS listener, a new certificate is served without a restart, and the
// metric says when it ends.
func TestServeWithTLS(t *testing.T) {
	ca := httpstest.New(t)
	pair := ca.Files(t, "shop.example")
	secure, ops := free(t), free(t)
	started(t, ops, settings(t, "--https-addr", secure, "--https-cert-file", pair.Cert, "--https-key-file", pair.Key)...)
	client := func() *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{ServerName: "shop.example", RootCAs: ca.Pool()}}}
	}
	if body := read(t, client(), "https://"+secure+"/robots.txt"); !strings.Contains(body, "Sitemap: https://"+secure) {
		t.Errorf("robots.txt: %s", body)
	}
	ends := time.Now().Add(30 * 24 * time.Hour)
	cert, key := ca.Issue(t, ends, "shop.example")
	httpstest.Write(t, pair.Key, key)
	httpstest.Write(t, pair.Cert, cert)
	want := fmt.Sprintf("meridian_edge_https_certificate_expires_seconds{name=\"shop.example\"} %v", float64(ends.Unix()))
	for end := time.Now().Add(20 * time.Second); !strings.Contains(read(t, http.DefaultClient, "http://"+ops+"/metrics"), want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the metrics never have %s", want)
		}
	}
	c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: "shop.example", RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if at := c.ConnectionState().PeerCertificates[0].NotAfter; at.Unix() != ends.Unix() {
		t.Errorf("a certificate is served that ends at %v", at)
	}
}

// TestASuccessorThatCannotOffer: an edge that could not be replaced itself replaces nobody. The running one serves on,
// and can still be replaced.
func TestASuccessorThatCannotOffer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "edge.sock")
	shop, ops := free(t), free(t)
	args := settings(t, "--addr", shop, "--handover", path)
	started(t, ops, args...)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // it answers a moment before it offers
		if _, err := os.Lstat(path); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	// What a process listens at before it offers anything, which this one shares with the edge above.
	early := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.MkdirAll(filepath.Join(early, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := serve(t.Context(), append(args, "--ops-addr", ops, "--log-level", "error"))
	if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.HasPrefix(err.Error(), "--handover:") {
		t.Errorf("the successor ended with %v", err)
	}
	read(t, http.DefaultClient, "http://"+shop+"/robots.txt")
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("%v, %v is where a successor asks", info, err)
	}
}

package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/internal/flagenv"
	"meridian/internal/loopback"
)

// settings are enough to start, in a directory of the test's own.
func settings(t *testing.T, more ...string) []string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "a-cluster-token-of-length\n", "cookie": "a-cookie-secret-of-length"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return append([]string{"--cluster-token-file", filepath.Join(dir, "token"), "--cookie-secret-file", filepath.Join(dir, "cookie"), "--spool", filepath.Join(dir, "spool"),
		"--addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0", "--cores", "core-eu=eu@127.0.0.1:1"}, more...)
}

func TestBadSettingsNameTheFlag(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flag, value string }{
		{"cores", "core-eu"}, {"cores", "core-eu=eu@nowhere"}, {"cores", "=eu@127.0.0.1:1"}, {"cluster-token-file", ""}, {"cluster-token-file", short},
		{"cluster-token-file", short + "-none"}, {"cookie-secret-file", short}, {"addr", "8080"}, {"addr", ""}, {"ops-addr", "x"}, {"public-url", "shop.example"},
		{"currency", "eur"}, {"currency", "EURO"}, {"country", "Germany"}, {"cache-bytes", "1KiB"}, {"cache-bytes", "lots"}, {"cache-bytes", "-5MiB"}, {"cache-bytes", "99999999999GiB"},
		{"cache-ttl", "0s"}, {"cache-ttl", "soon"}, {"rtt", "3s"}, {"rtt", "-1s"}, {"max-conns-per-address", "0"}, {"cart-writes", "0"}, {"browse", "0"}, {"searches", "0"}, {"admin-requests", "0"}, {"checkouts", "NaN"},
		{"trusted-proxies", "10.0.0.1"}, {"client-header", "Via"}, {"proxy-protocol", "all"}, {"unlimited", "localhost"}, {"clickhouse-url", "ftp://x"}, {"clickhouse-database", "a b"}, {"clickhouse-cluster", "a`b"}, {"clickhouse-ca-file", "none.pem"}, {"spool", ""}, {"spool-bytes", "1"}, {"id", "Edge EU"}, {"log-level", "loud"}, {"consent", "never"}, {"colour", "red"},
	} {
		_, err := parseOptions(settings(t, "--"+c.flag, c.value))
		var usage *flagenv.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--"+c.flag) || strings.Contains(err.Error(), "\n") {
			t.Errorf("--%s %q: %v", c.flag, c.value, err)
		}
	}
}

// Plain text never leaves the machine.
func TestPlainCoresElsewhereAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--cores", "core-eu=eu@10.0.0.1:8100"}, {"--tls-cert", "node.crt"}, {"--tls-cert", "a", "--tls-key", "b", "--tls-ca", "c"}} {
		err := serve(t.Context(), settings(t, args...))
		if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.HasPrefix(err.Error(), args[0]) && !strings.Contains(err.Error(), "--tls-c") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestEverySettingHasADefaultThatWorks(t *testing.T) {
	o, err := parseOptions(settings(t))
	if err != nil {
		t.Fatal(err)
	}
	if o.cacheBytes.String() != "256MiB" || o.spoolBytes.String() != "1GiB" || o.token != "a-cluster-token-of-length" || o.distance("eu", "eu") != 0 {
		t.Errorf("%+v", o)
	}
	if _, err := parseOptions([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

// An edge without a core is not ready, says so in the shop's look, and stops as asked.
func TestServeWithoutACore(t *testing.T) {
	shop, ops := free(t), free(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, settings(t, "--addr", shop, "--ops-addr", ops, "--log-level", "error", "--s3-endpoint", "127.0.0.1:1", "--s3-access-key", "a", "--s3-secret-key-file", secretFile(t)))
	}()
	get := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if status, _ := get("http://" + ops + "/healthz"); status == 200 {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("serve ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the edge does not answer")
		}
	}
	if status, _ := get("http://" + ops + "/readyz"); status != 503 {
		t.Errorf("ready without a core: %d", status)
	}
	if status, body := get("http://" + shop + "/products/mug"); status != 503 || !strings.Contains(body, "<html") || strings.Contains(body, "127.0.0.1:1") {
		t.Errorf("a page without a core: %d %.300s", status, body)
	}
	if status, body := get("http://" + shop + "/robots.txt"); status != 200 || !strings.Contains(body, "Sitemap:") {
		t.Errorf("robots.txt: %d %s", status, body)
	}
	if status, body := get("http://" + ops + "/metrics"); status != 200 || !strings.Contains(body, "meridian_edge_clickstream_accepted_total 0") {
		t.Errorf("metrics: %d without the clickstream", status)
	}
	if err := serve(context.Background(), settings(t, "--addr", shop, "--ops-addr", "")); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("a port in use: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped as asked: %v", err)
	}
}

// free is a loopback address that nothing listens on.
func free(t *testing.T) string {
	t.Helper()
	addrs, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	return addrs[0]
}

func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s3")
	if err := os.WriteFile(file, []byte("an-s3-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

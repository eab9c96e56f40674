package analytics

import (
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr, cluster string
		hosts         string // none: refused
	}{
		{"http://127.0.0.1:8140", "", "127.0.0.1:8140"},
		{"clickhouse://a:9000", "main", "a:9000"},
		{"clickhouse://a:9000,b:9001/?secure=true", "main", "a:9000 b:9001"},
		{"https://[::1]:8443,b", "main", "[::1]:8443 b"},
		{"clickhouse://a:9000,b:9000", "", ""},
		{"clickhouse://a:9000,", "main", ""},
		{"clickhouse://a:9000,:9000", "main", ""},
		{"clickhouse://a:port", "main", ""},
		{"a:9000", "main", ""},
		{"ftp://a", "", ""},
		{"http://a", "ma`in", ""},
		{"http://a", "-", ""},
	} {
		cfg := Config{Addr: c.addr, Cluster: c.cluster, Dir: "spool", Edge: "edge-a"}
		err := cfg.Validate()
		if (err != nil) != (c.hosts == "") {
			t.Errorf("%s %s: %v", c.addr, c.cluster, err)
		}
		if err != nil {
			continue
		}
		hosts, err := cfg.hosts()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, h := range hosts {
			o, err := cfg.options(h, "default")
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, o.Addr...)
			if secure := strings.Contains(c.addr, "https:") || strings.Contains(c.addr, "secure=true"); secure != (o.TLS != nil) {
				t.Errorf("%s: TLS %v", c.addr, o.TLS != nil)
			}
			if native := strings.HasPrefix(c.addr, "clickhouse:"); native != (o.Protocol == clickhouse.Native) || o.Compression.Method != clickhouse.CompressionLZ4 {
				t.Errorf("%s: %v", c.addr, o.Protocol)
			}
		}
		if got := strings.Join(names, " "); got != c.hosts {
			t.Errorf("%s: %s", c.addr, got)
		}
	}
}

// TestTLS delivers over TLS with an authority of one's own, and to nobody whose certificate another one has signed.
func TestTLS(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	target, err := url.Parse(e.url())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	defer front.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	a := openTest(t, Config{Addr: front.URL, CAFile: ca})
	if err := a.spool.Append(t.Context(), newShopper(t).rows(t, 20)); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	once(t, e, 20)

	cfg := Config{Addr: front.URL, Dir: t.TempDir(), Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if w, err := openWarehouse(t.Context(), &cfg, 0); err == nil {
		w.close()
		t.Error("an unknown authority was believed")
	} else if !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	for _, bad := range []Config{{Addr: front.URL, CAFile: ca + ".none"}, {Addr: front.URL, CAFile: writeFile(t, "no certificate")}, {Addr: e.url(), CAFile: ca}} {
		bad.Dir, bad.Edge = t.TempDir(), "edge-a"
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "CAFile") {
			t.Errorf("%s: %v", bad.CAFile, err)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOperations(t *testing.T) {
	c := start(t, t.TempDir())
	c.post(t, "", "SELECT broken(")
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "clickhouse_engine_refused_total 1"} {
		resp, err := http.Get(c.url + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s: %d %q %v", path, resp.StatusCode, b, err)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/api"
	"meridian/internal/flagenv"
)

// TestIssueKeepsAnothersKey: a second node's certificate does not take the place of the first one's.
func TestIssueKeepsAnothersKey(t *testing.T) {
	dir := t.TempDir()
	ca, out := filepath.Join(dir, "ca"), filepath.Join(dir, "core-eu")
	for _, args := range [][]string{{"ca", "init", "--dir", ca}, {"ca", "issue", "--dir", ca, "--name", "core-eu", "--out", out}} {
		if err := run(context.Background(), args); err != nil {
			t.Fatal(err)
		}
	}
	files := func() (all []byte) {
		for _, name := range []string{nodeKey, nodeCert} {
			b, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return all
	}
	before := files()
	err := run(context.Background(), []string{"ca", "issue", "--dir", ca, "--name", "core-us", "--out", out})
	if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "name another directory") {
		t.Error(err)
	}
	if !bytes.Equal(before, files()) {
		t.Error("the key or the certificate of core-eu changed")
	}
}

// TestRefusalNamesTheField: what the shop says of a field reaches the operator.
func TestRefusalNamesTheField(t *testing.T) {
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(api.Invalid("role", "A member is a voter or a learner."))
	}))
	defer shop.Close()
	err := run(context.Background(), []string{"members", "promote", "core-9", "--shop", shop.URL, "--token", "t"})
	if err == nil || !strings.Contains(err.Error(), "role: A member is a voter or a learner.") {
		t.Error(err)
	}
	if err := run(context.Background(), []string{"members", "add", "core-9", "--shop", shop.URL, "--token", "t"}); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "--raft") {
		t.Error(err)
	}
}

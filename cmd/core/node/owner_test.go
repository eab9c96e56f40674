package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClaim(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := Claim(dir, "core-1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := Claim(dir, "core-2"); err == nil || !strings.Contains(err.Error(), "of core-1, and this node is core-2") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Claim(dir, "core-1"); err == nil || !strings.Contains(err.Error(), "node-id is empty") || !strings.Contains(err.Error(), "if that is core-1 for certain") {
		t.Error(err)
	}
}

package node

import (
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
}

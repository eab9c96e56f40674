package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCommittedFilesAreFresh fails when assets/ changed and go generate was not run.
func TestCommittedFilesAreFresh(t *testing.T) {
	const web = "../.."
	want, err := build(web)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range want {
		got, err := os.ReadFile(filepath.Join(web, name))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s is stale; run go generate in web/ (%v)", name, err)
		}
	}
	committed, err := os.ReadDir(filepath.Join(web, "static"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range committed {
		if _, ok := want["static/"+e.Name()]; !ok {
			t.Errorf("static/%s comes from no source; run go generate in web/", e.Name())
		}
	}
}

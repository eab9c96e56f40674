package main

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/flagenv"
	"meridian/recommend/recseval"
)

func TestRecsEvalSaysWhatItWants(t *testing.T) {
	var out strings.Builder
	if err := run(context.Background(), []string{"recs-eval", "--help"}, &out); flagenv.ExitCode(err) != 0 || !strings.Contains(out.String(), "--train") || !strings.Contains(out.String(), "MRR@20 the mean") {
		t.Errorf("%v: %s", err, out.String())
	}
	good := filepath.Join(t.TempDir(), "good.tsv")
	if err := os.WriteFile(good, []byte("1 a b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{"--train": {"--test", good}, "--test": {"--train", good}} {
		if err := run(context.Background(), append([]string{"recs-eval"}, args...), io.Discard); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for text, want := range map[string]string{"": "no session", "1 a\nx b\n": "line 2", "1 A\n": "no item"} {
		bad := filepath.Join(t.TempDir(), "bad.tsv")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run(context.Background(), []string{"recs-eval", "--train", bad, "--test", good}, io.Discard); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSessionsMayBePacked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.tsv.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, _ = io.WriteString(z, "1 a b\r\n2 c\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := recseval.ReadFile(path)
	if err != nil || len(got) != 2 || describe(got) != "2 sessions with 3 views" {
		t.Errorf("%v, %v", got, err)
	}
}

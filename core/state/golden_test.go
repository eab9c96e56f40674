package state

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Formats are for ever: write golden files with -update for a new version only.
var update = flag.Bool("update", false, "write the golden files of the present formats")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	text := []byte(hex.EncodeToString(got) + "\n")
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s is\n%swant\n%s", name, text, want)
	}
}

var goldenPosition = Position{Index: 0x0102, Term: 3, Reached: 0x0105, Hash: 0x1122334455667788, Timeline: 2}

func TestGoldenFormats(t *testing.T) {
	golden(t, "position-v1.hex", goldenPosition.encode())
	if p, err := decodePosition(goldenPosition.encode()); err != nil || p != goldenPosition {
		t.Errorf("position: %+v, %v", p, err)
	}
	s := tally{count: 9, sum: 0xfedcba9876543210}
	golden(t, "tally-v1.hex", s.encode())
	if got, err := decodeTally(s.encode()); err != nil || got != s {
		t.Errorf("tally: %+v, %v", got, err)
	}
	h := header{index: 0x0105, term: 3, length: 65536}
	golden(t, "snapshot-header-v1.hex", h.encode())
	if got, err := decodeHeader(h.encode()); err != nil || got != h {
		t.Errorf("header: %+v, %v", got, err)
	}
}

// goldenRows puts what the golden file and snapshot hold.
func goldenRows(s *shop) {
	s.Update(10, 2, func() {
		s.hot.Put("mug-teal", "12")
		s.cold.Put("order 1", "two mugs")
		s.cold.Put("order 2", "nothing")
	})
	s.Update(12, 2, func() { s.cold.Delete("order 2"); s.cold.Put("order 3", strings.Repeat("long ", 2000)) })
	s.Reached(13)
}

const goldenHash = 0x2f917b978cb1cb6b

func mustBeGolden(t *testing.T, s *shop) {
	t.Helper()
	want := Position{Index: 12, Term: 2, Reached: 13, Hash: goldenHash, Timeline: 1}
	if s.Position() != want {
		t.Errorf("position %+v, want %+v", s.Position(), want)
	}
	s.View(func() {
		hot, _ := s.hot.Get("mug-teal")
		cold, _ := s.cold.Get("order 1")
		_, gone := s.cold.Get("order 2")
		if hot != "12" || cold != "two mugs" || gone || s.cold.Len() != 2 {
			t.Errorf("rows: %q, %q, %v, %d", hot, cold, gone, s.cold.Len())
		}
	})
	verify(t, s)
}

// TestGoldenFile opens a file and restores a snapshot that version 1 wrote.
func TestGoldenFile(t *testing.T) {
	path := newPath(t)
	if *update {
		s := open(t, newPath(t))
		goldenRows(s)
		stream := snapshotOf(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(s.opts.Path)
		if err != nil {
			t.Fatal(err)
		}
		pack(t, "state-v1.gz", file)
		pack(t, "snapshot-v1.gz", stream)
	}
	if err := os.WriteFile(path, unpack(t, "state-v1.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustBeGolden(t, open(t, path))
	s := open(t, newPath(t))
	if err := s.Restore(bytes.NewReader(unpack(t, "snapshot-v1.gz"))); err != nil {
		t.Fatal(err)
	}
	mustBeGolden(t, s)
	fresh := open(t, newPath(t))
	goldenRows(fresh)
	mustBeGolden(t, fresh)
	rows := map[string]map[string]string{
		"stock":  {"mug-teal": "12"},
		"orders": {"order 1": "two mugs", "order 3": strings.Repeat("long ", 2000)},
	}
	if got := modelHash(rows); got != goldenHash {
		t.Errorf("the rows give %016x", got)
	}
}

func pack(t *testing.T, name string, b []byte) {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := OpenKeyring(path, false); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "copy it from another core") {
		t.Errorf("missing file: %v", err)
	}
	// Processes that create at the same time must end up with one ring.
	prints := make([]string, 8)
	var all sync.WaitGroup
	for i := range prints {
		all.Go(func() {
			k, err := OpenKeyring(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = k.Fingerprint()
		})
	}
	all.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Fatalf("rings differ: %v", prints)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if _, err := OpenKeyring(filepath.Join(t.TempDir(), "missing", "keys.json"), true); err == nil {
		t.Error("created in a missing directory")
	}
}

func TestWrongMode(t *testing.T) {
	_, path := newRing(t)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o620, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyring(path, true); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o400, 0o600} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyring(path, false); err != nil {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := OpenKeyring(filepath.Dir(path), true); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

// ringJSON is the golden ring after a change.
func ringJSON(t testing.TB, change func(m map[string]any)) string {
	t.Helper()
	b, err := os.ReadFile("testdata/ring-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func malformedRings(t testing.TB) map[string]string {
	kek := func(m map[string]any, i int) map[string]any { return m["keks"].([]any)[i].(map[string]any) }
	whole := ringJSON(t, func(map[string]any) {})
	return map[string]string{
		"":                                 "not the JSON",
		"{":                                "not the JSON",
		"null":                             "version 0",
		"[]":                               "not the JSON",
		whole[:len(whole)-1]:               "not the JSON",
		whole + "x":                        "follows",
		whole + whole:                      "follows",
		strings.Repeat(" ", ringFileMax+1): "longer than",
		ringJSON(t, func(m map[string]any) { m["version"] = 2 }):                            "version 2",
		ringJSON(t, func(m map[string]any) { m["extra"] = 1 }):                              "not the JSON",
		ringJSON(t, func(m map[string]any) { m["current"] = 3 }):                            "current KEK, 3",
		ringJSON(t, func(m map[string]any) { m["current"] = -1 }):                           "not the JSON",
		ringJSON(t, func(m map[string]any) { m["keks"] = []any{} }):                         "0 KEKs",
		ringJSON(t, func(m map[string]any) { m["keks"] = make([]any, ringKEKsMax+1) }):      "257 KEKs",
		ringJSON(t, func(m map[string]any) { delete(m, "lookup") }):                         "look-up key: 0 bytes",
		ringJSON(t, func(m map[string]any) { m["lookup"] = "AAAA" }):                        "look-up key: 3 bytes",
		ringJSON(t, func(m map[string]any) { m["lookup"] = strings.Repeat("A", 43) + "=" }): "all zero",
		ringJSON(t, func(m map[string]any) { m["lookup"] = "not base64!" }):                 "not the JSON",
		ringJSON(t, func(m map[string]any) { kek(m, 1)["id"] = 1 }):                         "twice",
		ringJSON(t, func(m map[string]any) { kek(m, 0)["id"] = 0 }):                         "without id",
		ringJSON(t, func(m map[string]any) { kek(m, 0)["key"] = "AAAA" }):                   "KEK 1: 3 bytes",
	}
}

func TestMalformedRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	for text, words := range malformedRings(t) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKeyring(path, true)
		if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%.80q: %v, want an error about %q", text, err, words)
		}
		if after, rerr := os.ReadFile(path); rerr != nil || string(after) != text {
			t.Errorf("%.80q: the file was changed", text)
		}
	}
}

// FuzzParseKeyring: what parses can be written and parsed again, and no error shows a key.
func FuzzParseKeyring(f *testing.F) {
	for text := range malformedRings(f) {
		f.Add([]byte(text))
	}
	f.Add([]byte(ringJSON(f, func(map[string]any) {})))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeyring(b)
		if err != nil {
			if len(err.Error()) > 100 {
				t.Errorf("long error: %v", err)
			}
			return
		}
		again, err := json.Marshal(k.file)
		if err != nil {
			t.Fatal(err)
		}
		k2, err := parseKeyring(again)
		if err != nil || !bytes.Equal(k2.lookup, k.lookup) || k2.current != k.current {
			t.Errorf("written and read again: %v", err)
		}
	})
}

// TestDamagedKEK: a ring with a key that was changed does not open; one of before check values does.
func TestDamagedKEK(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	k, err := OpenKeyring(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	for i := range k.file.KEKs {
		bad := k.file
		bad.KEKs = slices.Clone(k.file.KEKs)
		bad.KEKs[i].Key = slices.Clone(bad.KEKs[i].Key)
		bad.KEKs[i].Key[7] ^= 4
		if err := writeRing(path, bad, os.Rename); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyring(path, false); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("key %d: %v", i, err)
		}
		bad.KEKs[i].Check = nil
		if err := writeRing(path, bad, os.Rename); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyring(path, false); err != nil {
			t.Errorf("a key without a check value: %v", err)
		}
	}
}

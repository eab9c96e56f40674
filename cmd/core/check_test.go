package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/api"
	"meridian/cmd/core/node"
	"meridian/core"
	"meridian/core/payments"
	"meridian/core/seal"
	"meridian/internal/flagenv"
	"meridian/replication"
)

// stoppedNode is the data directory of a node that has sold a little and was stopped.
func stoppedNode(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	keys, err := seal.OpenKeyring(filepath.Join(dir, "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := payments.New(payments.Config{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	data := filepath.Join(dir, "data")
	n, err := node.Open(node.Config{ID: "core-1", Region: "local", Data: data, APIAddr: "127.0.0.1:0", RaftAddr: "127.0.0.1:0",
		Peers: []replication.Member{{ID: "core-1", Region: "local", Addr: "127.0.0.1:0"}}, Token: "a secret of more than sixteen", Keyring: keys,
		Staff:    []core.Staff{{Email: "ops@example.com", Role: "operator", Password: "a long password", Token: operator}},
		Payments: provider, Heartbeat: 300 * time.Millisecond, MmapSize: 1 << 28, Logger: slog.New(slog.DiscardHandler),
		Exit: func(_ int, reason error) { t.Errorf("the node stopped: %v", reason) }})
	if err != nil {
		t.Fatal(err)
	}
	soon(t, "the node to be ready", func() bool { return n.Ready() == nil })
	for i := range 40 {
		body, err := json.Marshal(api.NewCustomer{Email: fmt.Sprintf("a%d@example.com", i), Password: "a long password", Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Service.Serve(t.Context(), api.CustomersCreate.Name, api.Call{Key: fmt.Sprint("k", i)}, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// checked runs `core check` as a process: a damaged file may not take it down with a trace.
func checked(t *testing.T, data string, env ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "check", "--data", data)
	cmd.Env = append(append(os.Environ(), asCore+"=1"), env...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// TestCheckOfDamage flips bits in the headers of pages: each time check ends in a sentence that says what
// to do, and changes nothing.
func TestCheckOfDamage(t *testing.T) {
	data := stoppedNode(t)
	path := filepath.Join(data, "state.db")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out, code := checked(t, data); code != 0 || !strings.Contains(out, "every invariant holds; the log and the snapshots beside it were not read") {
		t.Fatalf("exit %d: %s", code, out)
	}
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	pages := keyPages(t, sound)
	found := 0
	for i := range 24 {
		bad := bytes.Clone(sound)
		// Most damage to a page's header or to its first keys is damage to all that is below.
		at, bit := pages[rng.IntN(len(pages))]*os.Getpagesize()+rng.IntN(48), byte(1)<<rng.IntN(8)
		if i == 0 { // a page that claims a million others: counting them would take all memory
			at, bit = pages[0]*os.Getpagesize()+15, 1<<4
		}
		bad[at] ^= bit
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		out, code := checked(t, data)
		switch {
		case strings.Contains(out, "goroutine "):
			t.Errorf("bit %d of byte %d: a trace:\n%.600s", bit, at, out)
		case code == flagenv.ExitFailed && !strings.Contains(out, "treat it as a lost disk"):
			t.Errorf("bit %d of byte %d: no word of what to do: %s", bit, at, out)
		case strings.Contains(out, "still running"):
			t.Errorf("bit %d of byte %d: nobody is running: %s", bit, at, out)
		case code != 0:
			found++
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("bit %d of byte %d: %v for %s", bit, at, took, out)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
			t.Fatalf("check changed the file, %v", err)
		}
	}
	t.Logf("%d of 24 found, in %d pages", found, len(pages))
	if found == 0 {
		t.Error("no damage was found at all")
	}
}

// keyPages are the pages of a bbolt file that hold keys, or did before they were given up. A page begins
// with its number (8 bytes), its kind (2; 1: branch, 2: leaf) and how many keys it has (2).
func keyPages(t *testing.T, file []byte) (pages []int) {
	t.Helper()
	size := os.Getpagesize()
	for i := 2; i < len(file)/size; i++ {
		h := file[i*size:]
		number, kind, keys := binary.NativeEndian.Uint64(h), binary.NativeEndian.Uint16(h[8:]), binary.NativeEndian.Uint16(h[10:])
		if number == uint64(i) && (kind == 1 || kind == 2) && keys > 0 {
			pages = append(pages, i)
		}
	}
	if len(pages) == 0 {
		t.Fatal("no page holds a key")
	}
	return pages
}

func TestCheckOfAnEmptyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), []string{"check", "--data", dir}); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("check wrote to it: %v, %v", info, err)
	}
}

func TestCheckOfAnEmptyState(t *testing.T) {
	t.Setenv(asCore, "1") // for the process that reads
	dir := t.TempDir()
	m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(dir, "state.db"), InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	if out, code := checked(t, dir); code != flagenv.ExitFailed || !strings.Contains(out, "is the node still running?") {
		t.Errorf("while it is open: exit %d, %s", code, out)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := run(context.Background(), []string{"check", "--data", dir}); err == nil || !strings.Contains(err.Error(), "holds no state yet") {
		t.Error(err)
	}
}

// TestCheckTakesNoBackupFromServe: CORE_BACKUP is a setting of serve.
func TestCheckTakesNoBackupFromServe(t *testing.T) {
	out, code := checked(t, t.TempDir(), "CORE_BACKUP=s3://bucket/shop")
	if code != flagenv.ExitBadConfig || !strings.Contains(out, "--data") {
		t.Errorf("exit %d, %s", code, out)
	}
	if err := run(context.Background(), []string{"check", "--data", "a", "--backup", "s3://bucket/shop"}); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "one at a time") {
		t.Error(err)
	}
}

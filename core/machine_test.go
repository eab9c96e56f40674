package core_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meridian/api"
	"meridian/core"
)

var update = flag.Bool("update", false, "write the golden files anew: only for formats that were never released")

// TestGoldenFormats holds the written forms of commands, headers and rows still.
func TestGoldenFormats(t *testing.T) {
	for name, b := range core.GoldenCommands() {
		path := filepath.Join("testdata", name+".hex")
		got := hex.EncodeToString(b) + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is written as\n%s, but was written as\n%s: old logs could not be read any more", name, got, want)
		}
	}
}

// busyDay gives a shop a history with every kind of outcome.
func busyDay(s *shop) {
	s.mugs("A", 10)
	s.mugs("B", 3)
	for i, token := range []string{"tok_ok", "tok_declined", "tok_ok", "tok_error"} {
		c := s.cart("A", int64(i+1))
		ask(s, api.CheckoutCart, purchase(c.ID, token), api.Call{Key: keyN(i)})
	}
	get(s, api.StockAdjust, api.AdjustStock{SKU: "B", Delta: 4, Reason: "delivery"}, s.staffCall("d"))
	get(s, api.CustomersCreate, api.NewCustomer{Email: "ada@example.com", Password: "correct horse", Name: "Ada"}, api.Call{})
	c := s.cart("B", 1)
	o := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "cancel me"})
	get(s, api.OrdersCancel, api.OrderAction{ID: o.ID}, s.staffCall("cancel"))
}

// replay applies a shop's log to a new machine, checkpointing wherever at says.
func replay(t *testing.T, s *shop, at func(i int) bool) *core.Machine {
	t.Helper()
	m := openMachine(t, filepath.Join(t.TempDir(), "replica.db"))
	t.Cleanup(func() { m.Close() })
	s.log.mu.Lock() // a request that nobody waits for any more may still propose
	entries := slices.Clone(s.log.entries)
	s.log.mu.Unlock()
	for i, e := range entries {
		m.Apply(e.index, 1, e.head, e.commands)
		if at(i) {
			if err := m.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

func TestReplicasAgree(t *testing.T) {
	s := newShop(t)
	busyDay(s)
	for name, at := range map[string]func(int) bool{
		"never checkpointed":  func(int) bool { return false },
		"always checkpointed": func(int) bool { return true },
	} {
		if m := replay(t, s, at); m.Hash() != s.machine.Hash() {
			t.Errorf("a replica that was %s has hash %016x, the leader %016x", name, m.Hash(), s.machine.Hash())
		}
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	s := newShop(t)
	busyDay(s)
	path := filepath.Join(t.TempDir(), "state.db")
	m := openMachine(t, path)
	half := len(s.log.entries) / 2
	apply := func(from int) {
		for _, e := range s.log.entries[from:] {
			m.Apply(e.index, 1, e.head, e.commands)
		}
	}
	for _, e := range s.log.entries[:half] {
		m.Apply(e.index, 1, e.head, e.commands)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = openMachine(t, path)
	apply(0) // raft replays from its snapshot: what is applied already is skipped
	if m.Hash() != s.machine.Hash() {
		t.Errorf("after a restart the hash is %016x, not %016x", m.Hash(), s.machine.Hash())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotCarriesEverything(t *testing.T) {
	s := newShop(t)
	busyDay(s)
	snap, err := s.machine.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var b bytes.Buffer
	if _, err := snap.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	m := openMachine(t, filepath.Join(t.TempDir(), "state.db"))
	defer m.Close()
	if err := m.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if m.Hash() != s.machine.Hash() {
		t.Error("the restored state has another hash")
	}
	if r, err := m.Check(); err != nil || len(r.Problems) > 0 {
		t.Errorf("%v %v", r.Problems, err)
	}
}

// TestGateHash lets a replica differ: it stops at the next entry whose header carries the leader's
// hash, and goes on unnoticed when the check is off.
func TestGateHash(t *testing.T) {
	for _, off := range []bool{false, true} {
		s := newShop(t)
		s.mugs("A", 10)
		var stopped []string
		m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(t.TempDir(), "r.db"), InitialMmapSize: 1 << 28, Fail: func(err error) { stopped = append(stopped, err.Error()) }})
		if err != nil {
			t.Fatal(err)
		}
		if off {
			m.SkipHashCheck()
		}
		last := len(s.log.entries)
		for _, e := range s.log.entries[:last-1] {
			m.Apply(e.index, 1, e.head, e.commands)
		}
		m.Damage(uint64(last), "NONE")
		m.Apply(uint64(last+1), 1, core.Header(1, uint64(last), 12345), [][]byte{core.Tick()})
		if (len(stopped) == 0) != off {
			t.Errorf("check off %v: stopped %q", off, stopped)
		}
		if !off && !strings.Contains(stopped[0], "differs from the leader at index") {
			t.Errorf("the reason does not say what to do: %q", stopped[0])
		}
		m.Close()
	}
}

func FuzzCommand(f *testing.F) {
	for _, b := range core.GoldenCommands() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = core.DecodeCommand(b)
		_ = core.DecodeHeader(b)
		m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(t.TempDir(), "s.db"), InitialMmapSize: 1 << 24, Fail: func(error) {}})
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(1, 1, core.Header(1, 0, 0), [][]byte{b})
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzAdjust: what decodes is what was encoded.
func FuzzAdjust(f *testing.F) {
	for _, b := range core.GoldenCommands() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, err := core.DecodeAdjust(b); err == nil && len(again) > len(b) {
			t.Errorf("%x came back as %x", b, again)
		}
		if hand, library, errHand, errLibrary := core.DecodeStockRow(b); (errHand == nil) != (errLibrary == nil) || (errHand == nil && hand != library) {
			t.Errorf("%x is read as %v, %v by hand and %v, %v by the library", b, hand, errHand, library, errLibrary)
		}
		if again, err := core.DecodeStockLog(b); err == nil && len(again) > len(b) {
			t.Errorf("%x came back as %x", b, again)
		}
	})
}

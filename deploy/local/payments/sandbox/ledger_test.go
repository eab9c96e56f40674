package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func openAll(t *testing.T, path string) (*Ledger, []string, int64) {
	t.Helper()
	var got []string
	l, cut, err := OpenLedger(path, func(p []byte) error { got = append(got, string(p)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return l, got, cut
}

func TestLedgerKeepsOrderAndSharesFsyncs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l, _, _ := openAll(t, path)
	var order sync.Mutex
	var want []string
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			order.Lock()
			p := fmt.Sprintf("payment %d", i)
			want = append(want, p)
			seq := l.Append([]byte(p))
			order.Unlock()
			if err := l.Wait(context.Background(), seq); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, got, cut := openAll(t, path)
	defer l.Close()
	if cut != 0 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("cut %d, replayed %d of %d records in another order", cut, len(got), len(want))
	}
}

// TestTornTailAtEveryByte cuts the file at each length and flips each byte: what was before the
// damage is replayed, and the ledger goes on from there.
func TestTornTailAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	l, _, _ := openAll(t, whole)
	for _, p := range []string{"one", "two", "three"} {
		l.Append([]byte(p))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{headerBytes, headerBytes + 8 + 3, headerBytes + 16 + 6, headerBytes + 24 + 11}
	complete := func(n int) (k int) {
		for k < 3 && ends[k+1] <= n {
			k++
		}
		return k
	}
	try := func(name string, content []byte, want int) {
		path := filepath.Join(dir, "torn")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		l, got, _ := openAll(t, path)
		if len(got) != want {
			t.Fatalf("%s: replayed %d records, want %d", name, len(got), want)
		}
		l.Append([]byte("after"))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l, got, cut := openAll(t, path)
		l.Close()
		if cut != 0 || len(got) != want+1 || got[want] != "after" {
			t.Fatalf("%s: after going on: cut %d, %q", name, cut, got)
		}
	}
	for n := range data {
		try(fmt.Sprintf("cut at %d", n), data[:n], complete(n))
	}
	for n := headerBytes; n < len(data); n++ {
		damaged := bytes.Clone(data)
		damaged[n] ^= 0x40
		try(fmt.Sprintf("flipped byte %d", n), damaged, complete(n))
	}
}

func TestForeignFileIsRefused(t *testing.T) {
	for name, content := range map[string]string{"another file": "#!/bin/sh\necho no\n", "a newer format": ledgerMagic + "\x09rest"} {
		path := filepath.Join(t.TempDir(), "l")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, _, err := OpenLedger(path, func([]byte) error { return nil }); err == nil {
			l.Close()
			t.Errorf("%s was opened", name)
		}
		if got, _ := os.ReadFile(path); string(got) != content {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestAFailedWriteIsNeverAcknowledged(t *testing.T) {
	l, _, _ := openAll(t, filepath.Join(t.TempDir(), "l"))
	l.file.Close()
	if err := l.Wait(context.Background(), l.Append([]byte("x"))); err == nil {
		t.Fatal("acknowledged without a disk")
	}
	<-l.Failed()
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(ledgerMagic + "\x01"))
	f.Add([]byte(ledgerMagic + "\x01\x03\x00\x00\x00\x00\x00\x00\x00abc"))
	good := append([]byte(ledgerMagic), ledgerVersion)
	r := record{kind: kindAuthorise, Key: "k", Order: "o", Token: TokenOK, Amount: 1, Currency: "EUR"}.encode()
	path := filepath.Join(f.TempDir(), "seed")
	if l, _, err := OpenLedger(path, func([]byte) error { return nil }); err == nil {
		l.Append(r)
		l.Append(record{kind: kindCapture, Key: "k"}.encode())
		l.Close()
		good, _ = os.ReadFile(path)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		b := newBook(nil)
		n, _ := Decode(bytes.NewReader(data), b.replay)
		if n < 0 || n > int64(len(data)) {
			t.Fatalf("good part of %d bytes out of %d", n, len(data))
		}
		for _, e := range b.all {
			if e.Refunded > e.Captured && e.Captured >= 0 {
				t.Fatalf("replay refunds %d of %d", e.Refunded, e.Captured)
			}
		}
	})
}

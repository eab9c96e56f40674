package state

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// words is a codec with a version byte in front of a string.
type words struct{}

func (words) Encode(s string) ([]byte, error) { return append([]byte{1}, s...), nil }

func (words) Decode(b []byte) (string, error) {
	if len(b) == 0 || b[0] != 1 {
		return "", errors.New("not words of version 1")
	}
	return string(b[1:]), nil
}

// shop is a DB with a table of each kind, checkpointed by hand unless a test asks for more.
type shop struct {
	*DB
	hot, cold *Table[string]
	failed    chan error
}

const never = time.Hour

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func prepare(t testing.TB, path string, every time.Duration) (*shop, error) {
	t.Helper()
	failed := make(chan error, 4)
	db, err := Open(Options{
		Path: path, CheckpointEvery: every, InitialMmapSize: 4 << 20, Logger: quiet(),
		Fail: func(err error) { failed <- err },
	})
	if err != nil {
		return nil, err
	}
	s := &shop{DB: db, failed: failed}
	s.hot = NewTable[string](db, "stock", Hot, words{})
	s.cold = NewTable[string](db, "orders", Cold, words{})
	if err := db.Load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// open opens a shop; when the test ends it is closed, and bbolt must find the file consistent.
func open(t testing.TB, path string) *shop { return openEvery(t, path, never) }

func openEvery(t testing.TB, path string, every time.Duration) *shop {
	t.Helper()
	s, err := prepare(t, path, every)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !t.Failed() && len(s.failed) == 0 && s.broken.Load() == nil {
			t.Errorf("close: %v", err)
		}
		checkFile(t, path)
	})
	return s
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "state.db") }

func checkFile(t testing.TB, path string) {
	t.Helper()
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
	if err != nil {
		t.Errorf("check %s: %v", path, err)
		return
	}
	defer func() { _ = bolt.Close() }()
	_ = bolt.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("check %s: %v", path, err)
		}
		return nil
	})
}

func verify(t testing.TB, s *shop) {
	t.Helper()
	if err := s.Verify(); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *shop, index uint64, key, value string) {
	t.Helper()
	s.Update(index, 1, func() { s.hot.Put(key, value); s.cold.Put(key, value) })
}

func both(s *shop, key string) (hot, cold string) {
	s.View(func() {
		hot, _ = s.hot.Get(key)
		cold, _ = s.cold.Get(key)
	})
	return hot, cold
}

func mustHave(t testing.TB, s *shop, key, value string) {
	t.Helper()
	if hot, cold := both(s, key); hot != value || cold != value {
		t.Fatalf("%q is %q hot and %q cold, want %q", key, hot, cold, value)
	}
}

func checkpoint(t testing.TB, s *shop) {
	t.Helper()
	if err := s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// seed is printed, and given again with STATE_SEED.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := rand.Uint64()
	if s := os.Getenv("STATE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("STATE_SEED=%d", n)
	return n
}

// play applies the entry that a seed gives for an index: the same on every call.
func play(s *shop, seed, index uint64) {
	r := rand.New(rand.NewPCG(seed, index))
	s.Update(index, 1+index/50, func() {
		for range 1 + r.IntN(8) {
			table := s.hot
			if r.IntN(2) == 0 {
				table = s.cold
			}
			key := fmt.Sprintf("k%03d", r.IntN(120))
			if r.IntN(4) == 0 {
				table.Delete(key)
				continue
			}
			table.Put(key, fmt.Sprintf("%d-%d-%0*d", index, r.IntN(1000), r.IntN(300), 0))
		}
	})
}

// truth gives the hash after every entry up to last, from a DB that never stops.
func truth(t testing.TB, seed, last uint64) map[uint64]uint64 {
	t.Helper()
	s := open(t, newPath(t))
	hashes := map[uint64]uint64{0: 0}
	for i := uint64(1); i <= last; i++ {
		play(s, seed, i)
		hashes[i] = s.Hash()
	}
	return hashes
}

// modelHash computes the running hash from nothing but rows.
func modelHash(tables map[string]map[string]string) (sum uint64) {
	for name, rows := range tables {
		for key, value := range rows {
			sum += xxhash.Sum64String(name + "\x00" + key + "\x00\x01" + value)
		}
	}
	return sum
}

// failure is what Fail was told; it is called before the operation that failed returns.
func failure(t testing.TB, s *shop) error {
	t.Helper()
	select {
	case err := <-s.failed:
		return err
	default:
		t.Error("Fail was not called")
		return nil
	}
}

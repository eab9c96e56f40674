package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func newRing(t testing.TB) (*Keyring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	k, err := OpenKeyring(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func newPerson(t testing.TB, k *Keyring) []byte {
	t.Helper()
	wrapped, err := k.NewPerson()
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func sealed(t testing.TB, k *Keyring, wrapped []byte, purpose, plain string) []byte {
	t.Helper()
	b, err := k.Seal(wrapped, purpose, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustOpen(t testing.TB, k *Keyring, wrapped []byte, purpose string, b []byte, want string) {
	t.Helper()
	got, err := k.Open(wrapped, purpose, b)
	if err != nil || string(got) != want {
		t.Fatalf("opened %q, %v, want %q", got, err, want)
	}
}

func mustNotOpen(t testing.TB, k *Keyring, wrapped []byte, purpose string, b []byte, want error) {
	t.Helper()
	if got, err := k.Open(wrapped, purpose, b); !errors.Is(err, want) || got != nil {
		t.Errorf("opened %q, %v, want the error %q", got, err, want)
	}
}

func TestSealAndOpen(t *testing.T) {
	k, path := newRing(t)
	ada, bob := newPerson(t, k), newPerson(t, k)
	for _, plain := range []string{"", "a", "Ada Lovelace, 12 St James's Square", strings.Repeat("x", PlainMax)} {
		b := sealed(t, k, ada, "order.address", plain)
		mustOpen(t, k, ada, "order.address", b, plain)
		mustNotOpen(t, k, bob, "order.address", b, ErrSealed)
		mustNotOpen(t, k, ada, "order.mail", b, ErrSealed)
		if len(plain) > 3 && bytes.Contains(b, []byte(plain[:4])) {
			t.Error("the sealed value shows the plain one")
		}
		if again := sealed(t, k, ada, "order.address", plain); bytes.Equal(again, b) {
			t.Error("sealing twice gave the same bytes")
		}
	}
	if _, err := k.Seal(ada, "p", make([]byte, PlainMax+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("sealing too much: %v", err)
	}
	b := sealed(t, k, ada, "p", "plain")
	again, err := OpenKeyring(path, false)
	if err != nil {
		t.Fatal(err)
	}
	mustOpen(t, again, ada, "p", b, "plain")
	other, _ := newRing(t)
	mustNotOpen(t, other, ada, "p", b, ErrSealed)
}

// TestEveryChangedByteIsFound flips each bit of a sealed value and of a wrapped key, and cuts both at
// each length.
func TestEveryChangedByteIsFound(t *testing.T) {
	k, _ := newRing(t)
	wrapped := newPerson(t, k)
	b := sealed(t, k, wrapped, "p", "plain")
	for i := range len(b) * 8 {
		mustNotOpen(t, k, wrapped, "p", flipped(b, i), ErrSealed)
	}
	for i := range len(wrapped) * 8 {
		if _, err := k.Open(flipped(wrapped, i), "p", b); !errors.Is(err, ErrSealed) && !errors.Is(err, ErrUnknownKEK) {
			t.Errorf("bit %d of the wrapped key: %v", i, err)
		}
	}
	for i := range b {
		mustNotOpen(t, k, wrapped, "p", b[:i], ErrSealed)
	}
	for i := 1; i < len(wrapped); i++ {
		mustNotOpen(t, k, wrapped[:i], "p", b, ErrSealed)
	}
	mustNotOpen(t, k, wrapped, "p", append(bytes.Clone(b), 0), ErrSealed)
	mustNotOpen(t, k, wrapped, "p", wrapped, ErrSealed)
}

func flipped(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// TestDestroyedKey: without the wrapped key, neither the ring nor a new key opens the data.
func TestDestroyedKey(t *testing.T) {
	k, _ := newRing(t)
	wrapped := newPerson(t, k)
	b := sealed(t, k, wrapped, "p", "plain")
	wrapped = nil
	mustNotOpen(t, k, wrapped, "p", b, ErrDestroyed)
	mustNotOpen(t, k, newPerson(t, k), "p", b, ErrSealed)
	if _, err := k.Seal(wrapped, "p", nil); !errors.Is(err, ErrDestroyed) {
		t.Errorf("sealed with a destroyed key: %v", err)
	}
}

func TestRotate(t *testing.T) {
	k, path := newRing(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := newPerson(t, k)
	b := sealed(t, k, old, "p", "plain")
	hash, print := k.LookupHash("mail", "ada@example.org"), k.Fingerprint()
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := newPerson(t, k)
	if !k.Current(fresh) || k.Current(old) || k.Current(nil) {
		t.Error("Current does not tell which KEK wrapped a key")
	}
	again, err := OpenKeyring(path, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, ring := range []*Keyring{k, again} {
		mustOpen(t, ring, old, "p", b, "plain")
		mustOpen(t, ring, fresh, "p", sealed(t, ring, fresh, "p", "new"), "new")
		moved, err := ring.Rewrap(old)
		if err != nil || !ring.Current(moved) {
			t.Fatalf("rewrap: %v", err)
		}
		mustOpen(t, ring, moved, "p", b, "plain")
		if ring.LookupHash("mail", "ada@example.org") != hash || ring.Fingerprint() != print {
			t.Error("rotating changed the look-up")
		}
	}
	stale := filepath.Join(t.TempDir(), "stale.json")
	if err := os.WriteFile(stale, before, 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := OpenKeyring(stale, false)
	if err != nil {
		t.Fatal(err)
	}
	mustNotOpen(t, ring, fresh, "p", sealed(t, k, fresh, "p", "x"), ErrUnknownKEK)
}

func TestRotateConcurrently(t *testing.T) {
	k, _ := newRing(t)
	wrapped := newPerson(t, k)
	b := sealed(t, k, wrapped, "p", "plain")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				mustOpenQuietly(t, k, wrapped, b)
				if w, err := k.NewPerson(); err != nil {
					t.Error(err)
				} else {
					k.Current(w)
				}
			}
		})
	}
	for range 20 {
		if err := k.Rotate(); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

func mustOpenQuietly(t *testing.T, k *Keyring, wrapped, b []byte) {
	if got, err := k.Open(wrapped, "p", b); err != nil || string(got) != "plain" {
		t.Errorf("opened %q, %v", got, err)
	}
}

func TestRotateIsBounded(t *testing.T) {
	k, path := newRing(t)
	var err error
	rotated := 0
	for ; err == nil && rotated < 2*ringKEKsMax; rotated++ {
		err = k.Rotate()
	}
	if err == nil || rotated != ringKEKsMax {
		t.Errorf("rotated %d times: %v", rotated, err)
	}
	again, err := OpenKeyring(path, false)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := newPerson(t, k)
	mustOpen(t, again, wrapped, "p", sealed(t, k, wrapped, "p", "plain"), "plain")
}

func TestLookupHash(t *testing.T) {
	k, _ := newRing(t)
	other, _ := newRing(t)
	seen := map[string]string{}
	for _, pair := range [][2]string{{"mail", "ada@example.org"}, {"mail", "bob@example.org"}, {"phone", "ada@example.org"}, {"mai", "lada@example.org"}, {"mail", ""}, {"", "mail"}} {
		hash := k.LookupHash(pair[0], pair[1])
		if len(hash) != 64 || hash != k.LookupHash(pair[0], pair[1]) || hash == other.LookupHash(pair[0], pair[1]) {
			t.Errorf("%v: %s", pair, hash)
		}
		if was, ok := seen[hash]; ok {
			t.Errorf("%v and %s have the same hash", pair, was)
		}
		seen[hash] = fmt.Sprint(pair)
	}
	if k.Fingerprint() == other.Fingerprint() || len(k.Fingerprint()) != 16 {
		t.Errorf("fingerprints %s and %s", k.Fingerprint(), other.Fingerprint())
	}
}

// goldenRing has KEK 1 of bytes 01…20, KEK 2 of bytes 21…40 and the look-up key 41…60.
func goldenRing(t testing.TB) *Keyring {
	t.Helper()
	b, err := os.ReadFile("testdata/ring-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	k, err := parseKeyring(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

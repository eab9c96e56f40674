package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/crypto/chacha20poly1305"

	"meridian/internal/durable"
)

const (
	ringVersion  = 1
	ringFileMax  = 64 << 10 // bytes
	ringKEKsMax  = 256
	ringFileMode = 0o600
)

// ringFile is the key ring as JSON. Keys are base64 of 32 bytes.
type ringFile struct {
	Version int       `json:"version"`
	Current uint32    `json:"current"` // id of the KEK that wraps new keys
	KEKs    []ringKEK `json:"keks"`
	Lookup  []byte    `json:"lookup"`
}

type ringKEK struct {
	ID  uint32 `json:"id"`
	Key []byte `json:"key"`
	// Check ties the key to this ring, so that a damaged one is not taken for a good one: what it wrapped, no other
	// core could open. Rings of before have none.
	Check []byte `json:"check,omitempty"`
}

// check is what Check must be.
func (f ringFile) check(kek ringKEK) []byte {
	ring := Keyring{lookup: f.Lookup}
	return ring.mac("kek", strconv.FormatUint(uint64(kek.ID), 10), string(kek.Key))[:8]
}

// OpenKeyring reads the key ring file. With create, a missing file is made with fresh keys; do that
// once and give every core a copy, because what one ring seals no other opens.
func OpenKeyring(path string, create bool) (*Keyring, error) {
	k, err := readKeyring(path)
	if !errors.Is(err, os.ErrNotExist) {
		return k, err
	}
	if !create {
		return nil, fmt.Errorf("seal: key ring %s is missing: copy it from another core, or from your safe copy; "+
			"only the first core of a new shop makes one: %w", path, err)
	}
	fresh := ringFile{Version: ringVersion, Current: 1, KEKs: []ringKEK{{ID: 1, Key: make([]byte, keyBytes)}}, Lookup: make([]byte, keyBytes)}
	for _, key := range [][]byte{fresh.KEKs[0].Key, fresh.Lookup} {
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("seal: create key ring: %w", err)
		}
	}
	fresh.KEKs[0].Check = fresh.check(fresh.KEKs[0])
	// A link does not replace a file that another process created in between; that one counts.
	if err := writeRing(path, fresh, os.Link); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("seal: create key ring %s: %w", path, err)
	}
	return readKeyring(path)
}

// Rotate adds a KEK, durably, and wraps with it from now on. Keys wrapped before stay readable, and
// Rewrap moves them. Copy the file to the other cores before they meet a key wrapped by the new KEK.
func (k *Keyring) Rotate() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.file
	next.KEKs = append([]ringKEK(nil), k.file.KEKs...)
	for _, kek := range next.KEKs {
		next.Current = max(next.Current, kek.ID)
	}
	next.Current++
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("seal: rotate: %w", err)
	}
	added := ringKEK{ID: next.Current, Key: key}
	added.Check = next.check(added)
	next.KEKs = append(next.KEKs, added)
	keks, err := next.open()
	if err != nil {
		return fmt.Errorf("seal: rotate: %w", err)
	}
	if err := writeRing(k.path, next, os.Rename); err != nil {
		return fmt.Errorf("seal: rotate key ring %s: %w", k.path, err)
	}
	k.file, k.current, k.keks = next, next.Current, keks
	return nil
}

func readKeyring(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("seal: key ring: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("seal: key ring: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("seal: key ring %s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("seal: key ring %s has mode %04o, so others can use it: run chmod 600 %s, "+
			"and rotate if someone may have read it", path, info.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, ringFileMax+1))
	if err != nil {
		return nil, fmt.Errorf("seal: key ring %s: %w", path, err)
	}
	k, err := parseKeyring(b)
	if err != nil {
		return nil, fmt.Errorf("seal: key ring %s: %w: restore it from its backup", path, err)
	}
	k.path = path
	return k, nil
}

// parseKeyring never puts what it read into an error: it may be a key.
func parseKeyring(b []byte) (*Keyring, error) {
	if len(b) > ringFileMax {
		return nil, fmt.Errorf("longer than %d bytes", ringFileMax)
	}
	var f ringFile
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, errors.New("not the JSON of a key ring")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the key ring's JSON")
	}
	if f.Version != ringVersion {
		return nil, fmt.Errorf("version %d, this program knows %d", f.Version, ringVersion)
	}
	keks, err := f.open()
	if err != nil {
		return nil, err
	}
	return &Keyring{current: f.Current, keks: keks, file: f, lookup: f.Lookup}, nil
}

// open checks the keys and makes them usable.
func (f ringFile) open() (map[uint32]cipher.AEAD, error) {
	if len(f.KEKs) == 0 || len(f.KEKs) > ringKEKsMax {
		return nil, fmt.Errorf("%d KEKs, allowed are 1 to %d", len(f.KEKs), ringKEKsMax)
	}
	if err := checkKey(f.Lookup); err != nil {
		return nil, fmt.Errorf("look-up key: %w", err)
	}
	keks := make(map[uint32]cipher.AEAD, len(f.KEKs))
	for _, kek := range f.KEKs {
		if kek.ID == 0 {
			return nil, errors.New("a KEK without id")
		}
		if keks[kek.ID] != nil {
			return nil, fmt.Errorf("KEK %d is there twice", kek.ID)
		}
		if err := checkKey(kek.Key); err != nil {
			return nil, fmt.Errorf("KEK %d: %w", kek.ID, err)
		}
		if len(kek.Check) > 0 && !hmac.Equal(kek.Check, f.check(kek)) {
			return nil, fmt.Errorf("KEK %d is damaged: it does not fit its check value", kek.ID)
		}
		aead, err := chacha20poly1305.NewX(kek.Key)
		if err != nil {
			return nil, fmt.Errorf("KEK %d: %w", kek.ID, err)
		}
		keks[kek.ID] = aead
	}
	if keks[f.Current] == nil {
		return nil, fmt.Errorf("the current KEK, %d, is not in the ring", f.Current)
	}
	return keks, nil
}

func checkKey(key []byte) error {
	if len(key) != keyBytes {
		return fmt.Errorf("%d bytes, a key has %d", len(key), keyBytes)
	}
	if bytes.Equal(key, make([]byte, keyBytes)) {
		return errors.New("all zero")
	}
	return nil
}

// writeRing writes beside path, fsyncs, and puts the file in place with link or rename.
func writeRing(path string, f ringFile, place func(from, to string) error) (err error) {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if len(b) > ringFileMax {
		return fmt.Errorf("longer than %d bytes", ringFileMax)
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if rerr := os.Remove(tmp.Name()); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}()
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Chmod(ringFileMode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := place(tmp.Name(), path); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

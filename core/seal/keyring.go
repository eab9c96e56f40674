package seal

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes and versions of the formats.
const (
	keyBytes       = chacha20poly1305.KeySize
	nonceBytes     = chacha20poly1305.NonceSizeX
	tagBytes       = chacha20poly1305.Overhead
	wrappedVersion = 1
	wrappedHead    = 1 + 4
	// WrappedBytes is the length of every wrapped key of version 1.
	WrappedBytes  = wrappedHead + nonceBytes + keyBytes + tagBytes
	sealedVersion = 1
	// PlainMax is the longest value that is sealed, in bytes.
	PlainMax = 64 << 10
)

// What keeps sealed data from opening.
var (
	// ErrDestroyed says that the person's key is gone, and with it the data.
	ErrDestroyed = errors.New("the person's key was destroyed")
	// ErrUnknownKEK says that the key ring lacks the key that the person's key was wrapped with.
	ErrUnknownKEK = errors.New("the key ring lacks the wrapping key: use the key ring file that this data was written with")
	// ErrSealed says that bytes are not what Seal or NewPerson made for this person and purpose.
	ErrSealed = errors.New("sealed data is damaged, or belongs to another person or purpose")
	// ErrTooLong says that a value is longer than PlainMax.
	ErrTooLong = fmt.Errorf("a sealed value is at most %d bytes", PlainMax)
)

// Keyring holds the keys that wrap the persons' keys (KEKs) and the key for look-ups. Every core of
// a shop has the same one. All methods may be called at the same time.
type Keyring struct {
	path string

	mu      sync.RWMutex
	current uint32
	keks    map[uint32]cipher.AEAD
	file    ringFile // as on disk
	lookup  []byte   // never changes
}

// NewPerson makes a fresh data key and returns it wrapped by the current KEK. Keep it in one place:
// when that copy is destroyed, everything sealed with it is unreadable.
func (k *Keyring) NewPerson() (wrapped []byte, err error) {
	var key [keyBytes]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("seal: new person: %w", err)
	}
	defer clear(key[:])
	return k.wrap(key[:])
}

// Rewrap wraps a person's key by the current KEK. Sealed data does not change.
func (k *Keyring) Rewrap(wrapped []byte) ([]byte, error) {
	key, err := k.unwrap(wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return k.wrap(key)
}

// Current reports whether the key is wrapped by the current KEK.
func (k *Keyring) Current(wrapped []byte) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(wrapped) == WrappedBytes && binary.BigEndian.Uint32(wrapped[1:]) == k.current
}

// Seal encrypts a value for a person. The purpose, such as "order.address", must be the same when it
// is opened; it is not secret and not stored.
func (k *Keyring) Seal(wrapped []byte, purpose string, plain []byte) ([]byte, error) {
	if len(plain) > PlainMax {
		return nil, fmt.Errorf("seal: %s of %d bytes: %w", purpose, len(plain), ErrTooLong)
	}
	person, err := k.person(wrapped)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1+nonceBytes, 1+nonceBytes+len(plain)+tagBytes)
	out[0] = sealedVersion
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, fmt.Errorf("seal: %s: %w", purpose, err)
	}
	return person.Seal(out, out[1:1+nonceBytes], plain, purposeData(purpose)), nil
}

// Open decrypts what Seal made with the same person and purpose.
func (k *Keyring) Open(wrapped []byte, purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+nonceBytes+tagBytes || len(sealed) > 1+nonceBytes+PlainMax+tagBytes {
		return nil, fmt.Errorf("seal: open %s: %d bytes: %w", purpose, len(sealed), ErrSealed)
	}
	if sealed[0] != sealedVersion {
		return nil, fmt.Errorf("seal: open %s: version %d: %w", purpose, sealed[0], ErrSealed)
	}
	person, err := k.person(wrapped)
	if err != nil {
		return nil, err
	}
	plain, err := person.Open(nil, sealed[1:1+nonceBytes], sealed[1+nonceBytes:], purposeData(purpose))
	if err != nil {
		return nil, fmt.Errorf("seal: open %s: %w", purpose, ErrSealed)
	}
	return plain, nil
}

// LookupHash is a keyed hash (HMAC-SHA-256, hex) by which sealed data is found again. kind, such as
// "mail", keeps look-ups of different things apart; the caller brings value to its normal form.
func (k *Keyring) LookupHash(kind, value string) string {
	return hex.EncodeToString(k.mac("lookup", kind, value))
}

// KeyID stands for an idempotency key wherever one is stored: 128 bits of a keyed SHA-256. The output
// is cut, so that a plain prefix is as good as an HMAC and costs a quarter.
func (k *Keyring) KeyID(parts ...string) (id [16]byte) {
	var buf [256]byte
	b := append(append(buf[:0], k.lookup...), "meridian/key-id/"...)
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	return id
}

// Fingerprint tells key rings apart without revealing them: nodes with different look-up keys would
// not find each other's data.
func (k *Keyring) Fingerprint() string {
	return hex.EncodeToString(k.mac("fingerprint")[:8])
}

// mac prefixes every part with its length, so that no two lists of parts give the same bytes.
func (k *Keyring) mac(parts ...string) []byte {
	h := hmac.New(sha256.New, k.lookup)
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		_, _ = h.Write([]byte(p))
	}
	return h.Sum(nil)
}

func (k *Keyring) wrap(key []byte) ([]byte, error) {
	k.mu.RLock()
	id, kek := k.current, k.keks[k.current]
	k.mu.RUnlock()
	out := make([]byte, wrappedHead+nonceBytes, WrappedBytes)
	out[0] = wrappedVersion
	binary.BigEndian.PutUint32(out[1:], id)
	nonce := out[wrappedHead:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal: wrap: %w", err)
	}
	return kek.Seal(out, nonce, key, wrapData(out)), nil
}

func (k *Keyring) unwrap(wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 {
		return nil, fmt.Errorf("seal: %w", ErrDestroyed)
	}
	if len(wrapped) != WrappedBytes || wrapped[0] != wrappedVersion {
		return nil, fmt.Errorf("seal: wrapped key of %d bytes, version %d: %w", len(wrapped), wrapped[0], ErrSealed)
	}
	id := binary.BigEndian.Uint32(wrapped[1:])
	k.mu.RLock()
	kek := k.keks[id]
	k.mu.RUnlock()
	if kek == nil {
		return nil, fmt.Errorf("seal: KEK %d: %w", id, ErrUnknownKEK)
	}
	body := wrapped[wrappedHead:]
	key, err := kek.Open(nil, body[:nonceBytes], body[nonceBytes:], wrapData(wrapped))
	if err != nil {
		return nil, fmt.Errorf("seal: wrapped key: %w", ErrSealed)
	}
	return key, nil
}

func (k *Keyring) person(wrapped []byte) (cipher.AEAD, error) {
	key, err := k.unwrap(wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return chacha20poly1305.NewX(key)
}

// wrapData and purposeData are the associated data. Their prefixes keep the two uses apart.
func wrapData(wrapped []byte) []byte {
	return append([]byte("meridian/wrap/"), wrapped[:wrappedHead]...)
}

func purposeData(purpose string) []byte {
	return append([]byte("meridian/seal/1/"), purpose...)
}

package seal

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// PasswordMax is the longest password, in bytes.
const PasswordMax = 1024

// What keeps a password from being hashed or checked.
var (
	ErrPasswordLength = fmt.Errorf("a password has 1 to %d bytes", PasswordMax)
	ErrPasswordHash   = errors.New("not an argon2id hash within the limits")
)

// PasswordConfig says how passwords are hashed.
type PasswordConfig struct {
	MemoryKiB   uint32 // default 19456
	Passes      uint32 // default 2
	Threads     uint8  // default 1
	Concurrency int    // hashes computed at a time, others wait; default 2
}

// Limits of a stored hash: checking it must not cost more than the server can give.
const (
	memoryMaxKiB = 256 << 10
	passesMax    = 16
	threadsMax   = 8
	saltBytes    = 16
	hashBytes    = 32
	fieldMax     = 64 // bytes of a stored salt or hash
)

// Passwords hashes and checks passwords, a bounded number at a time, so that sign-ins cannot take the
// server's memory.
type Passwords struct {
	cost  cost
	slots chan struct{}
}

type cost struct {
	memoryKiB, passes uint32
	threads           uint8
}

func (c cost) valid() bool {
	return c.threads >= 1 && c.threads <= threadsMax && c.passes >= 1 && c.passes <= passesMax &&
		c.memoryKiB >= 8*uint32(c.threads) && c.memoryKiB <= memoryMaxKiB
}

// NewPasswords returns Passwords for a config; zero fields take their defaults.
func NewPasswords(c PasswordConfig) (*Passwords, error) {
	if c.MemoryKiB == 0 {
		c.MemoryKiB = 19456
	}
	if c.Passes == 0 {
		c.Passes = 2
	}
	if c.Threads == 0 {
		c.Threads = 1
	}
	if c.Concurrency == 0 {
		c.Concurrency = 2
	}
	cost := cost{c.MemoryKiB, c.Passes, c.Threads}
	if !cost.valid() || c.Concurrency < 1 {
		return nil, fmt.Errorf("seal: password cost m=%d,t=%d,p=%d, %d at a time, is outside the limits m<=%d,t<=%d,p<=%d",
			c.MemoryKiB, c.Passes, c.Threads, c.Concurrency, memoryMaxKiB, passesMax, threadsMax)
	}
	return &Passwords{cost: cost, slots: make(chan struct{}, c.Concurrency)}, nil
}

// Hash returns a PHC string for storage. It waits for its turn until the context ends.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return hashPassword(p.cost, password)
}

// Verify reports whether the password is the one that was hashed, whatever cost it was hashed with.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	return VerifyPassword(hash, password)
}

// VerifyNobody does the work of Verify for an account that does not exist, so that the time an answer
// takes does not tell.
func (p *Passwords) VerifyNobody(ctx context.Context, password string) error {
	_, err := p.Hash(ctx, password)
	return err
}

// Outdated reports whether a hash should be made again, at the next sign-in, with today's cost.
func (p *Passwords) Outdated(hash string) bool {
	c, _, _, err := parsePasswordHash(hash)
	return err != nil || c != p.cost
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("seal: wait to hash a password: %w", ctx.Err())
	}
}

func (p *Passwords) leave() { <-p.slots }

// HashPassword hashes with the default cost, at once. Servers use Passwords, which bounds how many
// are computed at a time.
func HashPassword(password string) (string, error) {
	return hashPassword(cost{19456, 2, 1}, password)
}

// VerifyPassword reports whether the password is the one that was hashed. It computes at once, like
// HashPassword.
func VerifyPassword(hash, password string) (bool, error) {
	c, salt, want, err := parsePasswordHash(hash)
	if err != nil {
		return false, fmt.Errorf("seal: verify password: %w", err)
	}
	if len(password) == 0 || len(password) > PasswordMax {
		return false, nil
	}
	got := argon2.IDKey([]byte(password), salt, c.passes, c.memoryKiB, c.threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func hashPassword(c cost, password string) (string, error) {
	if len(password) == 0 || len(password) > PasswordMax {
		return "", fmt.Errorf("seal: hash password: %w", ErrPasswordLength)
	}
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("seal: hash password: %w", err)
	}
	sum := argon2.IDKey([]byte(password), salt, c.passes, c.memoryKiB, c.threads, hashBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memoryKiB, c.passes, c.threads,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// parsePasswordHash reads a PHC string (github.com/P-H-C/phc-string-format) of argon2id.
func parsePasswordHash(s string) (c cost, salt, sum []byte, err error) {
	parts := strings.Split(s, "$")
	if len(s) > 512 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return c, nil, nil, ErrPasswordHash
	}
	fields := strings.Split(parts[3], ",")
	if len(fields) != 3 {
		return c, nil, nil, ErrPasswordHash
	}
	var n [3]uint64
	for i, prefix := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(fields[i], prefix)
		if n[i], err = strconv.ParseUint(digits, 10, 32); !ok || err != nil {
			return c, nil, nil, ErrPasswordHash
		}
	}
	c = cost{uint32(n[0]), uint32(n[1]), uint8(min(n[2], threadsMax+1))}
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	sum, sumErr := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || !c.valid() ||
		len(salt) < 8 || len(salt) > fieldMax || len(sum) < 16 || len(sum) > fieldMax {
		return c, nil, nil, ErrPasswordHash
	}
	return c, salt, sum, nil
}

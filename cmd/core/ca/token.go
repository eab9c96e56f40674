package ca

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meridian/internal/durable"
	"meridian/internal/nodetls"
)

// Token is the right to one certificate. It is a secret until it is used.
type Token struct {
	ID     string `json:"i"` // 16 hex digits
	Secret string `json:"s"` // 32 hex digits
	// CA is the fingerprint of the CA: a machine that has nothing but the token knows whom to trust.
	CA   string `json:"c"` // 64 hex digits
	Name string `json:"n"`
	Role string `json:"r"`
	// Expires is in seconds since 1970. The signer believes its own record, not the token's.
	Expires int64 `json:"e"`
}

// tokenPrefix names the format and its version.
const tokenPrefix = "meridian-join-1."

// tokenMax bounds what is looked at.
const tokenMax = 1024

// Identity is who the certificate will be for.
func (t Token) Identity() nodetls.Identity { return nodetls.Identity{Role: t.Role, Name: t.Name} }

// String is the token as it is handed on.
func (t Token) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

var errToken = errors.New("this is no join token; core ca token makes one, copy the whole line")

// ParseToken reads a token's text. It has one form only.
func ParseToken(s string) (Token, error) {
	var t Token
	s = strings.TrimSpace(s)
	text, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(s) > tokenMax {
		return t, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return t, errToken
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&t) != nil || !isHex(t.ID, 16) || !isHex(t.Secret, 32) || !isHex(t.CA, 64) || t.Identity().Validate() != nil || t.String() != s {
		return Token{}, errToken
	}
	return t, nil
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// tokenRec is what the CA keeps of a token: not the secret.
type tokenRec struct {
	Hash    string    `json:"hash"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"`
	// LifeSeconds is how long the certificate lives.
	LifeSeconds int64 `json:"life_seconds"`
}

func hashSecret(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// The bounds of a token's life.
const (
	TokenLife    = time.Hour
	TokenLifeMax = 7 * 24 * time.Hour
)

// NewToken makes a token for one certificate of the given life.
func (a *Authority) NewToken(id nodetls.Identity, expires, life time.Duration) (Token, error) {
	if err := id.Validate(); err != nil {
		return Token{}, err
	}
	if id.Role == nodetls.RoleCA {
		return Token{}, errors.New("role: give core or edge")
	}
	if expires < time.Second || expires > TokenLifeMax {
		return Token{}, fmt.Errorf("a token lives 1s to %v, not %v", TokenLifeMax, expires)
	}
	if life < time.Minute || life > NodeLifeMax {
		return Token{}, fmt.Errorf("a certificate lives 1m to %v, not %v", NodeLifeMax, life)
	}
	random := make([]byte, 24)
	if _, err := rand.Read(random); err != nil {
		return Token{}, err
	}
	end := a.now().Add(expires)
	t := Token{ID: hex.EncodeToString(random[:8]), Secret: hex.EncodeToString(random[8:]), CA: fingerprint(a.cert), Name: id.Name, Role: id.Role, Expires: end.Unix()}
	b, err := json.Marshal(tokenRec{Hash: hashSecret(t.Secret), Name: id.Name, Role: id.Role, Expires: end.UTC(), LifeSeconds: int64(life / time.Second)})
	if err != nil {
		return Token{}, err
	}
	return t, durable.WriteFile(a.tokenPath(tokenDir, t.ID), b, 0o600)
}

func (a *Authority) tokenPath(dir, id string) string { return filepath.Join(a.dir, dir, id+".json") }

// ErrToken says that a token gives no right to a certificate.
var ErrToken = errors.New("the token is not valid: it was used, has ended, or is another CA's; core ca token makes another")

// use takes a token out of the valid ones and answers what it was for. Renaming its file decides: of two
// that try, in one process or in two, one finds it gone. A crash after this costs a token, never lets
// one count twice.
func (a *Authority) use(t Token) (tokenRec, error) {
	var rec tokenRec
	if t.CA != fingerprint(a.cert) {
		return rec, ErrToken
	}
	from := a.tokenPath(tokenDir, t.ID)
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return rec, ErrToken
	}
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("token %s: %w", t.ID, err)
	}
	if subtle.ConstantTimeCompare([]byte(rec.Hash), []byte(hashSecret(t.Secret))) != 1 || !a.now().Before(rec.Expires) {
		return rec, ErrToken
	}
	err = os.Rename(from, a.tokenPath(usedDir, t.ID))
	if errors.Is(err, os.ErrNotExist) {
		return rec, ErrToken
	}
	if err != nil {
		return rec, err
	}
	return rec, errors.Join(durable.SyncDir(filepath.Join(a.dir, tokenDir)), durable.SyncDir(filepath.Join(a.dir, usedDir)))
}

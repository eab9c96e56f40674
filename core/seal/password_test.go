package seal

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func cheap(t testing.TB) *Passwords {
	t.Helper()
	p, err := NewPasswords(PasswordConfig{MemoryKiB: 64, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswords(t *testing.T) {
	ctx := t.Context()
	p := cheap(t)
	for _, password := range []string{"a", "correct horse battery staple", "pässwörd\x00", strings.Repeat("x", PasswordMax)} {
		hash, err := p.Hash(ctx, password)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
			t.Errorf("hash %s", hash)
		}
		if again, _ := p.Hash(ctx, password); again == hash {
			t.Error("two hashes of a password are equal")
		}
		if ok, err := p.Verify(ctx, hash, password); !ok || err != nil {
			t.Errorf("%.10q: %v, %v", password, ok, err)
		}
		for _, wrong := range []string{"", "A", password + "x", strings.ToUpper(password)} {
			if ok, err := p.Verify(ctx, hash, wrong); ok || err != nil {
				t.Errorf("%.10q for %.10q: %v, %v", wrong, password, ok, err)
			}
		}
		if p.Outdated(hash) {
			t.Error("a fresh hash is outdated")
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", PasswordMax+1)} {
		if _, err := p.Hash(ctx, bad); !errors.Is(err, ErrPasswordLength) {
			t.Errorf("password of %d bytes: %v", len(bad), err)
		}
	}
	hash, err := HashPassword("secret")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("default hash %s, %v", hash, err)
	}
	if ok, err := p.Verify(ctx, hash, "secret"); !ok || err != nil {
		t.Errorf("a hash of another cost: %v, %v", ok, err)
	}
	if !p.Outdated(hash) || !p.Outdated("nonsense") {
		t.Error("a hash of another cost is not outdated")
	}
	if err := p.VerifyNobody(ctx, "secret"); err != nil {
		t.Error(err)
	}
}

// TestPasswordSlots takes both places: the next caller waits, and gives up with its context.
func TestPasswordSlots(t *testing.T) {
	p := cheap(t)
	for range 2 {
		if err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "secret"); !errors.Is(err, context.Canceled) {
		t.Errorf("a third hash at a time: %v", err)
	}
	if _, err := p.Verify(ctx, goldenHash2, "secret"); !errors.Is(err, context.Canceled) {
		t.Errorf("a third check at a time: %v", err)
	}
	waiting := make(chan error)
	go func() { _, err := p.Hash(t.Context(), "secret"); waiting <- err }()
	p.leave()
	if err := <-waiting; err != nil {
		t.Errorf("after a place became free: %v", err)
	}
}

func TestPasswordConfigLimits(t *testing.T) {
	for _, c := range []PasswordConfig{{MemoryKiB: 7}, {MemoryKiB: memoryMaxKiB + 1}, {Passes: passesMax + 1}, {Threads: threadsMax + 1}, {MemoryKiB: 15, Threads: 2}, {Concurrency: -1}} {
		if _, err := NewPasswords(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func badHashes() []string {
	const salt, sum = "WwTuRZ5lFTmbAvykA8Fcxw", "cLetHnly2AcKqQ0We2hPz+XW2p6hfdTOhgXQA0hMJGI"
	h := func(head string) string { return head + "$" + salt + "$" + sum }
	return []string{
		"", "$", "plain", "$argon2id$", h("$argon2i$v=19$m=64,t=3,p=2"), h("$argon2id$v=18$m=64,t=3,p=2"), h("x$argon2id$v=19$m=64,t=3,p=2"),
		h("$argon2id$v=19$m=64,t=3"), h("$argon2id$v=19$m=64,t=3,p=2,x=1"), h("$argon2id$v=19$t=3,m=64,p=2"), h("$argon2id$v=19$m=64,t=0,p=2"),
		h("$argon2id$v=19$m=64,t=3,p=0"), h("$argon2id$v=19$m=4294967295,t=3,p=1"), h("$argon2id$v=19$m=64,t=4294967295,p=1"),
		h("$argon2id$v=19$m=64,t=3,p=257"), h("$argon2id$v=19$m=-1,t=3,p=1"), h("$argon2id$v=19$m=99999999999999999999,t=3,p=1"),
		h("$argon2id$v=19$m=8,t=3,p=2"), "$argon2id$v=19$m=64,t=3,p=2$" + salt + "=$" + sum, "$argon2id$v=19$m=64,t=3,p=2$AAAA$" + sum,
		"$argon2id$v=19$m=64,t=3,p=2$" + salt + "$AAAA", "$argon2id$v=19$m=64,t=3,p=2$" + salt + "$" + strings.Repeat("A", 400),
		goldenHash2 + "$", goldenHash2 + strings.Repeat("A", 600),
	}
}

func TestBadHashes(t *testing.T) {
	for _, hash := range badHashes() {
		if ok, err := VerifyPassword(hash, "pässword"); ok || !errors.Is(err, ErrPasswordHash) {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
	}
}

// FuzzParsePasswordHash: whatever parses is within the limits.
func FuzzParsePasswordHash(f *testing.F) {
	for _, hash := range append(badHashes(), goldenHash, goldenHash2) {
		f.Add(hash)
	}
	f.Fuzz(func(t *testing.T, hash string) {
		c, salt, sum, err := parsePasswordHash(hash)
		if err == nil && (!c.valid() || len(salt) > fieldMax || len(sum) > fieldMax) {
			t.Errorf("%q gives %+v", hash, c)
		}
	})
}

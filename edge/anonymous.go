package edge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"sync"
	"time"

	"meridian/api"
)

const (
	dayLength = 24 * time.Hour
	// anonymousBytes of the hash name a session: two of a million a day share one with a chance of 10^-27.
	anonymousBytes = 16
	// subscriberBits of an IPv6 address are a subscriber's network; the rest changes with the device and the hour.
	subscriberBits = 64
)

// anonymity names the visits of browsers that are not remembered: the same all day, so that what is counted within
// a day is right, and never again. The name is a hash under a key that exists in this process only and is gone with
// the day of UTC, so nobody can later tell whose it was, or find the same browser on another day. Plausible
// Analytics counts visitors so, by a salt of the day (https://plausible.io/data-policy).
type anonymity struct {
	now func() time.Time

	mu  sync.Mutex
	key *[sha256.Size]byte // nil: none, or its day is over
	day int64              // of the key, counted from 1970
}

// session names the visit of a browser today.
func (a *anonymity) session(client, agent, host string) string {
	key := a.today()
	m := hmac.New(sha256.New, key[:])
	for _, part := range []string{subscriber(client), agent, host} {
		m.Write([]byte(part))
		m.Write([]byte{0})
	}
	return api.AnonymousSession + hex.EncodeToString(m.Sum(nil)[:anonymousBytes])
}

// today is the key of the day.
func (a *anonymity) today() [sha256.Size]byte {
	now := a.now().UTC()
	today := now.Truncate(dayLength)
	number := today.Unix() / int64(dayLength/time.Second)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.key == nil || a.day != number {
		key := new([sha256.Size]byte)
		_, _ = rand.Read(key[:]) // never fails
		a.key, a.day = key, number
		// With nobody there after midnight, the key must go all the same.
		time.AfterFunc(today.Add(dayLength).Sub(now), func() { a.end(key) })
	}
	return *a.key
}

// end forgets a key.
func (a *anonymity) end(key *[sha256.Size]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(key[:])
	if a.key == key {
		a.key = nil
	}
}

// subscriber is the part of a client's address that stays with who has it.
func subscriber(client string) string {
	addr, err := netip.ParseAddr(client)
	if err != nil || addr.Is4() {
		return client
	}
	network, err := addr.WithZone("").Prefix(subscriberBits)
	if err != nil {
		return client
	}
	return network.String()
}

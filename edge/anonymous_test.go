package edge

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/api"
)

const phone = "Mozilla/5.0 (iPhone)"

// TestAnonymousSessions: the same browser has the same session, others have others.
func TestAnonymousSessions(t *testing.T) {
	a := anonymity{now: time.Now}
	session := a.session("203.0.113.7", phone, "shop.example")
	if rest, ok := strings.CutPrefix(session, api.AnonymousSession); !ok || len(rest) != 2*anonymousBytes {
		t.Fatalf("session %s", session)
	}
	for _, c := range []struct {
		client, agent, host string
		same                bool
	}{
		{"203.0.113.7", phone, "shop.example", true},
		{"203.0.113.8", phone, "shop.example", false},
		{"203.0.113.7", phone + " ", "shop.example", false},
		{"203.0.113.7", phone, "other.example", false},
		{"203.0.113.7", "", phone + "shop.example", false},
		{"", "203.0.113.7" + phone, "shop.example", false},
	} {
		if got := a.session(c.client, c.agent, c.host); (got == session) != c.same {
			t.Errorf("%+v is %s, the first %s", c, got, session)
		}
	}
	if other := (&anonymity{now: time.Now}); other.session("203.0.113.7", phone, "shop.example") == session {
		t.Error("another process names a browser alike")
	}
}

// A subscriber has a network of 64 bits, and devices change their address in it.
func TestAnonymousSessionsOfIPv6(t *testing.T) {
	a := anonymity{now: time.Now}
	of := func(client string) string { return a.session(client, phone, "shop.example") }
	if of("2001:db8:1:2::3") != of("2001:db8:1:2:ffff::9") || of("fe80::1%eth0") != of("fe80::2%eth1") {
		t.Error("one subscriber has two sessions")
	}
	if of("2001:db8:1:2::3") == of("2001:db8:1:3::3") || of("unknown") == of("") {
		t.Error("two subscribers have one session")
	}
}

// TestAnonymousSessionsEndAtMidnight: nobody can be followed from one day of UTC to the next, and the key of a day is
// gone when the day is, also where nobody comes any more.
func TestAnonymousSessionsEndAtMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &anonymity{now: time.Now} // at midnight of UTC
		of := func() string { return a.session("203.0.113.7", phone, "shop.example") }
		monday := of()
		time.Sleep(dayLength - time.Nanosecond)
		if of() != monday {
			t.Error("another session on the same day")
		}
		a.mu.Lock()
		key := a.key
		a.mu.Unlock()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		a.mu.Lock()
		if a.key != nil || *key != [len(*key)]byte{} {
			t.Error("the day is over and its key is there")
		}
		a.mu.Unlock()
		tuesday := of()
		if tuesday == monday {
			t.Error("the same session on another day")
		}
		// A clock that is set back finds no key of before either.
		back := time.Now().Add(-time.Hour)
		a.now = func() time.Time { return back }
		if again := of(); again == monday || again == tuesday {
			t.Error("a clock that is set back brings a session back")
		}
	})
}

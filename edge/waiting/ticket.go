package waiting

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"

	"meridian/api"
)

// MaxTicket bounds a ticket in its written form.
const MaxTicket = 160

// What is signed starts with a label, so that no signature made for something else fits.
const (
	ticketLabel = "mw1."
	clientLabel = "mc1."
	proofBytes  = 16
)

// signer writes and reads tickets.
type signer struct{ secret []byte }

func (s signer) proof(label, text string) string {
	m := hmac.New(sha256.New, s.secret)
	m.Write([]byte(label))
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:proofBytes])
}

// Write is a ticket in the form that clients keep: room.opening.number.proof.
func (s signer) Write(t api.Ticket) string {
	text := t.Room + "." + strconv.FormatUint(t.Opening, 36) + "." + strconv.FormatUint(t.Number, 36)
	return text + "." + s.proof(ticketLabel, text)
}

// Read reads a ticket that one of the shop's edges wrote.
func (s signer) Read(text string) (t api.Ticket, ok bool) {
	at := strings.LastIndexByte(text, '.')
	if at < 0 || len(text) > MaxTicket || !hmac.Equal([]byte(text[at+1:]), []byte(s.proof(ticketLabel, text[:at]))) {
		return t, false
	}
	parts := strings.Split(text[:at], ".")
	if len(parts) != 3 {
		return t, false
	}
	opening, err1 := strconv.ParseUint(parts[1], 36, 64)
	number, err2 := strconv.ParseUint(parts[2], 36, 64)
	return api.Ticket{Room: parts[0], Opening: opening, Number: number}, err1 == nil && err2 == nil
}

// Client is what the core counts a client by: a keyed hash of the address, of an IPv6 address the network of 64 bits.
func (r *Rooms) Client(address string) string {
	if r == nil {
		return ""
	}
	if a, err := netip.ParseAddr(address); err == nil && a.Is6() && !a.Is4In6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			address = p.String()
		}
	}
	return r.proof(clientLabel, address)
}

package core

import (
	"encoding/binary"
	"errors"
	"fmt"

	"meridian/api"
)

// Adjusting stock is the command that a sale on many channels sends all day, so it has a form of its
// own that costs next to nothing to read. After type and version:
//
//	life 1 | if life > 0: key id 16, body hash 8 | refusal 1 | zigzag varint delta |
//	uvarint length, sku | uvarint length, location ("" is main) | uvarint length, reason
//
// The key id is a keyed hash of scope, endpoint and idempotency key: the log holds no key of a person.
const adjustVersion byte = 1

// keyID stands for an idempotency key; bodyHash for the request it was used with.
type (
	keyID    [16]byte
	bodyHash [8]byte
)

// How long an idempotency key lives.
const (
	lifeNone      byte = 0 // there is no key
	lifeEdge      byte = 1 // an edge's own, for its retries
	lifePrincipal byte = 2 // a shopper's or a member of staff's
)

// adjustment is one change of one count. Its texts may point into what it was decoded from.
type adjustment struct {
	life     byte
	id       keyID
	body     bodyHash
	refusal  adjustOutcome // decided before it came to the log; adjustDone: nothing was
	delta    int64
	sku      []byte
	location []byte // empty: main
	reason   []byte
}

// place is the location's name.
func (a *adjustment) place() string {
	if len(a.location) == 0 {
		return api.DefaultLocation
	}
	return string(a.location)
}

// isAt says whether the adjustment is of stock at a location.
func (a *adjustment) isAt(location string) bool {
	return string(a.location) == location || len(a.location) == 0 && location == api.DefaultLocation
}

// adjustOutcome is how an adjustment ended. The numbers are written.
type adjustOutcome byte

const (
	adjustDone        adjustOutcome = 0
	adjustReserved    adjustOutcome = 1 // below what is reserved
	adjustNegative    adjustOutcome = 2 // below zero
	adjustTooMany     adjustOutcome = 3 // beyond maxOnHand
	adjustUnknownSKU  adjustOutcome = 4
	adjustBadLocation adjustOutcome = 5
	adjustBadDelta    adjustOutcome = 6
	adjustBadReason   adjustOutcome = 7
	// adjustUnknownLocation: a name typed wrongly must not become a shelf.
	adjustUnknownLocation adjustOutcome = 8
	adjustOutcomes                      = 9
)

var errAdjustment = errors.New("malformed stock adjustment")

// appendAdjust appends the command in the form it has in the log.
func appendAdjust(b []byte, a *adjustment) []byte {
	b = append(b, byte(cmdAdjustStock), adjustVersion, a.life)
	if a.life != lifeNone {
		b = append(append(b, a.id[:]...), a.body[:]...)
	}
	b = append(b, byte(a.refusal))
	b = binary.AppendVarint(b, a.delta)
	return a.appendTexts(b)
}

func (a *adjustment) appendTexts(b []byte) []byte {
	return appendText(appendText(appendText(b, a.sku), a.location), a.reason)
}

func appendText(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeAdjust reads a command, type and version included, that appendAdjust wrote.
func decodeAdjust(b []byte) (a adjustment, err error) {
	if len(b) < 3 || commandType(b[0]) != cmdAdjustStock || b[1] != adjustVersion {
		return a, fmt.Errorf("command of %d bytes: %w", len(b), errUnknownCommand)
	}
	rest, err := a.decodeKey(b[2:])
	if err != nil {
		return a, err
	}
	if len(rest) < 1 || rest[0] >= adjustOutcomes {
		return a, fmt.Errorf("%w: refusal", errAdjustment)
	}
	a.refusal = adjustOutcome(rest[0])
	delta, n := binary.Varint(rest[1:])
	if n <= 0 || delta < -maxOnHand || delta > maxOnHand {
		return a, fmt.Errorf("%w: delta", errAdjustment)
	}
	a.delta, rest = delta, rest[1+n:]
	if rest, err = a.cutTexts(rest); err == nil && len(rest) != 0 {
		err = fmt.Errorf("%w: %d bytes behind it", errAdjustment, len(rest))
	}
	return a, err
}

func (a *adjustment) cutTexts(b []byte) (rest []byte, err error) {
	if a.sku, b, err = cutText(b); err != nil {
		return nil, err
	}
	if a.location, b, err = cutText(b); err != nil {
		return nil, err
	}
	a.reason, b, err = cutText(b)
	return b, err
}

// decodeKey reads life, key id and body hash.
func (a *adjustment) decodeKey(b []byte) (rest []byte, err error) {
	if len(b) == 0 || b[0] > lifePrincipal {
		return nil, fmt.Errorf("%w: life", errAdjustment)
	}
	a.life, b = b[0], b[1:]
	if a.life == lifeNone {
		return b, nil
	}
	if len(b) < len(a.id)+len(a.body) {
		return nil, fmt.Errorf("%w: key", errAdjustment)
	}
	copy(a.id[:], b)
	copy(a.body[:], b[len(a.id):])
	return b[len(a.id)+len(a.body):], nil
}

func cutText(b []byte) (text, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, fmt.Errorf("%w: text", errAdjustment)
	}
	b = b[n:]
	return b[:size:size], b[size:], nil
}

// refuse is the sentence for an outcome; reserved and onHand are the counts when it was decided.
func (o adjustOutcome) refuse(sku string, delta, onHand, reserved int64) *api.Error {
	switch o {
	case adjustDone:
		return nil
	case adjustReserved:
		return api.NewError(api.CodeStockReserved, "%d of %s are reserved for orders being paid; the stock cannot go below that.", reserved, sku)
	case adjustNegative:
		return api.Invalid("delta", "There are %d on hand; %d less would be below zero.", onHand, -delta)
	case adjustTooMany:
		return api.Invalid("on_hand", "At most %d can be on hand.", maxOnHand)
	case adjustUnknownSKU:
		return api.NewError(api.CodeNotFound, "There is no SKU %s.", sku)
	case adjustBadLocation:
		return api.Invalid("location", "A location is a-z, 0-9 and dashes, at most 64.")
	case adjustBadDelta:
		return api.Invalid("delta", "Give a number between -%d and %d.", maxOnHand, maxOnHand)
	case adjustUnknownLocation:
		return api.Invalid("location", "There is no such location. GET /admin/api/v1/locations lists them, PUT creates others.")
	default:
		return api.Invalid("reason", "At most 200 characters.")
	}
}

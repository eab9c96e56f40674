package core

import (
	"encoding/json"
	"fmt"
	"strings"

	"meridian/api"
)

// recall looks an idempotency key up: a stored answer is given again, a key with another body refused.
func (m *Machine) recall(k keying) (result, bool) {
	if k.Key == "" || m.skipDedupe {
		return result{}, false
	}
	rec, ok := m.keys.Get(keyOf(k.Scope, k.Key))
	if !ok {
		return result{}, false
	}
	return answerOf(rec, k.BodyHash)
}

func keyReused() *api.Error {
	return api.NewError(api.CodeKeyReused, "This Idempotency-Key was used for another request. Use a new key for a new request.")
}

// answerOf is what a key's record says to a request with this body. The second result is false while undecided.
func answerOf(rec keyRec, bodyHash string) (result, bool) {
	if rec.BodyHash != bodyHash {
		return result{err: keyReused(), status: 422}, true
	}
	if rec.Status == 0 {
		return result{}, false
	}
	return result{raw: rec.Body, status: rec.Status, replay: true}, true
}

// remember stores an answer under its key, unless it is transient, and makes it the result.
func (m *Machine) remember(k keying, v any, status int, refusal *api.Error) result {
	if status == 0 {
		status = 200
	}
	r := result{value: v, status: status, err: refusal}
	if refusal != nil {
		r.status = refusal.Status
	}
	if k.Key == "" || (refusal != nil && refusal.Transient()) {
		return r
	}
	var body any = v
	if refusal != nil {
		body = refusal
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return result{err: api.Internal(fmt.Errorf("store answer: %w", err)), status: 500}
	}
	m.putKey(k, keyRec{BodyHash: k.BodyHash, Status: r.status, Body: raw})
	return r
}

func (m *Machine) putKey(k keying, rec keyRec) {
	id := keyOf(k.Scope, k.Key)
	old, known := m.keys.Get(id)
	rec.Bucket = old.Bucket
	if !known {
		life := keyLifeHours
		if isEdgeKey(k.Key) {
			life = edgeKeyLifeHours
		}
		rec.Bucket = m.now/hourMS + life + 1
		row := "" // the bucket's key says it all; under the first rules it was said twice
		if m.rules < rulesOrdered {
			row = id
		}
		m.keyBuckets.Put(hourKey(rec.Bucket)+id, row)
		m.fresh++
	}
	m.keys.Put(id, rec)
}

// keyOf is the place of an idempotency key in its table.
func keyOf(scope, key string) string { return scope + "\x00" + key }

// isEdgeKey: an edge's own keys hold a space, which no shopper's key can.
func isEdgeKey(key string) bool { return strings.HasPrefix(key, "edge ") }

// Keys are dropped with every entry that makes some, twice as many as it made, so that dropping keeps up
// with any rate of orders; and with every tick, for the hours in which nobody orders.
const (
	keysPerKey  = 2
	keysPerTick = 1000
)

// keysSwept spares dropKeys to look where nothing is left. It follows from what was dropped, and replicas
// may have different ones: what it leaves out is not there.
type keysSwept struct {
	from string // there is no bucket before this
	hour int64  // nothing is due in this hour
}

// hourKey orders as hours do.
func hourKey(hour int64) string { return fmt.Sprintf("%012d", hour) }

// dropKeys forgets idempotency keys whose hour has come, the oldest first and at most so many.
func (m *Machine) dropKeys(most int) {
	now := m.now / hourMS
	if m.swept.hour == now {
		return
	}
	hour := hourKey(now)
	var gone []string
	more := false
	m.keyBuckets.Ascend(m.swept.from, func(k, _ string) bool {
		if k[:12] > hour {
			return false
		}
		if more = len(gone) == most; more {
			return false
		}
		gone = append(gone, k)
		return true
	})
	for _, k := range gone {
		m.keys.Delete(k[12:])
		m.keyBuckets.Delete(k)
		m.swept.from = k
	}
	if !more { // new keys are filed under later hours
		m.swept.hour = now
	}
}

package core

import (
	"encoding/binary"
	"fmt"
)

// The stock log holds what adjustments did: one row a log entry, in the order of the log, so that a
// thousand of them cost one row. It is the ledger of these changes and the memory of their keys:
//
//	row:    version 1 | time in ms, 8, big endian | uvarint count | count × record
//	record: life 1 | if life > 0: key id 16, body hash 8 | outcome 1 | zigzag varint delta |
//	        uvarint on hand, uvarint reserved (after it) | uvarint by which the index of the count is
//	        below the row's | sku, location, reason as in the command
//
// Rows stay for ever, keys do not: one is alive while the row's time is within its life.
type stockLogRec []byte

const stockLogVersion byte = 1

// stockLogCodec keeps rows as they are; recordsOf checks them where they are read.
type stockLogCodec struct{}

// Encode implements state.Codec.
func (stockLogCodec) Encode(v stockLogRec) ([]byte, error) { return v, nil }

// Decode implements state.Codec.
func (stockLogCodec) Decode(b []byte) (stockLogRec, error) {
	err := stockLogRec(b).each(0, func(int, *adjustRecord) bool { return true })
	return stockLogRec(b), err
}

// stockLogKey orders rows by index.
func stockLogKey(index uint64) string { return numberKey(index) }

func stockLogIndex(key string) uint64 { return binary.BigEndian.Uint64([]byte(key)) }

// adjustRecord is an adjustment with what came of it.
type adjustRecord struct {
	adjustment
	outcome          adjustOutcome
	onHand, reserved int64
	index            uint64 // of the last change of the count
}

// row collects the records of the entry being applied.
type stockLogRow struct {
	records []byte
	count   int
	index   uint64
	now     int64
}

func (r *stockLogRow) add(a *adjustRecord) {
	b := append(r.records, a.life)
	if a.life != lifeNone {
		b = append(append(b, a.id[:]...), a.body[:]...)
	}
	b = append(b, byte(a.outcome))
	b = binary.AppendVarint(b, a.delta)
	b = binary.AppendUvarint(b, uint64(a.onHand))
	b = binary.AppendUvarint(b, uint64(a.reserved))
	b = binary.AppendUvarint(b, r.index-a.index)
	r.records = a.appendTexts(b)
	r.count++
}

// encode gives the row its own memory: the collector is used again.
func (r *stockLogRow) encode() stockLogRec {
	b := make([]byte, 0, 1+8+binary.MaxVarintLen32+len(r.records))
	b = append(b, stockLogVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(r.now))
	b = binary.AppendUvarint(b, uint64(r.count))
	return append(b, r.records...)
}

// at is the time of the row.
func (r stockLogRec) at() int64 {
	if len(r) < 9 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(r[1:]))
}

// each calls fn for the records in order until it returns false. index is the row's.
func (r stockLogRec) each(index uint64, fn func(i int, a *adjustRecord) bool) error {
	if len(r) < 10 || r[0] != stockLogVersion {
		return fmt.Errorf("stock log row of %d bytes: a newer program wrote this state, or it is damaged", len(r))
	}
	count, n := binary.Uvarint(r[9:])
	if n <= 0 || count > uint64(len(r)) {
		return fmt.Errorf("%w: count", errAdjustment)
	}
	rest := []byte(r[9+n:])
	var a adjustRecord
	for i := range int(count) {
		var err error
		if rest, err = a.decode(rest, index); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if !fn(i, &a) {
			return nil
		}
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes behind the last record", errAdjustment, len(rest))
	}
	return nil
}

func (a *adjustRecord) decode(b []byte, index uint64) (rest []byte, err error) {
	if rest, err = a.decodeKey(b); err != nil {
		return nil, err
	}
	if len(rest) < 1 || rest[0] >= adjustOutcomes {
		return nil, fmt.Errorf("%w: outcome", errAdjustment)
	}
	a.outcome = adjustOutcome(rest[0])
	rest = rest[1:]
	delta, n := binary.Varint(rest)
	if n <= 0 {
		return nil, fmt.Errorf("%w: delta", errAdjustment)
	}
	a.delta, rest = delta, rest[n:]
	for _, p := range []*int64{&a.onHand, &a.reserved} {
		v, n := binary.Uvarint(rest)
		if n <= 0 || v > maxOnHand {
			return nil, fmt.Errorf("%w: count", errAdjustment)
		}
		*p, rest = int64(v), rest[n:]
	}
	back, n := binary.Uvarint(rest)
	if n <= 0 {
		return nil, fmt.Errorf("%w: index", errAdjustment)
	}
	a.index = index - back
	return a.cutTexts(rest[n:])
}

package core

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"meridian/api"
)

// erasureRec is what has to be erased from the clickstream. Traces are hashes of identifiers, which are kept nowhere themselves.
type erasureRec struct {
	Seq      uint64   `cbor:"1,keyasint"`
	AtMS     int64    `cbor:"2,keyasint"`
	Traces   [][]byte `cbor:"3,keyasint"`
	Timeline uint32   `cbor:"4,keyasint"`
}

// eraseTracesCmd erases an account, when one is named, and what clicks left in orders, and notes what is to be erased elsewhere.
type eraseTracesCmd struct {
	Customer string   `cbor:"1,keyasint,omitempty"`
	Orders   []string `cbor:"2,keyasint,omitempty"`
	Traces   [][]byte `cbor:"3,keyasint,omitempty"` // hashes
	// Anyone: there is no account and nobody of the staff behind it, so that it is refused when there is too much.
	Anyone bool `cbor:"4,keyasint,omitempty"`
}

const (
	// erasureDays is how long it is known what was erased: until then it is erased again where it comes late, out of the spool of an edge that
	// was away or out of a backup of ClickHouse.
	erasureDays = 35
	// maxTraces is the most hashes of a record.
	maxTraces = 200
	// maxErasures bounds the records that browsers without an account can make.
	maxErasures = 500_000
	// maxErasuresPerTick keeps a tick short.
	maxErasuresPerTick = 100
)

func erasureKey(seq uint64) string { return fmt.Sprintf("%020d", seq) }

// traceHash is how an identifier of a visitor or a session is known after it was erased.
func traceHash(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

func (m *Machine) applyEraseTraces(c eraseTracesCmd) (any, int, *api.Error) {
	if c.Anyone && m.erasures.Len() >= maxErasures {
		return nil, 0, api.NewError(api.CodeOverloaded, "Too much is being erased right now. Try again later.")
	}
	for _, h := range c.Traces {
		if len(h) != sha256.Size {
			return nil, 0, api.Invalid("", "A trace is a hash of %d bytes.", sha256.Size)
		}
	}
	traces := slices.Clone(c.Traces)
	var out any = api.None{}
	if c.Customer != "" {
		erasure, gone, refusal := m.eraseCustomer(c.Customer)
		if refusal != nil {
			return nil, 0, refusal
		}
		traces, out = addTraces(traces, gone...), erasure
	}
	for _, id := range c.Orders {
		if o, ok := m.orders.Get(id); ok && o.Visitor+o.Session != "" {
			traces = addTraces(traces, o.Visitor, o.Session)
			o.Visitor, o.Session = "", ""
			m.orders.Put(o.ID, o)
		}
	}
	m.noteErasure(traces)
	return out, 200, nil
}

// addTraces adds the hashes of identifiers; what is empty is none.
func addTraces(all [][]byte, ids ...string) [][]byte {
	for _, id := range ids {
		if id != "" {
			all = append(all, traceHash(id))
		}
	}
	return all
}

// noteErasure keeps what is asked for as one record, or as several. What was asked for within a day is under way, and erased again when more comes.
func (m *Machine) noteErasure(traces [][]byte) {
	var fresh [][]byte
	seen := map[string]bool{}
	for _, h := range traces {
		seq, known := m.erased.Get(string(h))
		r, _ := m.erasures.Get(erasureKey(seq))
		if !seen[string(h)] && (!known || r.AtMS+24*hourMS <= m.now) {
			fresh = append(fresh, h)
		}
		seen[string(h)] = true
	}
	meta := m.metaNow()
	for part := range slices.Chunk(fresh, maxTraces) {
		meta.ErasureSeq++
		m.erasures.Put(erasureKey(meta.ErasureSeq), erasureRec{Seq: meta.ErasureSeq, AtMS: m.now, Traces: part, Timeline: max(m.timeline(), 1)})
		for _, h := range part {
			m.erased.Put(string(h), meta.ErasureSeq)
		}
	}
	if len(fresh) > 0 {
		m.meta.Put(metaKey, meta)
	}
}

// dropErasures forgets what was erased long ago.
func (m *Machine) dropErasures() {
	var old []erasureRec
	m.erasures.Ascend("", func(_ string, r erasureRec) bool {
		if r.AtMS+erasureDays*24*hourMS > m.now || len(old) == maxErasuresPerTick {
			return false
		}
		old = append(old, r)
		return true
	})
	for _, r := range old {
		for _, h := range r.Traces {
			if seq, _ := m.erased.Get(string(h)); seq == r.Seq {
				m.erased.Delete(string(h))
			}
		}
		m.erasures.Delete(erasureKey(r.Seq))
	}
}

// checkErasures verifies that every hash leads to the newest record that holds it.
func (m *Machine) checkErasures(bad func(format string, args ...any)) {
	newest := map[string]uint64{}
	m.erasures.Ascend("", func(key string, r erasureRec) bool {
		if key != erasureKey(r.Seq) || r.Seq > m.metaNow().ErasureSeq {
			bad("erasure %s has the number %d, the newest is %d", key, r.Seq, m.metaNow().ErasureSeq)
		}
		for _, h := range r.Traces {
			newest[string(h)] = r.Seq
		}
		return true
	})
	m.erased.Ascend("", func(h string, seq uint64) bool {
		if newest[h] != seq {
			bad("a trace leads to erasure %d, the newest that holds it is %d", seq, newest[h])
		}
		delete(newest, h)
		return true
	})
	if len(newest) > 0 {
		bad("%d traces of erasures lead nowhere", len(newest))
	}
}

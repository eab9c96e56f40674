package core

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Values and commands are CBOR with numbered fields in core deterministic encoding, so that equal
// values have equal bytes on every replica. A field's number is never reused.
var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		MaxArrayElements: 1 << 20, MaxMapPairs: 1 << 20, MaxNestedLevels: 16, DupMapKey: cbor.DupMapKeyEnforcedAPF,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sharer is a record that holds the same strings as many others: share makes them the same memory.
type sharer interface{ share() }

// record is the codec of a table: a version byte, then the fields.
type record[V any] struct{ version byte }

// Encode implements state.Codec.
func (r record[V]) Encode(v V) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte{r.version}, b...), nil
}

// Borrows implements state.Borrower: the library copies texts and bytes.
func (r record[V]) Borrows() {}

// Decode implements state.Codec.
func (r record[V]) Decode(b []byte) (v V, err error) {
	if len(b) == 0 || b[0] != r.version {
		return v, fmt.Errorf("record version %v, this program knows %d: a newer program wrote this state", b[:min(len(b), 1)], r.version)
	}
	err = decMode.Unmarshal(b[1:], &v)
	if s, ok := any(&v).(sharer); ok {
		s.share()
	}
	return v, err
}

package state

// arenaBytes is the size of one block of an arena.
const arenaBytes = 64 << 10

// touchedKeep is the longest list of touched rows that is kept for the next Update.
const touchedKeep = 4096

// Appender is a Codec that can encode behind what is in a buffer already, which saves the many small
// allocations of rows that change often. Append must give the same bytes as Encode.
type Appender[V any] interface {
	Append(b []byte, v V) []byte
}

// arena holds the encoded rows of one checkpoint, so that they need no allocation each.
type arena struct {
	block []byte
}

// take runs fn on the free rest of a block and returns what it appended there.
func (a *arena) take(fn func(b []byte) []byte) []byte {
	if cap(a.block)-len(a.block) < 256 {
		a.block = make([]byte, 0, arenaBytes)
	}
	from := len(a.block)
	b := fn(a.block)
	if cap(b) == cap(a.block) { // it fitted: the block goes on behind it
		a.block = b
	}
	return b[from:len(b):len(b)]
}

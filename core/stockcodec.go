package core

// stockCodec writes stock records as record[stockRec] does, byte for byte, without reflection: they
// are the rows that change most.
type stockCodec struct{ record[stockRec] }

// Append implements state.Appender.
func (stockCodec) Append(b []byte, s stockRec) []byte {
	b = append(b, 1, 0xa5) // the version; a map of five pairs
	b = appendCBORInt(append(b, 1), s.OnHand)
	b = appendCBORInt(append(b, 2), s.Reserved)
	b = appendCBORInt(append(b, 3), s.Received)
	b = appendCBORInt(append(b, 4), s.Sold)
	return appendCBORHead(append(b, 5), 0, s.Index)
}

func appendCBORInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendCBORHead(b, 1, uint64(-1-v))
	}
	return appendCBORHead(b, 0, uint64(v))
}

// appendCBORHead appends the shortest head of a major type with an argument (RFC 8949, 3).
func appendCBORHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return append(b, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(b, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

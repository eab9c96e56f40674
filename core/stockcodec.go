package core

import "math"

// stockCodec writes and reads stock records as record[stockRec] does, byte for byte, without reflection:
// they are the rows that change most, and the most that a start reads.
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

// Decode implements state.Codec. What Append writes is read by hand, anything else by the library.
func (c stockCodec) Decode(b []byte) (s stockRec, err error) {
	if len(b) < 2 || b[0] != 1 || b[1] != 0xa5 {
		return c.record.Decode(b)
	}
	rest := b[2:]
	for i, p := range []*int64{&s.OnHand, &s.Reserved, &s.Received, &s.Sold} {
		var major byte
		var n uint64
		var ok bool
		if major, n, rest, ok = cutCBORField(rest, byte(i+1)); !ok || major > 1 || n > math.MaxInt64 {
			return c.record.Decode(b)
		}
		if *p = int64(n); major == 1 {
			*p = -1 - int64(n)
		}
	}
	major, n, rest, ok := cutCBORField(rest, 5)
	if !ok || major != 0 || len(rest) != 0 {
		return c.record.Decode(b)
	}
	s.Index = n
	return s, nil
}

// cutCBORField takes the number of a field and the head behind it off b.
func cutCBORField(b []byte, field byte) (major byte, n uint64, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != field {
		return 0, 0, nil, false
	}
	major, n, b = b[1]>>5, uint64(b[1]&31), b[2:]
	if n < 24 {
		return major, n, b, true
	}
	width := 1 << (n - 24)
	if n > 27 || len(b) < width {
		return 0, 0, nil, false
	}
	n = 0
	for _, x := range b[:width] {
		n = n<<8 | uint64(x)
	}
	return major, n, b[width:], true
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

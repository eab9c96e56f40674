package backup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"testing"
)

func sample() Segment {
	return Segment{Timeline: 3, After: 10, To: 14, FirstMS: 1_700_000_000_000, LastMS: 1_700_000_000_500, Entries: []Entry{
		{Index: 11, Term: 2, Data: []byte("first")}, {Index: 13, Term: 4, Data: []byte{}},
	}}
}

func TestSegmentFormat(t *testing.T) {
	got := hex.EncodeToString((func() []byte { s := sample(); return s.encode() })())
	want, err := os.ReadFile("testdata/segment.hex")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(bytes.TrimSpace(want)) {
		t.Errorf("a segment is written as\n%s, but was written as\n%s: old backups could not be read any more", got, want)
	}
}

func TestEveryByteOfASegmentCounts(t *testing.T) {
	s := sample()
	b := s.encode()
	if _, err := decodeSegment(b); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if _, err := decodeSegment(c); err == nil {
			t.Errorf("byte %d changed, and nobody saw it", i)
		}
		if _, err := decodeSegment(b[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestChainTakesTheLongest(t *testing.T) {
	tl := Timeline{Number: 1, Fulls: []Manifest{{Index: 5}, {Index: 60}}, Spans: []Span{
		{"a", 0, 10, 1}, {"b", 10, 20, 1}, {"c", 12, 40, 1}, {"d", 20, 30, 1}, {"e", 30, 35, 1}, {"f", 55, 70, 1},
	}}
	chain, err := tl.Chain(5, 40)
	if err != nil || len(chain) != 3 || chain[2].Key != "c" {
		t.Errorf("%v, %v", chain, err)
	}
	if _, err := tl.Chain(5, 41); !errors.Is(err, ErrMissing) {
		t.Errorf("a gap: %v", err)
	}
	if tl.End() != 70 {
		t.Errorf("it ends at %d", tl.End())
	}
	if r := tl.Ranges(); len(r) != 2 || r[0] != (Range{5, 40}) || r[1] != (Range{60, 70}) {
		t.Errorf("%v", r)
	}
}

func FuzzSegment(f *testing.F) {
	s := sample()
	f.Add(s.encode())
	empty := Segment{Timeline: 1, After: 1, To: 2}
	f.Add(empty.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSegment(b)
		if err != nil {
			return
		}
		if again := s.encode(); !bytes.Equal(again, b) {
			t.Fatalf("read and written again it differs:\n%x\n%x", b, again)
		}
	})
}

// FuzzSegmentBody gives bytes a right checksum, so that what is behind it is reached.
func FuzzSegmentBody(f *testing.F) {
	s := sample()
	b := s.encode()
	f.Add(b[:len(b)-checksumBytes])
	f.Fuzz(func(t *testing.T, body []byte) {
		b := seal(bytes.Clone(body))
		if s, err := decodeSegment(b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Fatalf("read and written again it differs: %x", b)
		}
	})
}

func FuzzKey(f *testing.F) {
	l := layout{"p/", 7}
	f.Add(l.segment(1, 2)[2:])
	f.Add(l.owner()[2:])
	f.Fuzz(func(t *testing.T, key string) {
		n, kind, after, to := parseKey(key)
		if kind == "segment" && (layout{"", n}).segment(after, to) != key {
			t.Fatalf("%q is not written as it is read", key)
		}
	})
}

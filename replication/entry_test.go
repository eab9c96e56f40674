package replication

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds bytes against a file. The formats are for ever: an old file must stay readable.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := string(bytes.TrimSpace(file)); want != hex.EncodeToString(got) {
		t.Fatalf("%s:\nhave %x\nwant %s", path, got, want)
	}
}

func sampleEntry() ([]byte, [][]byte) {
	return []byte("head"), [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 200)}
}

func TestEntryGolden(t *testing.T) {
	header, commands := sampleEntry()
	b := encodeEntry(header, commands)
	golden(t, "testdata/entry-1-1.hex", b)
	h, c, err := decodeEntry(b)
	if err != nil || !bytes.Equal(h, header) || len(c) != len(commands) {
		t.Fatal(h, c, err)
	}
	for i := range c {
		if !bytes.Equal(c[i], commands[i]) {
			t.Fatalf("command %d: %q", i, c[i])
		}
	}
}

func TestEntryRefusesEveryFlippedBit(t *testing.T) {
	b := encodeEntry(sampleEntry())
	for i := range b {
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << bit
			if _, _, err := decodeEntry(bad); err == nil {
				t.Fatalf("byte %d bit %d flipped and accepted", i, bit)
			}
		}
	}
	for n := range b {
		if _, _, err := decodeEntry(b[:n]); err == nil {
			t.Fatalf("cut to %d bytes and accepted", n)
		}
	}
}

// checked puts a right checksum on a body, so that the fuzzer gets past it.
func checked(body []byte) []byte {
	b := append([]byte{entryBatch, entryVersion, 0, 0, 0, 0}, body...)
	sum := castagnoli(body)
	b[2], b[3], b[4], b[5] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	return b
}

func TestEntryLimits(t *testing.T) {
	for name, body := range map[string][]byte{
		"count beyond the bytes":  {0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"header beyond the bytes": {9, 1},
		"command beyond":          {0, 1, 5, 'a'},
		"trailing bytes":          {0, 1, 1, 'a', 'b'},
		"length in a longer form": {0, 0x81, 0x00, 1, 'a'},
		"no count":                {0},
		"empty":                   {},
		"length above 64 bits":    {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		if _, _, err := decodeEntry(checked(body)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(encodeEntry(sampleEntry())[entryPrefix:])
	f.Add(encodeEntry(nil, nil)[entryPrefix:])
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		data := checked(body)
		header, commands, err := decodeEntry(data)
		if err != nil {
			return
		}
		if again := encodeEntry(header, commands); !bytes.Equal(again, data) {
			t.Fatalf("%x decodes and encodes to %x", data, again)
		}
	})
}

func FuzzSnapshotHeader(f *testing.F) {
	f.Add([]byte{2, 1, 7, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{2, 1, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if _, err := readSnapshotHeader(r); err == nil && (len(b) < snapshotHeader || r.Len() != len(b)-snapshotHeader) {
			t.Fatal("accepted a short header, or read beyond it")
		}
	})
}

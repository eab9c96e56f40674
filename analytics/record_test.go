package analytics

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "write the golden files of this package anew")

func goldenRow() Row {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	return Row{
		ID: uuid.MustParse("0192f7a4-5b7e-7c3a-9d0e-3f1a2b4c5d6e"), Type: "add_to_cart", At: at, Received: at.Add(1500 * time.Millisecond),
		StatedDay: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), Session: "visit-1", Visitor: "visitor-2", Bot: true,
		Items: []Item{{Handle: "teal-mug", SKU: "MUG-TEAL", Quantity: 3, Price: 1250, Currency: "EUR"}, {Handle: "jug"}},
		Query: "Teller für Käse", Results: -1, Slot: "home", Algorithm: "pairs", Version: "7", Device: "tablet",
	}
}

// TestOldRecord: a spool written by an older process is read for ever.
func TestOldRecord(t *testing.T) {
	text, err := os.ReadFile("testdata/record-v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	record, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	want := goldenRow()
	want.Device = ""
	got, rest, err := nextRecord(record)
	if err != nil || len(rest) != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, %v", got, err)
	}
}

// TestGoldenRecord: what is written is the version that it says.
func TestGoldenRecord(t *testing.T) {
	row := goldenRow()
	got := appendRecord(nil, &row)
	const path = "testdata/record-v2.hex"
	if *update {
		if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the encoding changed; a new layout needs a new version\n got %x\nwant %x", got, want)
	}
	back, rest, err := nextRecord(want)
	if err != nil || len(rest) != 0 || !reflect.DeepEqual(back, row) {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestRecordsOfLaterVersionsAreRefused(t *testing.T) {
	row := goldenRow()
	b := appendRecord(nil, &row)
	b[recordHeader] = recordVersion + 1
	binary.LittleEndian.PutUint32(b[4:], checksum(b[recordHeader:]))
	if _, _, err := nextRecord(b); err != errVersion {
		t.Errorf("%v", err)
	}
	if _, _, err := nextRecord(b[:len(b)-1]); err != errTorn {
		t.Errorf("%v", err)
	}
}

// FuzzRecord: any bytes are a record or an error, and what decodes encodes to something that decodes
// to the same.
func FuzzRecord(f *testing.F) {
	row := goldenRow()
	f.Add(appendPayload(nil, &row))
	f.Add(appendPayload(nil, &Row{Results: -1}))
	f.Add([]byte{recordVersion})
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := decodePayload(payload)
		if err != nil {
			return
		}
		again, rest, err := nextRecord(appendRecord(nil, &r))
		if len(payload) > recordMax/2 {
			return
		}
		if err != nil || len(rest) != 0 || !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v\n%+v\n%v", r, again, err)
		}
	})
}

// FuzzSegment: any file is a segment with whole rows or an error.
func FuzzSegment(f *testing.F) {
	row := goldenRow()
	whole := appendRecord(segmentHeader("edge-a", "eu", time.Unix(1_700_000_000, 0)), &row)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(segmentMagic))
	f.Add(appendRecord(prunedHeader(&segment{Edge: "edge-a", Region: "eu", Stored: time.Unix(1_700_000_000, 0), hash: make([]byte, tokenHash)}), &row))
	f.Add([]byte(prunedMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, length, err := parseSegment("edge-a-1", file)
		if err != nil {
			return
		}
		again, n, err := parseSegment("edge-a-1", file[:length])
		if err != nil || n != length || again.Token != s.Token || len(again.Rows) != len(s.Rows) {
			t.Fatalf("the whole part of the file reads differently: %v", err)
		}
		if again, _, err = parseSegment("edge-a-1", prunedHeader(&s)); err != nil || again.Token != s.Token || !again.Stored.Equal(s.Stored) {
			t.Fatalf("without its rows the file has token %s instead of %s: %v", again.Token, s.Token, err)
		}
	})
}

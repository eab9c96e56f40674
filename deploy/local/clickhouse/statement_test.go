package main

import (
	"bytes"
	"testing"
)

func TestParseStatement(t *testing.T) {
	for text, want := range map[string]statement{
		"INSERT INTO t (a, `FORMAT`) FORMAT Native\n\x01\x02":      {verb: "INSERT", stream: true, head: "INSERT INTO t (a, `FORMAT`) ", format: "Native", data: []byte("\x01\x02")},
		"insert into values values (1,';')":                        {verb: "INSERT", stream: true, head: "insert into values ", format: "Values", data: []byte(" (1,';')")},
		"INSERT INTO TABLE format SETTINGS a=1 FORMAT TSV 1":       {verb: "INSERT", stream: true, head: "INSERT INTO TABLE format SETTINGS a=1 ", format: "TSV", data: []byte("1"), settings: true},
		"INSERT INTO t SELECT 1 FORMAT TSV":                        {verb: "INSERT"},
		"-- FORMAT x\nSELECT 'FORMAT y' /* FORMAT z */ FORMAT CSV": {verb: "SELECT", format: "CSV"},
		"(SELECT 1)": {verb: "SELECT"},
		"":           {},
	} {
		got := parseStatement([]byte(text))
		if got.verb != want.verb || got.stream != want.stream || got.head != want.head || got.format != want.format ||
			got.settings != want.settings || !bytes.Equal(got.data, want.data) {
			t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	for _, s := range []string{"INSERT INTO t FORMAT Native\n\x00", "SELECT 'a\\", "/* ", "-- x", "INSERT INTO", "((((", "a\x80`"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		st := parseStatement(text)
		if len(st.head)+len(st.data) > len(text) {
			t.Fatalf("made up text: %+v", st)
		}
		if st.stream && (st.verb != "INSERT" || st.format == "") {
			t.Fatalf("rows without an insert or a format: %+v", st)
		}
	})
}

func FuzzDecompressFrames(f *testing.F) {
	whole, err := compressFrames(bytes.Repeat([]byte("rows"), 100), "LZ4")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:25])
	f.Fuzz(func(t *testing.T, frames []byte) {
		data, err := decompressFrames(frames, 1<<16)
		if err == nil && len(data) > 1<<16 {
			t.Fatal("over the limit")
		}
	})
}

func TestCutFramesAreRefused(t *testing.T) {
	whole, err := compressFrames(bytes.Repeat([]byte("rows"), 1000), "LZ4")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := decompressFrames(whole, bodyMax); err != nil || len(data) != 4000 {
		t.Fatalf("whole: %d bytes, %v", len(data), err)
	}
	for n := 1; n < len(whole); n++ {
		if _, err := decompressFrames(whole[:n], bodyMax); err == nil {
			t.Fatalf("cut at %d of %d: accepted", n, len(whole))
		}
	}
	if _, err := decompressFrames(whole, 3999); err != errTooLarge {
		t.Fatalf("over the limit: %v", err)
	}
}

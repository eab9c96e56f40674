package assets_test

import (
	"encoding/binary"
	"hash/crc32"
)

func box(kind string, body ...[]byte) []byte {
	b := append(make([]byte, 4), kind...)
	for _, p := range body {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// film is the skeleton of an MP4: a sound track, then a picture of w by h.
func film(w, h uint32) []byte {
	size := func(w, h uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(make([]byte, 76), w<<16), h<<16)
	}
	return append(box("ftyp", []byte("isom\x00\x00\x02\x00")),
		box("moov", box("mvhd", make([]byte, 20)), box("trak", box("tkhd", size(0, 0))), box("trak", box("tkhd", size(w, h))))...)
}

func crc(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }

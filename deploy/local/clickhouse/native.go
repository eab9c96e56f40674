package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reencode turns the engine's Native blocks (revision 0) into those of a client's protocol
// revision, as ClickHouse does for client_protocol_version.
func reencode(blocks []byte, revision uint64) ([]byte, error) {
	if revision == 0 {
		return blocks, nil
	}
	in := chproto.NewReader(bytes.NewReader(blocks))
	var out chproto.Buffer
	for {
		b := proto.NewBlock()
		if err := b.Decode(in, 0); err != nil {
			if errors.Is(err, io.EOF) {
				return out.Buf, nil
			}
			return nil, fmt.Errorf("read the engine's result: %w", err)
		}
		if err := b.Encode(&out, revision); err != nil {
			return nil, fmt.Errorf("encode the result for the client: %w", err)
		}
	}
}

// frameBytes bounds one compressed frame, as ClickHouse's own buffers do.
const frameBytes = 1 << 20

// compressFrames wraps data into ClickHouse's compressed frames.
func compressFrames(data []byte, method string) ([]byte, error) {
	m := compress.LZ4
	if strings.EqualFold(method, "zstd") {
		m = compress.ZSTD
	}
	w := compress.NewWriter(compress.LevelZero, m)
	var out []byte
	for len(data) > 0 {
		n := min(len(data), frameBytes)
		if err := w.Compress(data[:n]); err != nil {
			return nil, fmt.Errorf("compress the result: %w", err)
		}
		out, data = append(out, w.Data...), data[n:]
	}
	return out, nil
}

// decompressFrames reads compressed frames up to a number of bytes; larger is errTooLarge.
func decompressFrames(frames []byte, limit int64) ([]byte, error) {
	if !wholeFrames(frames) {
		return nil, errFrames("the last frame is cut off")
	}
	data, err := io.ReadAll(io.LimitReader(compress.NewReader(bytes.NewReader(frames)), limit+1))
	if err != nil && !errors.Is(err, io.EOF) { // the reader wraps the end
		return nil, errFrames(err.Error())
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}

func errFrames(reason string) error {
	return newException("Code: 271. DB::Exception: Cannot decompress the request body: " + reason + ". (CANNOT_DECOMPRESS)")
}

// wholeFrames walks the frames by their sizes: a 16-byte checksum, then a method byte and a size
// that counts itself, the method and the data.
func wholeFrames(b []byte) bool {
	const checksum, header = 16, 9
	for len(b) > 0 {
		if len(b) < checksum+header {
			return false
		}
		size := uint64(binary.LittleEndian.Uint32(b[checksum+1:]))
		if size < header || uint64(len(b)) < checksum+size {
			return false
		}
		b = b[checksum+size:]
	}
	return true
}

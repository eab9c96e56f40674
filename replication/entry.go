package replication

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A log entry is, in bytes:
//
//	type 1 | version 1 | crc32c of what follows, little endian, 4 | uvarint length, header |
//	uvarint count | count × (uvarint length, command)
//
// Types and versions are never reused. The checksum is ours because raft-boltdb keeps none.
const (
	entryBatch   = 1
	entryVersion = 1
	entryPrefix  = 6
)

var errEntry = errors.New("malformed log entry")

func castagnoli(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

// entrySize is the most that a command adds to an entry.
func entrySize(cmd []byte) int { return binary.MaxVarintLen32 + len(cmd) }

func encodeEntry(header []byte, commands [][]byte) []byte {
	size := entryPrefix + 2*binary.MaxVarintLen64 + len(header)
	for _, c := range commands {
		size += entrySize(c)
	}
	b := make([]byte, entryPrefix, size)
	b[0], b[1] = entryBatch, entryVersion
	b = append(binary.AppendUvarint(b, uint64(len(header))), header...)
	b = binary.AppendUvarint(b, uint64(len(commands)))
	for _, c := range commands {
		b = append(binary.AppendUvarint(b, uint64(len(c))), c...)
	}
	binary.LittleEndian.PutUint32(b[2:], castagnoli(b[entryPrefix:]))
	return b
}

// decodeEntry returns slices of data. It accepts exactly what encodeEntry makes.
func decodeEntry(data []byte) (header []byte, commands [][]byte, err error) {
	if len(data) < entryPrefix {
		return nil, nil, fmt.Errorf("%w: %d bytes", errEntry, len(data))
	}
	if data[0] != entryBatch || data[1] != entryVersion {
		return nil, nil, fmt.Errorf("%w: type %d version %d is not known to this release", errEntry, data[0], data[1])
	}
	rest := data[entryPrefix:]
	if castagnoli(rest) != binary.LittleEndian.Uint32(data[2:]) {
		return nil, nil, fmt.Errorf("%w: checksum does not match", errEntry)
	}
	if header, rest, err = cutBytes(rest); err != nil {
		return nil, nil, err
	}
	count, rest, err := cutUvarint(rest)
	if err != nil {
		return nil, nil, err
	}
	if count > uint64(len(rest)) { // each command takes a byte at least
		return nil, nil, fmt.Errorf("%w: %d commands in %d bytes", errEntry, count, len(rest))
	}
	commands = make([][]byte, count)
	for i := range commands {
		if commands[i], rest, err = cutBytes(rest); err != nil {
			return nil, nil, err
		}
	}
	if len(rest) != 0 {
		return nil, nil, fmt.Errorf("%w: %d bytes after the last command", errEntry, len(rest))
	}
	return header, commands, nil
}

func cutUvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || (n > 1 && b[n-1] == 0) { // the second: a longer form than needed
		return 0, nil, fmt.Errorf("%w: bad length", errEntry)
	}
	return v, b[n:], nil
}

func cutBytes(b []byte) ([]byte, []byte, error) {
	size, b, err := cutUvarint(b)
	if err != nil {
		return nil, nil, err
	}
	if size > uint64(len(b)) {
		return nil, nil, fmt.Errorf("%w: length %d beyond the end", errEntry, size)
	}
	return b[:size:size], b[size:], nil
}

package analytics

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A segment is one file of the spool and later one INSERT. Its name is the edge's, a hyphen and a
// sequence number; ".open" while it is written, ".seg" once it is sealed and never changes again.
const (
	openSuffix   = ".open"
	sealedSuffix = ".seg"
	segmentMagic = "MSPL\x01" // the last byte is the version of the file's format
	// prunedMagic begins a file from which rows were taken: its header ends with the hash that the file had before.
	prunedMagic = "MSPL\x02"
	// tokenHash is how many bytes of the hash are in a token.
	tokenHash = 12
)

// segment is the content of a sealed file.
type segment struct {
	// Token names the batch to ClickHouse: the file's name and a hash of its rows. The same file
	// always has the same token, another file never. A file from which rows were taken keeps the token that it had.
	Token string
	// hash is the part of the token that is not the name.
	hash   []byte
	Edge   string
	Region string
	// Stored is when the segment was begun. One value for the whole batch, so that a batch lies in
	// one partition and is written as one part or not at all.
	Stored time.Time
	Rows   []Row
}

func segmentName(edge string, seq uint64) string {
	return fmt.Sprintf("%s-%016d", edge, seq)
}

// sequenceOf reads the number out of a file name of any edge.
func sequenceOf(file string) (uint64, bool) {
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), openSuffix), sealedSuffix)
	i := strings.LastIndexByte(base, '-')
	if i < 1 || len(base)-i-1 != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(base[i+1:], 10, 64)
	return n, err == nil
}

// prunedHeader begins a file that keeps the token it had before rows were taken.
func prunedHeader(s *segment) []byte {
	b := []byte(prunedMagic)
	b = binary.AppendVarint(b, s.Stored.Unix())
	b = appendString(b, s.Edge)
	b = appendString(b, s.Region)
	b = append(b, s.hash...)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

func segmentHeader(edge, region string, stored time.Time) []byte {
	b := []byte(segmentMagic)
	b = binary.AppendVarint(b, stored.Unix())
	b = appendString(b, edge)
	b = appendString(b, region)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

// headerMax is more than any header needs: names are short.
const headerMax = 256

var errNotSegment = errors.New("the file is not a segment of the spool")

// parseSegment reads a segment; length is how many bytes of it are whole. A torn tail is no error:
// its rows were never acknowledged to anyone.
func parseSegment(name string, b []byte) (s segment, length int, err error) {
	pruned := bytes.HasPrefix(b, []byte(prunedMagic))
	if !pruned && !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return s, 0, errNotSegment
	}
	d := reader{b: b[len(segmentMagic):]}
	s.Stored = time.Unix(d.varint(), 0).UTC()
	s.Edge, s.Region = d.string(), d.string()
	if pruned {
		s.hash = bytes.Clone(d.bytes(tokenHash))
	}
	head := len(b) - len(d.b)
	sum := d.bytes(4)
	if d.bad || binary.LittleEndian.Uint32(sum) != checksum(b[:head]) {
		return s, 0, errNotSegment
	}
	rest := d.b
	for len(rest) > 0 {
		r, next, err := nextRecord(rest)
		if errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return s, 0, err
		}
		s.Rows, rest = append(s.Rows, r), next
	}
	length = len(b) - len(rest)
	if !pruned {
		sum256 := sha256.Sum256(b[:length])
		s.hash = sum256[:tokenHash]
	}
	s.Token = name + "-" + hex.EncodeToString(s.hash)
	return s, length, nil
}

func readSegment(path string) (segment, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return segment{}, fmt.Errorf("read segment: %w", err)
	}
	s, _, err := parseSegment(strings.TrimSuffix(filepath.Base(path), sealedSuffix), b)
	return s, err
}

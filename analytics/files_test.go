package analytics

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
)

// A block of a compressed file: a checksum, the method, its bytes with this header of nine, its bytes when decompressed.
const (
	blockChecksum = 16
	blockHeader   = 9
	blockMax      = 128 << 20
	methodChain   = 0x91
)

// unpacked decompresses a file of blocks; ok says whether it is one. It leaves out blocks that went through a chain of codecs: those are columns of times.
func unpacked(b []byte) (out []byte, ok bool) {
	for len(b) > 0 {
		if len(b) < blockChecksum+blockHeader {
			return out, false
		}
		size := int(binary.LittleEndian.Uint32(b[blockChecksum+1:]))
		if size < blockHeader || blockChecksum+size > len(b) {
			return out, false
		}
		method := b[blockChecksum]
		if method != methodChain {
			plain := make([]byte, min(binary.LittleEndian.Uint32(b[blockChecksum+5:]), blockMax))
			if _, err := io.ReadFull(compress.NewReader(bytes.NewReader(b[:blockChecksum+size])), plain); err != nil {
				return out, false
			}
			out = append(out, plain...)
		}
		b = b[blockChecksum+size:]
	}
	return out, true
}

// search gives the files of the engine's directory in which each needle is, as it lies there or decompressed.
func (e *engine) search(needles map[string][]byte) map[string][]string {
	e.t.Helper()
	found := map[string][]string{}
	compressed := 0
	err := filepath.WalkDir(e.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		plain, ok := unpacked(b)
		if ok {
			compressed++
		} else if strings.HasSuffix(path, ".bin") && len(b) > 0 {
			e.t.Errorf("%s could not be decompressed: the search would miss what is in it", path)
		}
		for what, needle := range needles {
			if bytes.Contains(b, needle) || bytes.Contains(plain, needle) {
				rel, _ := filepath.Rel(e.dir, path)
				found[what] = append(found[what], rel)
			}
		}
		return nil
	})
	if err != nil {
		e.t.Fatal(err)
	}
	if compressed == 0 {
		e.t.Error("no compressed file was found")
	}
	return found
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// cityHash is what the rollups hold of an identifier.
func (e *engine) cityHash(id string) []byte {
	return binary.LittleEndian.AppendUint64(nil, e.number("SELECT cityHash64('"+id+"')"))
}

// forgetsPartsAtOnce makes every table let go of parts that were replaced within a second, which otherwise takes minutes.
func (e *engine) forgetsPartsAtOnce() {
	e.t.Helper()
	rows, err := e.conn().Query(e.t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'")
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			e.t.Fatal(err)
		}
		names = append(names, name)
	}
	for _, name := range names {
		e.exec(fmt.Sprintf("ALTER TABLE %s MODIFY SETTING old_parts_lifetime = 1, cleanup_delay_period = 1, cleanup_delay_period_random_add = 0, merge_tree_clear_old_parts_interval_seconds = 1", name))
	}
}

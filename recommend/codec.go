package recommend

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// A file is
//
//	"MRDR" | format 2 | text version | varint built, Unix ms | uvarint items | items × text | uvarint tables | tables × table | SHA-256 of all before
//	table: text name | items × row
//	row:  uvarint count | count × (uvarint place in items | float32 score, little endian), best first
//	text: uvarint length, bytes
//
// Format 1 had the rows of one table, of what is looked at, in place of the tables. A table of a name that is not known is checked and left out.
const (
	magic  = "MRDR"
	format = 2
)

// tableNames are the names of tables in files.
var tableNames = [tables]string{Viewed: "viewed", Bought: "bought"}

// ContentType is the media type of files.
const ContentType = "application/vnd.meridian.recommendations"

// Bounds of a file.
const (
	maxItems = 10_000_000
	maxText  = 1024
	maxRow   = 100_000
	maxTable = 16
)

// ErrFile says that bytes are not a file of recommendations, or not a whole one.
var ErrFile = errors.New("recommend: not a file of recommendations")

// Append appends the tables as a file.
func (m *Model) Append(b []byte) []byte {
	start := len(b)
	b = append(append(b, magic...), format)
	b = appendText(b, m.version)
	b = binary.AppendVarint(b, m.built.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(m.items)))
	for _, item := range m.items {
		b = appendText(b, item)
	}
	b = binary.AppendUvarint(b, uint64(len(m.tables)))
	for t := range m.tables {
		b = m.tables[t].append(appendText(b, tableNames[t]), len(m.items))
	}
	sum := sha256.Sum256(b[start:])
	return append(b, sum[:]...)
}

func (r *rows) append(b []byte, items int) []byte {
	for i := range items {
		from, end := r.of(uint32(i))
		b = binary.AppendUvarint(b, uint64(end-from))
		for k := from; k < end; k++ {
			b = binary.AppendUvarint(b, uint64(r.to[k]))
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.score[k]))
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Parse reads a file. Its errors are ErrFile, and say what is wrong.
func Parse(b []byte) (*Model, error) {
	if len(b) < len(magic)+1+sha256.Size || !bytes.HasPrefix(b, []byte(magic)) {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrFile)
	}
	written := b[len(magic)]
	if written < 1 || written > format {
		return nil, fmt.Errorf("%w: its format is %d, this program reads 1 to %d", ErrFile, written, format)
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, fmt.Errorf("%w: its checksum does not fit", ErrFile)
	}
	r := reader{rest: body[len(magic)+1:]}
	m := &Model{version: r.text(), built: time.UnixMilli(r.varint()).UTC()}
	n := r.count(maxItems)
	m.items, m.index = make([]string, 0, n), make(map[string]uint32, n)
	for range n {
		item := r.text()
		if _, twice := m.index[item]; r.err == nil && (twice || item == "") {
			r.fail("an item is there twice, or has no name")
		}
		m.index[item] = uint32(len(m.items))
		m.items = append(m.items, item)
	}
	if written == 1 {
		m.tables[Viewed] = r.rows(n)
	} else {
		r.tables(m, n)
	}
	if len(r.rest) > 0 {
		r.fail("something follows it")
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// tables reads the tables of n items into a model.
func (r *reader) tables(m *Model, n int) {
	var names []string
	for range r.count(maxTable) {
		name := r.text()
		if slices.Contains(names, name) {
			r.fail("a table is there twice")
		}
		names = append(names, name)
		table := r.rows(n)
		if r.err != nil {
			return
		}
		if t := slices.Index(tableNames[:], name); t >= 0 {
			m.tables[t] = table
		}
	}
}

// rows reads a table of n items.
func (r *reader) rows(n int) (table rows) {
	if r.err != nil {
		return table
	}
	table.from = make([]uint32, n+1)
	for i := range n {
		row := r.count(maxRow)
		before := float32(math.Inf(1))
		for range row {
			to, score := r.uvarint(), math.Float32frombits(r.uint32())
			if to >= uint64(n) || to == uint64(i) || !(score > 0) || score > before || math.IsInf(float64(score), 0) {
				r.fail("a neighbour makes no sense")
			}
			if r.err != nil {
				return table
			}
			before = score
			table.to, table.score = append(table.to, uint32(to)), append(table.score, score)
		}
		table.from[i+1] = uint32(len(table.to))
		if r.err != nil {
			return table
		}
	}
	return table
}

// reader cuts values off a file; after the first fault it gives zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrFile, what)
	}
	r.rest = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("it ends early")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail("it ends early")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) uint32() uint32 {
	if len(r.rest) < 4 {
		r.fail("it ends early")
		return 0
	}
	v := binary.LittleEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return v
}

// count reads how many of something follow: each takes a byte at least.
func (r *reader) count(most int) int {
	n := r.uvarint()
	if n > uint64(most) || n > uint64(len(r.rest)) {
		r.fail("more of something than there can be")
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count(maxText)
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

package analytics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/google/uuid"
)

// The spool's record: a length and a CRC32C (both little-endian, 32 bits), then the payload. The
// payload begins with the format's version and is otherwise varints and length-prefixed strings in
// the order of Row, and new fields behind the old ones. What was written once is read for ever; a new field makes a new version.
const (
	recordVersion = 2 // 1 had no device
	recordHeader  = 8
	recordMax     = 256 << 10
	itemsMax      = 100
)

var (
	errTorn    = errors.New("the record is cut off or damaged")
	errVersion = errors.New("the record has an unknown version")
)

// castagnoli is hardware-accelerated; MakeTable returns a shared table.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// appendRecord appends r as one record.
func appendRecord(b []byte, r *Row) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHeader)...)
	b = appendPayload(b, r)
	payload := b[start+recordHeader:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], checksum(payload))
	return b
}

func appendPayload(b []byte, r *Row) []byte {
	b = append(b, recordVersion)
	b = append(b, r.ID[:]...)
	b = appendString(b, r.Type)
	b = binary.AppendVarint(b, r.At.UnixMilli())
	b = binary.AppendVarint(b, r.Received.UnixMilli())
	b = binary.AppendVarint(b, r.StatedDay.Unix()/86400)
	b = appendString(b, r.Session)
	b = appendString(b, r.Visitor)
	if r.Bot {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Items)))
	for i := range r.Items {
		it := &r.Items[i]
		b = appendString(b, it.Handle)
		b = appendString(b, it.SKU)
		b = binary.AppendUvarint(b, uint64(it.Quantity))
		b = binary.AppendVarint(b, it.Price)
		b = appendString(b, it.Currency)
	}
	b = appendString(b, r.Query)
	b = binary.AppendVarint(b, r.Results)
	b = appendString(b, r.Slot)
	b = appendString(b, r.Algorithm)
	b = appendString(b, r.Version)
	return appendString(b, r.Device)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// nextRecord reads the first record of b and gives the rest. Anything short or damaged is errTorn.
func nextRecord(b []byte) (r Row, rest []byte, err error) {
	if len(b) < recordHeader {
		return r, b, errTorn
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > recordMax || uint64(len(b)-recordHeader) < uint64(n) {
		return r, b, errTorn
	}
	payload := b[recordHeader : recordHeader+int(n)]
	if checksum(payload) != binary.LittleEndian.Uint32(b[4:]) {
		return r, b, errTorn
	}
	if r, err = decodePayload(payload); err != nil {
		return r, b, err
	}
	return r, b[recordHeader+int(n):], nil
}

func decodePayload(b []byte) (Row, error) {
	var r Row
	if len(b) == 0 || b[0] < 1 || b[0] > recordVersion {
		return r, errVersion
	}
	d := reader{b: b[1:]}
	copy(r.ID[:], d.bytes(uint64(len(uuid.UUID{}))))
	r.Type = d.string()
	r.At = time.UnixMilli(d.varint()).UTC()
	r.Received = time.UnixMilli(d.varint()).UTC()
	r.StatedDay = time.Unix(d.day()*86400, 0).UTC()
	r.Session = d.string()
	r.Visitor = d.string()
	r.Bot = d.byte() == 1
	n := d.uvarint()
	if n > itemsMax {
		return r, fmt.Errorf("%w: %d items", errTorn, n)
	}
	for range n {
		r.Items = append(r.Items, Item{Handle: d.string(), SKU: d.string(), Quantity: uint32(min(d.uvarint(), math.MaxUint32)),
			Price: d.varint(), Currency: d.string()})
	}
	r.Query = d.string()
	r.Results = d.varint()
	r.Slot = d.string()
	r.Algorithm = d.string()
	r.Version = d.string()
	if b[0] >= 2 {
		r.Device = d.string()
	}
	if d.bad || len(d.b) != 0 {
		return Row{}, errTorn
	}
	return r, nil
}

// reader takes fields off a payload; after the first that does not fit, bad stays set.
type reader struct {
	b   []byte
	bad bool
}

func (d *reader) bytes(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *reader) string() string { return string(d.bytes(d.uvarint())) }

func (d *reader) byte() byte {
	if v := d.bytes(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *reader) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.skip(n)
	return v
}

func (d *reader) varint() int64 {
	v, n := binary.Varint(d.b)
	d.skip(n)
	return v
}

// day keeps a damaged number from overflowing a time.
func (d *reader) day() int64 {
	v := d.varint()
	if v < -1<<31 || v > 1<<31 {
		d.bad = true
		return 0
	}
	return v
}

// skip takes the n bytes of a varint off; n is not positive when there was none.
func (d *reader) skip(n int) {
	if d.bad || n <= 0 {
		d.bad = true
		return
	}
	d.b = d.b[n:]
}

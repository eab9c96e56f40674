package api

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Frame carries many calls of one edge. It is never atomic: each call has its own key, deadline and
// outcome. It travels as POST /v1/frame, or /v1/reads with reads alone, in a binary form, because an
// edge at work sends thousands of calls a second:
//
//	frame:   version 1 | uvarint count | count × call
//	call:    form 1 | text name, key, credential, request id | uvarint deadline in ms | text body
//	results: version 1 | uvarint count | count × result
//	result:  uvarint status | flags 1 (1: replay, 2: compact) | uvarint timeline, index | text leader | text body
//	text:    uvarint length, bytes
type Frame struct {
	Calls []FrameCall
}

// FrameCall is one call inside a frame. Body is the request of the named endpoint, in JSON or, when
// Compact, in the form that its type's AppendCompact gives.
type FrameCall struct {
	Name       string
	Key        string
	Credential string
	RequestID  string
	DeadlineMS int64
	Compact    bool
	Body       string
}

// FrameResults answers a frame, in the order of its calls.
type FrameResults struct {
	Results []FrameResult
}

// FrameResult is the answer of one call: Body is its response, or a problem document when Status >= 400.
// Compact responses answer compact requests; problems are always JSON.
type FrameResult struct {
	Status  int
	Index   Index
	Replay  bool
	Compact bool
	Leader  string
	Body    []byte
}

// FrameType is the media type of frames and their results.
const FrameType = "application/vnd.meridian.frame"

// ReadFrame is the name of a frame of reads. All of them are answered from the header HeaderMin on.
const ReadFrame = "reads"

const frameVersion = 1

const (
	flagReplay  = 1
	flagCompact = 2
)

// errFrame says that bytes are not a frame of this version.
var errFrame = errors.New("malformed frame")

// Compact is implemented by the requests and responses of endpoints that are called so often that
// JSON would be what a core spends its time on.
type Compact interface {
	// AppendCompact appends the compact form.
	AppendCompact(b []byte) []byte
}

// CompactParser is the other half of Compact.
type CompactParser interface {
	// ParseCompact reads what AppendCompact wrote. It may keep parts of s.
	ParseCompact(s string) error
}

// Append appends the frame's form on the wire.
func (f Frame) Append(b []byte) []byte {
	b = append(b, frameVersion)
	b = binary.AppendUvarint(b, uint64(len(f.Calls)))
	for i := range f.Calls {
		c := &f.Calls[i]
		form := byte(0)
		if c.Compact {
			form = 1
		}
		b = append(b, form)
		b = appendText(b, c.Name)
		b = appendText(b, c.Key)
		b = appendText(b, c.Credential)
		b = appendText(b, c.RequestID)
		b = binary.AppendUvarint(b, uint64(max(0, c.DeadlineMS)))
		b = appendText(b, c.Body)
	}
	return b
}

// FrameCalls is how many calls a frame says that it has, without reading it; 0 if it is none.
func FrameCalls(b []byte) int {
	if len(b) < 2 || b[0] != frameVersion {
		return 0
	}
	n, _ := binary.Uvarint(b[1:])
	return int(min(n, 1<<31-1))
}

// ParseFrame reads a frame of at most limit calls. Its calls share the memory of s.
func ParseFrame(s string, limit int) (f Frame, err error) {
	r := reader[string]{rest: s}
	n := r.head(limit)
	f.Calls = make([]FrameCall, n)
	for i := range f.Calls {
		form := r.byte()
		if form > 1 {
			r.bad("form")
		}
		f.Calls[i] = FrameCall{Compact: form == 1, Name: r.text(), Key: r.text(), Credential: r.text(), RequestID: r.text(),
			DeadlineMS: int64(min(r.uvarint(), 1<<31)), Body: r.text()}
	}
	return f, r.end()
}

// Append appends the results' form on the wire.
func (f FrameResults) Append(b []byte) []byte {
	b = append(b, frameVersion)
	b = binary.AppendUvarint(b, uint64(len(f.Results)))
	for i := range f.Results {
		r := &f.Results[i]
		b = binary.AppendUvarint(b, uint64(r.Status))
		flags := byte(0)
		if r.Replay {
			flags |= flagReplay
		}
		if r.Compact {
			flags |= flagCompact
		}
		b = append(b, flags)
		b = binary.AppendUvarint(b, uint64(r.Index.Timeline))
		b = binary.AppendUvarint(b, r.Index.Raft)
		b = appendText(appendText(b, r.Leader), r.Body)
	}
	return b
}

// ParseFrameResults reads results; there must be as many as the frame had calls. Their bodies share the memory of b.
func ParseFrameResults(b []byte, calls int) (f FrameResults, err error) {
	r := reader[[]byte]{rest: b}
	if n := r.head(calls); n != calls && r.err == nil {
		return f, fmt.Errorf("%w: %d results for %d calls", errFrame, n, calls)
	}
	f.Results = make([]FrameResult, calls)
	for i := range f.Results {
		status := r.uvarint()
		flags := r.byte()
		timeline := r.uvarint()
		if status > 999 || flags > flagReplay|flagCompact || timeline > 1<<32-1 {
			r.bad("result")
		}
		f.Results[i] = FrameResult{Status: int(status), Replay: flags&flagReplay != 0, Compact: flags&flagCompact != 0,
			Index: Index{Timeline: uint32(timeline), Raft: r.uvarint()}, Leader: string(r.text()), Body: r.text()}
	}
	return f, r.end()
}

func appendText[T text](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

type text interface{ string | []byte }

// reader cuts values off a text; after the first fault it gives zeros.
type reader[T text] struct {
	rest T
	err  error
}

func (r *reader[T]) bad(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errFrame, what)
	}
	r.rest = r.rest[:0]
}

func (r *reader[T]) byte() byte {
	if len(r.rest) == 0 {
		r.bad("it ends early")
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader[T]) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.bad("number")
	return 0
}

func (r *reader[T]) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader[T]) text() (s T) {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad("length")
		return s
	}
	s = r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// head reads version and count.
func (r *reader[T]) head(limit int) int {
	if r.byte() != frameVersion {
		r.bad("version")
	}
	n := r.uvarint()
	if n > uint64(limit) {
		r.bad(fmt.Sprintf("more than %d", limit))
		return 0
	}
	return int(n)
}

func (r *reader[T]) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.bad("something follows it")
	}
	return r.err
}

// AppendCompact implements Compact.
func (a AdjustStock) AppendCompact(b []byte) []byte {
	b = appendText(appendText(b, a.SKU), a.Location)
	return appendText(binary.AppendVarint(b, a.Delta), a.Reason)
}

// ParseCompact implements CompactParser.
func (a *AdjustStock) ParseCompact(s string) error {
	r := reader[string]{rest: s}
	*a = AdjustStock{SKU: r.text(), Location: r.text(), Delta: r.varint(), Reason: r.text()}
	return r.end()
}

// AppendCompact implements Compact.
func (l StockLevel) AppendCompact(b []byte) []byte {
	b = appendText(appendText(b, l.SKU), l.Location)
	b = binary.AppendVarint(b, l.OnHand)
	b = binary.AppendVarint(b, l.Reserved)
	b = binary.AppendUvarint(b, uint64(l.Index.Timeline))
	return binary.AppendUvarint(b, l.Index.Raft)
}

// ParseCompact implements CompactParser.
func (l *StockLevel) ParseCompact(s string) error {
	r := reader[string]{rest: s}
	*l = StockLevel{SKU: r.text(), Location: r.text(), OnHand: r.varint(), Reserved: r.varint(),
		Index: Index{Timeline: uint32(r.uvarint()), Raft: r.uvarint()}}
	l.Available = l.OnHand - l.Reserved
	return r.end()
}

var (
	_ Compact       = AdjustStock{}
	_ CompactParser = (*AdjustStock)(nil)
	_ Compact       = StockLevel{}
	_ CompactParser = (*StockLevel)(nil)
)

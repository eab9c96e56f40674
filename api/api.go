// Package api is the contract between edge and core, and the shapes of the public JSON API.
//
// It promises wire types, error codes and one table of typed endpoints that drives the server, the
// client and the OpenAPI description. It holds no behaviour and imports only the standard library.
// Read Endpoint and Error first.
//
// Three encodings have three owners: these types are the wire. The log, the checkpoint and the
// snapshot belong to package core, the analytics rows to package analytics; none of them shares a
// struct with this package.
package api

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind says which core may answer an endpoint, and how true the answer must be.
type Kind uint8

const (
	// Read is answered by any core whose applied index is at least Call.Min.
	Read Kind = iota
	// Exact is answered by the leader, after a leadership check that began after the value was taken.
	Exact
	// Write is one replicated command or a short series of them, decided by the leader.
	Write
	// Leader is answered from the leader's memory, without the log (acknowledgements, leases).
	Leader
)

// Endpoint is one call between edge and core. It travels as POST /v1/{Name} with a JSON body, or with
// others in a Frame.
type Endpoint[Req, Resp any] struct {
	Name string
	Kind Kind
	// Slow endpoints wait for third parties (a payment); they never share a frame with others.
	Slow bool
}

// Headers of the wire between edge and core.
const (
	HeaderIndex      = "X-Index"               // in answers: the index the answer is at least as new as
	HeaderMin        = "X-Meridian-Min"        // in requests: the least index to answer from
	HeaderKey        = "Idempotency-Key"       // in requests: repeats with the same key are one
	HeaderReplay     = "Idempotent-Replay"     // in answers: "true" when the answer is a stored one
	HeaderCredential = "X-Meridian-Credential" // in requests: "session:…" or "staff:…"
	HeaderDeadline   = "X-Meridian-Deadline"   // in requests: milliseconds the caller waits
	HeaderRequestID  = "X-Request-Id"
	HeaderLeader     = "X-Meridian-Leader" // in 421 answers: the id of the leading node, or empty
	// HeaderClusterToken is in the 401 that means the caller's cluster token, not the credential it passes on.
	HeaderClusterToken = "X-Meridian-Cluster-Token"
)

// Call is what accompanies a request beside its body.
type Call struct {
	// Key makes a write idempotent. Empty: the client makes one of its own for its retries.
	Key string
	// Credential is "", "session:TOKEN" (a customer) or "staff:TOKEN".
	Credential string
	// Min is the least index the answer may come from; zero: any.
	Min Index
	// RequestID travels into logs and problem documents.
	RequestID string
	// Edge names the edge that calls.
	Edge string
}

// Meta is what accompanies an answer beside its body.
type Meta struct {
	Index  Index
	Replay bool
	// Status is the HTTP status the core answered with.
	Status int
}

// Index names a moment of the replicated state: a Raft index within a timeline. A restore from
// backup starts a new timeline, so that nothing newer-looking from before it is ever believed.
type Index struct {
	Timeline uint32
	Raft     uint64
}

// IsZero reports whether the index is unset.
func (i Index) IsZero() bool { return i == Index{} }

// String is the wire form, "timeline-raft".
func (i Index) String() string {
	return strconv.FormatUint(uint64(i.Timeline), 10) + "-" + strconv.FormatUint(i.Raft, 10)
}

// Append appends the wire form.
func (i Index) Append(b []byte) []byte {
	b = strconv.AppendUint(b, uint64(i.Timeline), 10)
	return strconv.AppendUint(append(b, '-'), i.Raft, 10)
}

// MarshalText implements encoding.TextMarshaler.
func (i Index) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Index) UnmarshalText(b []byte) error {
	v, err := ParseIndex(string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

// ParseIndex reads the wire form; the empty string is the zero index.
func ParseIndex(s string) (Index, error) {
	if s == "" {
		return Index{}, nil
	}
	t, r, ok := strings.Cut(s, "-")
	tl, err1 := strconv.ParseUint(t, 10, 32)
	ri, err2 := strconv.ParseUint(r, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return Index{}, fmt.Errorf("index %q is not timeline-number", s)
	}
	return Index{Timeline: uint32(tl), Raft: ri}, nil
}

// Covers reports whether state at i includes everything up to min. Different timelines never do,
// except that the zero index asks for nothing.
func (i Index) Covers(min Index) bool {
	return min.IsZero() || (i.Timeline == min.Timeline && i.Raft >= min.Raft)
}

// Max returns the later of two indexes; a later timeline wins.
func Max(a, b Index) Index {
	if a.Timeline != b.Timeline {
		if a.Timeline > b.Timeline {
			return a
		}
		return b
	}
	if a.Raft >= b.Raft {
		return a
	}
	return b
}

// List is a page of things. Next is the cursor for `after`, nil at the end.
type List[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// None is the request or response of an endpoint that needs none.
type None struct{}

package api

// Traces are the identifiers under which a browser's clicks were recorded, out of its signed jar.
type Traces struct {
	Visitor string `json:"visitor,omitempty"`
	Session string `json:"session,omitempty"`
	// Tab is the visit that a page's script names by itself, of which the jar may not know.
	Tab string `json:"tab,omitempty"`
	// Orders are ids of the orders that the browser holds keys of.
	Orders []string `json:"orders,omitempty"`
}

// StaffErase names what staff want erased: an order's number, or a visitor. One of them.
type StaffErase struct {
	Order   string `json:"order,omitempty"`
	Visitor string `json:"visitor,omitempty"`
}

// ErasedTraces says what became of a request of staff.
type ErasedTraces struct {
	// Orders are the numbers of the orders that no longer say whose clicks led to them.
	Orders []string `json:"orders"`
}

// ErasureRecord is what has to be erased from the clickstream. Traces are the SHA-256 hashes of identifiers of visitors and sessions: the
// identifiers themselves are kept nowhere.
type ErasureRecord struct {
	// Timeline and Seq name the record; Seq is ever increasing within a timeline.
	Timeline uint32   `json:"timeline"`
	Seq      uint64   `json:"seq"`
	At       string   `json:"at"`
	Traces   [][]byte `json:"traces"`
}

// ErasuresQuery asks for the records after a sequence number.
type ErasuresQuery struct {
	After uint64 `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// ErasurePage is a part of what is to be erased, in the order of sequence numbers. Another Timeline than before: a backup of the shop was restored,
// and numbers begin anew.
type ErasurePage struct {
	Timeline uint32          `json:"timeline"`
	Records  []ErasureRecord `json:"records"`
	// Oldest is the least sequence number that is still kept, 0 without any.
	Oldest uint64 `json:"oldest"`
}

// The endpoints of erasures.
var (
	TracesErase  = Endpoint[Traces, None]{Name: "traces.erase", Kind: Write}
	TracesStaff  = Endpoint[StaffErase, ErasedTraces]{Name: "traces.staff_erase", Kind: Write, Slow: true}
	ErasuresList = Endpoint[ErasuresQuery, ErasurePage]{Name: "erasures.list"}
)

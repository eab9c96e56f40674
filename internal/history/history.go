// Package history records what clients asked of the shop and what they were told, and judges whether
// one shop that does one thing at a time can have said it.
//
// It promises that every figure in a verdict comes from the recorded operations alone, and that an
// outcome nobody knows is an interval without an end: it may have happened at any later moment, or
// never. It refuses to guess: a history that could not be decided in time is reported as such and
// counts as no proof. Read Op and Check first.
package history

import (
	"sync"
	"time"
)

// Action is what a client asked for.
type Action string

// The actions on a SKU, and those on an order.
const (
	Adjust Action = "adjust" // add Arg to what is on hand
	Set    Action = "set"    // make it Arg
	Read   Action = "read"   // an exact read
	Sell   Action = "sell"   // a checkout of Arg units

	Place  Action = "place"  // a checkout that made this order
	Look   Action = "look"   // an exact read of the order
	Fulfil Action = "fulfil" // send it
)

// Outcome is how an operation ended for its client.
type Outcome string

const (
	// Done was answered: OnHand or Status holds the answer.
	Done Outcome = "done"
	// Refused was answered with a refusal that the rules of the shop ask for, such as stock below zero.
	Refused Outcome = "refused"
	// Open has no answer: it may have happened, or may happen yet.
	Open Outcome = "open"
)

// Op is one operation as its client saw it. Repeats under one key are one operation, from the first
// call to the last answer.
type Op struct {
	Client  int           `json:"client"`
	Object  string        `json:"object"` // a SKU or the id of an order
	Action  Action        `json:"action"`
	Key     string        `json:"key,omitempty"` // its idempotency key
	Arg     int64         `json:"arg,omitempty"`
	Call    time.Duration `json:"call"`
	Return  time.Duration `json:"return"` // without meaning for an open one
	Outcome Outcome       `json:"outcome"`
	OnHand  int64         `json:"on_hand,omitempty"`
	Status  string        `json:"status,omitempty"`
	Node    string        `json:"node,omitempty"` // for a read at one node
}

// Recorder collects operations of many clients on one monotonic clock.
type Recorder struct {
	start time.Time

	mu  sync.Mutex
	ops []Op
}

// NewRecorder starts the clock.
func NewRecorder() *Recorder { return &Recorder{start: time.Now()} }

// Now is the time since the recorder began.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Add records an operation that has ended, or will not be waited for any more.
func (r *Recorder) Add(op Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

// Ops are the operations so far.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Op(nil), r.ops...)
}

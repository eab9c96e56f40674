package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Stats are the figures of a run, or of many.
type Stats struct {
	Simulated time.Duration
	Faults    map[fault]int
	// Ops are the operations that were judged, Orders the checkouts among them that bought something.
	Ops, Orders, Refused, Retries, Repeats, NoReads int
	// Starts and Exits are of processes; an exit is one that stopped itself.
	Starts, Exits, Replaced        int
	Entries                        int // different log entries that were applied
	Elections, Snapshots, Restores uint64
	Messages, Lost, Syncs          int
}

func newStats() Stats { return Stats{Faults: map[fault]int{}} }

// add sums up.
func (s *Stats) add(o Stats) {
	s.Simulated += o.Simulated
	for f, n := range o.Faults {
		s.Faults[f] += n
	}
	s.Ops, s.Orders, s.Refused, s.Retries, s.Repeats, s.NoReads = s.Ops+o.Ops, s.Orders+o.Orders, s.Refused+o.Refused, s.Retries+o.Retries, s.Repeats+o.Repeats, s.NoReads+o.NoReads
	s.Starts, s.Exits, s.Replaced, s.Entries = s.Starts+o.Starts, s.Exits+o.Exits, s.Replaced+o.Replaced, s.Entries+o.Entries
	s.Elections, s.Snapshots, s.Restores = s.Elections+o.Elections, s.Snapshots+o.Snapshots, s.Restores+o.Restores
	s.Messages, s.Lost, s.Syncs = s.Messages+o.Messages, s.Lost+o.Lost, s.Syncs+o.Syncs
}

func (s Stats) faults() (n int) {
	for _, x := range s.Faults {
		n += x
	}
	return n
}

// String is a table for people.
func (s Stats) String() string {
	var b strings.Builder
	line := func(name string, v any) { fmt.Fprintf(&b, "| %s | %v |\n", name, v) }
	line("simulated hours", fmt.Sprintf("%.1f", s.Simulated.Hours()))
	line("faults", s.faults())
	for _, f := range slices.Sorted(maps.Keys(s.Faults)) {
		line("— "+string(f), s.Faults[f])
	}
	line("operations judged", s.Ops)
	line("orders", s.Orders)
	line("checkouts refused", s.Refused)
	line("calls repeated until there was an answer", s.Retries)
	line("answers asked for again", s.Repeats)
	line("processes started", s.Starts)
	line("processes that stopped themselves", s.Exits)
	line("members replaced", s.Replaced)
	line("log entries", s.Entries)
	line("elections won", s.Elections)
	line("snapshots taken", s.Snapshots)
	line("snapshots restored", s.Restores)
	line("messages", s.Messages)
	line("— lost", s.Lost)
	line("fsyncs of the log", s.Syncs)
	return b.String()
}

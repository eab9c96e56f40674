package sim

import (
	"strings"
	"testing"
)

// gateTries is how many seeds a gate has: one run may happen to be kind to what is broken.
const gateTries = 6

// Gate runs a scenario with a protection on or off. Off, the run of one of a few seeds must break a promise; on, none.
func Gate(t *testing.T, o Options, off bool) {
	t.Helper()
	o.enough = off
	if !off {
		Report(t, o, Run(t, o))
		return
	}
	var last Result
	for first := o.Seed; o.Seed < first+gateTries; o.Seed++ {
		if last = Run(t, o); len(last.Violations) > 0 {
			t.Logf("seed %d, without the protection: %.300s", o.Seed, last.Violations[0])
			return
		}
	}
	t.Errorf("%d seeds up to %d: without the protection no promise was broken: this gate shows nothing\n%s", gateTries, o.Seed-1, strings.Join(last.Trace, "\n"))
}

// Report fails the test with the seed and everything that happened, if a promise was broken.
func Report(t *testing.T, o Options, r Result) {
	t.Helper()
	if len(r.Violations) == 0 {
		return
	}
	broken := strings.Join(r.Violations, "\n")
	t.Errorf("%d broken promises. The same faults again: SIM_SEED=%d SIM_NODES=%d SIM_LENGTH=%v go test -count=1 -run TestSimulation ./test/sim\n%s\n\nthe trace:\n%s\n\nagain, what broke:\n%s",
		len(r.Violations), o.Seed, o.Nodes, o.Length, broken, strings.Join(r.Trace, "\n"), broken)
}

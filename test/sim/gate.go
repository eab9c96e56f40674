package sim

import (
	"strings"
	"testing"
)

// Gate runs a scenario with a protection on or off. Off, the run must break a promise; on, none.
func Gate(t *testing.T, o Options, off bool) {
	t.Helper()
	o.enough = off
	r := Run(t, o)
	switch {
	case off && len(r.Violations) == 0:
		t.Errorf("seed %d: without the protection no promise was broken: this gate shows nothing\n%s", o.Seed, strings.Join(r.Trace, "\n"))
	case off:
		t.Logf("without the protection: %.300s", r.Violations[0])
	default:
		Report(t, o, r)
	}
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

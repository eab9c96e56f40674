package core_test

import (
	"testing"
	"time"

	"meridian/core"
	"meridian/test/sim"
)

// TestGateLogTime lets what runs out run out by each node's own clock. The clocks differ, as clocks do, and
// so do the replicas then. By log time they agree.
func TestGateLogTime(t *testing.T) {
	for _, off := range []bool{false, true} {
		o := sim.Options{Seed: 11, Nodes: 3,
			Shape: func(s *sim.Shape) { s.Clients, s.Think = 3, time.Second },
			Machine: func(m *core.Machine) {
				if off {
					m.ExpireByWallClock()
				}
			},
			Script: func(s *sim.Script) {
				s.Payments(0.8) // orders that wait for a repeat
				s.Wait(30 * time.Second)
				s.Clock(1, 3*time.Hour)
				s.Clock(2, -3*time.Hour)
				s.Wait(30 * time.Second)
			}}
		sim.Gate(t, o, off)
	}
}

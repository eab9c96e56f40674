package sim

import (
	"testing"
	"time"
)

// TestGateFsync cuts the power of every node, several times. What the disks acknowledged is there
// afterwards, unless they only said so.
func TestGateFsync(t *testing.T) {
	for _, off := range []bool{false, true} {
		o := Options{Seed: 3, Nodes: 3, NoSync: off,
			Shape: func(s *Shape) { s.Clients, s.Think = 3, time.Second },
			Script: func(s *Script) {
				for range 3 {
					s.Wait(10 * time.Second)
					for i := range 3 {
						s.Kill(i, true)
					}
					for i := range 3 {
						s.Start(i)
					}
				}
			}}
		Gate(t, o, off)
	}
}

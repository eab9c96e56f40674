package node

import (
	"meridian/core"
	"meridian/replication"
)

// MachineOf fits a state machine to replication, and LogOf a replication node to the shop, as Open does:
// for a simulation that brings its own network, disks and clocks.
func MachineOf(m *core.Machine) replication.Machine { return machine{m} }

// LogOf is described at MachineOf.
func LogOf(n *replication.Node) core.Log { return log{n} }

package replication

import (
	"fmt"
	"time"
)

// stallLooks is how often an empty log must look wrong before it counts: between a deletion of
// conflicting entries and the append that follows it is empty for a moment.
const (
	stallLooks = 4
	stallEvery = 250 * time.Millisecond
)

// runStallWatch ends the process when raft is stuck after an InstallSnapshot (hashicorp/raft#697): the
// log was emptied, but raft still believes that it reaches beyond the snapshot, and refuses every
// append. A restart reads the truth from the store.
func (n *Node) runStallWatch(every time.Duration) {
	for {
		select {
		case <-n.emptied:
		case <-n.stop:
			return
		}
		for looks := 0; n.stalled(); {
			if looks++; looks >= stallLooks {
				n.failStop.fail("install snapshot", fmt.Errorf("raft is stuck behind index %d with an empty log; a restart cures it", n.raft.LastIndex()))
				return
			}
			select {
			case <-time.After(every):
			case <-n.stop:
				return
			}
		}
	}
}

// stalled reads raft's last index first: raft stores an entry before it counts it.
func (n *Node) stalled() bool {
	last := n.raft.LastIndex()
	snapshot := n.snapshotIndex()
	first, err := n.logs.FirstIndex()
	return err == nil && first == 0 && last > snapshot
}

func (n *Node) noteEmptied() {
	select {
	case n.emptied <- struct{}{}:
	default:
	}
}

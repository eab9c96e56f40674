package node

import (
	"cmp"
	"net"

	"meridian/replication"
)

// Elsewhere reports whether two addresses cannot be the same place: other ports, or two literal addresses that differ.
// Names are not looked up.
func Elsewhere(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return a != b
	}
	ipA, ipB := net.ParseIP(hostA), net.ParseIP(hostB)
	return portA != portB || ipA != nil && ipB != nil && !ipA.Equal(ipB)
}

// misplaced says on this node itself that the cluster looks for it where it is not. A learner's address is corrected
// when it enlists; a voter's is not, since a wrong one could cost the quorum.
func (n *Node) misplaced() {
	at := cmp.Or(n.cfg.RaftAdvertise, n.cfg.RaftAddr)
	if _, port, err := net.SplitHostPort(at); err != nil || port == "0" {
		return
	}
	for _, m := range n.Raft.Status().Members {
		if m.ID == n.cfg.ID && m.Role == replication.RoleVoter && Elsewhere(m.Addr, at) {
			n.log.Error("the cluster calls this node at another address than it listens at, so nobody reaches it: start it with --raft-addr of what the cluster knows (--raft-advertise, if that leads here), or have it demoted and removed (core members) and start it with an empty directory and --join",
				"cluster_knows", m.Addr, "this_node_has", at)
		}
	}
}

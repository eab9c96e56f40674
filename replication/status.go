package replication

import (
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Status is a node's view of itself and of the cluster.
type Status struct {
	ID           string
	Region       string
	State        string // leader, follower, candidate or closed
	Ready        bool   // leads, and a barrier of its own term was applied
	Leader       string // id; empty: none known
	LeaderAddr   string
	Term         uint64
	CommitIndex  uint64
	AppliedIndex uint64        // may rest below CommitIndex: raft's own no-ops and barriers are not applied
	LastIndex    uint64        // of the log
	LastContact  time.Duration // since the leader was last heard; 0 on the leader, -1 if never
	Members      []MemberStatus
}

// MemberStatus is one member. LastContact and LastIndex are known on the leader only.
type MemberStatus struct {
	Member
	Leader      bool
	Alive       bool          // acknowledged the leader within two heartbeats; known on the leader only
	LastContact time.Duration // since the member's last acknowledged heartbeat was sent; -1: none
	LastIndex   uint64        // of the member's log
}

// Leading says whether this node leads and has applied a barrier of its own term: Status().Ready, for
// those who ask with every request.
func (n *Node) Leading() bool {
	_, _, ready := n.leading.current()
	return ready
}

// Applied is the index up to which Committed gives entries out.
func (n *Node) Applied() uint64 { return n.fsm.reached.load() }

// Status never blocks on storage or on the network.
func (n *Node) Status() Status {
	addr, id := n.raft.LeaderWithID()
	_, _, ready := n.leading.current()
	s := Status{
		ID: n.cfg.ID, Region: n.cfg.Region, State: stateName(n.raft.State()), Ready: ready,
		Leader: string(id), LeaderAddr: string(addr), Term: n.raft.CurrentTerm(),
		CommitIndex: n.raft.CommitIndex(), AppliedIndex: n.fsm.reached.load(),
		LastIndex: n.raft.LastIndex(), LastContact: -1,
	}
	leads := s.State == "leader"
	if leads {
		s.LastContact = 0
	} else if at := n.raft.LastContact(); !at.IsZero() {
		s.LastContact = time.Since(at)
	}
	for _, m := range n.servers() {
		s.Members = append(s.Members, n.memberStatus(m, leads, s))
	}
	return s
}

func (n *Node) memberStatus(m raft.Server, leads bool, s Status) MemberStatus {
	id := string(m.ID)
	ms := MemberStatus{
		Member: Member{ID: id, Region: n.regionOf(id), Addr: string(m.Address), Role: RoleLearner},
		Leader: id == s.Leader, LastContact: -1,
	}
	if m.Suffrage == raft.Voter {
		ms.Role = RoleVoter
	}
	ms.Alive = leads && n.alive(id)
	switch k, ok := n.contacts.get(id); {
	case id == s.ID:
		ms.LastContact, ms.LastIndex = s.LastContact, s.LastIndex
	case leads && ok:
		ms.LastContact, ms.LastIndex = time.Since(k.sent), k.lastLog
	}
	return ms
}

func stateName(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return "leader"
	case raft.Candidate:
		return "candidate"
	case raft.Shutdown:
		return "closed"
	default:
		return "follower"
	}
}

// Stats counts since the start of the node.
type Stats struct {
	Batches        uint64 // entries handed to raft
	Commands       uint64 // commands in them
	Overloaded     uint64 // commands refused because the queue was full
	Unknown        uint64 // commands whose outcome was not learnt
	AppliedEntries uint64 // entries given to the machine
	Skipped        uint64 // entries that the machine had already, at start
	VerifiedReads  uint64
	VerifyRounds   uint64 // shared by them
	LeaderChanges  uint64 // times this node became leader
	Snapshots      uint64
	Restores       uint64
	QueueLength    int
	InFlight       int
}

// counters is Stats, changed atomically.
type counters struct {
	Batches, Commands, Overloaded, Unknown, AppliedEntries, Skipped uint64
	VerifiedReads, VerifyRounds, LeaderChanges, Snapshots, Restores uint64
}

func (n *Node) Stats() Stats {
	c := &n.stats
	return Stats{
		Batches: atomic.LoadUint64(&c.Batches), Commands: atomic.LoadUint64(&c.Commands),
		Overloaded: atomic.LoadUint64(&c.Overloaded), Unknown: atomic.LoadUint64(&c.Unknown),
		AppliedEntries: atomic.LoadUint64(&c.AppliedEntries), Skipped: atomic.LoadUint64(&c.Skipped),
		VerifiedReads: atomic.LoadUint64(&c.VerifiedReads), VerifyRounds: atomic.LoadUint64(&c.VerifyRounds),
		LeaderChanges: atomic.LoadUint64(&c.LeaderChanges), Snapshots: atomic.LoadUint64(&c.Snapshots),
		Restores: atomic.LoadUint64(&c.Restores), QueueLength: int(max(0, n.waiting.Load())), InFlight: len(n.slots),
	}
}

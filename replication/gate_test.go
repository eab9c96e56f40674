package replication_test

import (
	"testing"
	"time"

	"meridian/replication"
	"meridian/test/sim"
)

// lingering gives the first node a lease so long that it goes on believing that it leads, as one does
// whose process was stopped for a while. The others elect quickly.
func lingering(c *replication.Config) {
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLease = 300*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
	c.CommitTimeout = 50 * time.Millisecond
	if c.ID == "n0" {
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLease = 30*time.Second, 30*time.Second, 30*time.Second
	}
}

// with lets a node linger, and takes protections away.
func with(off ...func(*replication.Config)) func(*replication.Config) {
	return func(c *replication.Config) {
		lingering(c)
		for _, fn := range off {
			fn(c)
		}
	}
}

// either runs a scenario with the protection on and off.
func either(t *testing.T, o sim.Options, off ...func(*replication.Config)) {
	t.Helper()
	o.Replication = with()
	sim.Gate(t, o, false)
	o.Replication = with(off...)
	sim.Gate(t, o, true)
}

// TestGateHeartbeatGuard is hashicorp/raft#695: a deposed leader hears of its successor by a heartbeat
// and takes a write at that moment. On the fast path it writes it under the successor's term, and keeps it
// where the others have something else.
func TestGateHeartbeatGuard(t *testing.T) {
	either(t, sim.Options{Seed: 695, Nodes: 3, Shape: sim.Quiet, Script: func(s *sim.Script) {
		for range 8 {
			s.Lead(0)
			s.Wait(3 * time.Second)
			s.NextEntry(0) // the next one of its own is a second away: what it takes now is the first that nobody has
			s.Deafen(0, true)
			if !s.OthersLead(0, time.Minute) {
				return
			}
			for range 30 { // a client that still talks to it
				s.Write(0)
				s.Wait(20 * time.Millisecond)
			}
			s.Deafen(0, false)
			s.Wait(2 * time.Second)
		}
	}}, replication.WithoutHeartbeatGuard)
}

// TestGateStallWatch is hashicorp/raft#697: a deposed leader with a tail that nobody else has gets a
// snapshot that ends before it, and then refuses every entry. Only a restart cures it.
func TestGateStallWatch(t *testing.T) {
	either(t, sim.Options{Seed: 697, Nodes: 3,
		Shape: func(s *sim.Shape) { sim.Quiet(s); s.Trailing = 1 },
		Script: func(s *sim.Script) {
			s.Lead(0)
			s.Wait(3 * time.Second)
			s.Cut(0, true)
			for range 60 {
				s.Write(0)
				s.Wait(10 * time.Millisecond)
			}
			if !s.OthersLead(0, time.Minute) {
				return
			}
			s.Snapshot(1)
			s.Snapshot(2)
			s.Cut(0, false)
			s.Wait(30 * time.Second)
		}}, replication.WithoutStallWatch)
}

// TestGateReadsStartTheirRound holds the acknowledgements of one verification back. While they are on
// their way the others elect a leader, which takes a write; a read that comes after it must not be
// confirmed by them.
func TestGateReadsStartTheirRound(t *testing.T) {
	either(t, sim.Options{Seed: 603, Nodes: 3, Shape: sim.Quiet, Script: func(s *sim.Script) {
		s.Lead(0)
		s.Adjust(0)
		s.Wait(2 * time.Second)
		s.DelayTo(0, 4500*time.Millisecond)
		s.Read(0)
		s.Wait(40 * time.Millisecond) // its heartbeats have arrived, and are being answered
		s.Cut(0, true)
		if !s.OthersLead(0, 4*time.Second) {
			return
		}
		for i := range 2 {
			if s.Leads(1 + i) {
				s.Adjust(1 + i)
				break
			}
		}
		s.Read(0)
		s.Wait(10 * time.Second)
		s.DelayTo(0, 0)
		s.Cut(0, false)
	}}, replication.WithReadsJoiningLate)
}

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"

	"meridian/api"
)

// Script directs a run by hand, in place of a drawn plan: for scenarios that chance would take long to
// find. Its methods are called by the goroutine that the script got.
type Script struct{ c *cluster }

// Quiet leaves the shop to the script: no clients of its own, and a cluster that does not snapshot.
func Quiet(s *Shape) { s.Clients, s.Threshold = 0, 1<<30 }

// Wait lets time pass.
func (s *Script) Wait(d time.Duration) { s.c.run(time.Now().Add(d)) }

func (s *Script) addr(node int) raft.ServerAddress { return raft.ServerAddress(s.c.nodes[node].id) }

// Leads says whether a node believes that it leads.
func (s *Script) Leads(node int) bool {
	inc := s.c.nodes[node].up.Load()
	return inc != nil && inc.raft.Status().Ready
}

// Lead makes a node the leader.
func (s *Script) Lead(node int) {
	s.c.until(5*time.Minute, fmt.Sprintf("node %d leads", node), func() bool {
		if s.Leads(node) {
			return true
		}
		if inc := s.c.leader(); inc != nil {
			go func() {
				ctx, cancel := context.WithTimeout(s.c.stopping, 5*time.Second)
				defer cancel()
				_ = inc.raft.TransferLeader(ctx, s.c.nodes[node].id) // looked at above
			}()
			s.Wait(2 * time.Second)
		}
		return false
	})
}

// OthersLead waits until another node than this one believes that it leads, and says whether that came
// to be in time.
func (s *Script) OthersLead(node int, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); s.Wait(50 * time.Millisecond) {
		for i := range s.c.nodes {
			if i != node && s.Leads(i) {
				return true
			}
		}
	}
	return false
}

// Cut stops every message between a node and the others, or lets them through again.
func (s *Script) Cut(node int, cut bool) {
	for i := range s.c.nodes {
		if i != node {
			s.c.net.block(s.addr(node), s.addr(i), cut)
			s.c.net.block(s.addr(i), s.addr(node), cut)
		}
	}
}

// Deafen lets nothing but heartbeats reach a node, and nothing at all leave it.
func (s *Script) Deafen(node int, deaf bool) {
	for i := range s.c.nodes {
		if i != node {
			s.c.net.block(s.addr(node), s.addr(i), deaf)
		}
	}
	s.c.net.mu.Lock()
	defer s.c.net.mu.Unlock()
	s.c.net.quiet[s.addr(node)] = deaf
}

// NextEntry waits until a node's log grows.
func (s *Script) NextEntry(node int) {
	last := func() uint64 {
		if inc := s.c.nodes[node].up.Load(); inc != nil {
			return inc.raft.Status().LastIndex
		}
		return 0
	}
	for from, end := last(), time.Now().Add(time.Minute); last() <= from && time.Now().Before(end); {
		s.Wait(2 * time.Millisecond)
	}
}

// DelayTo holds every message to a node for a time.
func (s *Script) DelayTo(node int, d time.Duration) {
	s.c.net.mu.Lock()
	defer s.c.net.mu.Unlock()
	s.c.net.delay[s.addr(node)] = d
}

// Kill ends a process at once; Start starts it again. A power cut also takes what was not synced.
func (s *Script) Kill(node int, power bool) { s.c.nodes[node].crash(power) }

// Start starts a process and waits until it is up.
func (s *Script) Start(node int) {
	n := s.c.nodes[node]
	n.boot()
	s.c.until(2*time.Minute, fmt.Sprintf("node %d is up", node), func() bool { return n.up.Load() != nil || n.booting == nil })
}

// Snapshot takes one on a node.
func (s *Script) Snapshot(node int) {
	done := make(chan error, 1)
	go func() { done <- s.c.nodes[node].up.Load().raft.Snapshot(s.c.stopping) }()
	s.c.until(time.Minute, "the snapshot is taken", func() bool {
		select {
		case err := <-done:
			if err != nil {
				s.c.trace.violated("snapshot: %v", err)
			}
			return true
		default:
			return false
		}
	})
}

// Clock sets a node's clock wrong by a time.
func (s *Script) Clock(node int, off time.Duration) { s.c.nodes[node].clock.set(off) }

// Payments gives the provider trouble: the chance that an answer is lost.
func (s *Script) Payments(trouble float64) { s.c.pay.setTrouble(trouble) }

// at is a client of one node.
func (s *Script) at(node int) *client {
	s.c.fresh++
	return &client{c: s.c, id: 1000 + s.c.fresh, only: s.c.nodes[node], rng: rand.New(rand.NewPCG(s.c.o.Seed, uint64(2000+s.c.fresh)))}
}

// Read reads a SKU exactly at one node, beside the script.
func (s *Script) Read(node int) { k := s.at(node); s.c.workers.Go(func() { k.read(skuName(0)) }) }

// Adjust changes a SKU, and waits for the answer.
func (s *Script) Adjust(node int) {
	k, done := s.at(node), make(chan struct{})
	go func() { k.adjust(skuName(0), 1, ""); close(done) }()
	s.c.until(5*time.Minute, "a change of stock is answered", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// Write asks one node for a change that no history knows, and does not wait.
func (s *Script) Write(node int) {
	inc := s.c.nodes[node].up.Load()
	if inc == nil {
		return
	}
	s.c.fresh++
	p := api.StaffProduct{Handle: fmt.Sprintf("beside-%d", s.c.fresh), Title: "Beside", Status: "draft", Collections: []string{},
		Variants: []api.StaffVariant{{SKU: fmt.Sprintf("BESIDE-%d", s.c.fresh), Title: "Default", Prices: map[string]int64{"EUR": 100, "USD": 100}}}}
	body, err := json.Marshal(api.PutProduct{Product: p})
	if err != nil {
		panic(err)
	}
	s.c.workers.Go(func() {
		ctx, cancel := context.WithTimeout(s.c.stopping, callWait)
		defer cancel()
		inc.service.Answer(ctx, api.StaffProductPut.Name, api.Call{Credential: "staff:" + staffToken}, body)
	})
}

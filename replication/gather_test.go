package replication

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBatchesGrowBesideWhatIsInFlight: callers that come back at once share few large entries.
func TestBatchesGrowBesideWhatIsInFlight(t *testing.T) {
	m := &journal{}
	n, _ := loneNode(t, NewMemory(), m, nil)
	const callers, each = 128, 20
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if _, err := n.Propose(t.Context(), []byte("x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s := n.Stats()
	if s.Commands != callers*each || len(m.commands()) != callers*each {
		t.Fatalf("%d of %d commands, %d applied", s.Commands, callers*each, len(m.commands()))
	}
	// Each entry holds a fair part of those who wait.
	if s.Batches > callers*each/8 {
		t.Errorf("%d commands of %d callers took %d entries", s.Commands, callers, s.Batches)
	}
}

// TestCompanyDoesNotProlongTheWait: proposals that trickle in while much is in flight do not keep the first
// one from leaving.
func TestCompanyDoesNotProlongTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const trickle, proposals = linger / 4, 40
		n := &Node{queue: make(chan *proposal, proposals), flying: newFlying(), stop: make(chan struct{})}
		n.cfg.BatchMax, n.cfg.BatchBytes = 1<<20, 1<<20
		n.flying.begin(1 << 20) // never lands, so that only the clock ends the wait
		go func() {
			for range proposals {
				time.Sleep(trickle)
				n.queue <- &proposal{commands: [][]byte{[]byte("x")}}
			}
		}()
		start := time.Now()
		taken, carry := n.gather(&proposal{commands: [][]byte{[]byte("first")}})
		if waited := time.Since(start); waited != linger {
			t.Errorf("the first of %d waited %v for company, want %v", len(taken), waited, linger)
		}
		if len(taken) < 4 || carry != nil {
			t.Errorf("%d proposals in the batch, carry %v: want those of the first %v", len(taken), carry, linger)
		}
		time.Sleep(trickle * proposals) // for the last of the trickle
	})
}

// TestALoneCommandWaitsForNobody: nothing is in flight when it comes.
func TestALoneCommandWaitsForNobody(t *testing.T) {
	f := newFlying()
	if f.outweighs(1) {
		t.Error("a lone command would linger")
	}
	f.begin(100)
	if !f.outweighs(49) || f.outweighs(50) {
		t.Error("a batch lingers beside twice as many")
	}
	f.end(100)
	select {
	case <-f.fewer:
	default:
		t.Error("nobody was told that the batch has landed")
	}
}

package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// closeWatchdog bounds each step of Close that waits for somebody else's code.
const closeWatchdog = 10 * time.Second

// Close stops the node in order: no new commands; Lead ends; batches in flight are answered; leadership
// is handed on; raft stops; transport and stores are closed. The last checkpoint is the caller's, after
// Close. Every step is bounded; a second call returns the first one's error.
func (n *Node) Close() error {
	n.closeOnce.Do(func() { n.closeErr = n.shutdown(true) })
	return n.closeErr
}

// kill stops the node the way a crash would: nothing is finished, nothing handed over.
func (n *Node) kill() {
	n.closeOnce.Do(func() { n.closeErr = n.shutdown(false) })
}

func (n *Node) shutdown(graceful bool) error {
	var errs []error
	close(n.stop)
	n.endLead()
	if graceful {
		errs = append(errs,
			within(closeWatchdog, n.leadDone, "Lead did not return"),
			within(n.cfg.LeaderLease+n.cfg.HeartbeatTimeout+closeWatchdog, n.settled, "batches in flight were not answered"))
		n.handOver()
	}
	stopped := make(chan struct{})
	f := n.raft.Shutdown()
	close(n.failStop.halted)
	go func() { defer close(stopped); _ = f.Error() }() // its only error is nil
	errs = append(errs, within(closeWatchdog, stopped, "raft did not stop"))
	close(n.dead)
	n.workers.Wait()
	if !graceful {
		errs = append(errs, within(closeWatchdog, n.leadDone, "Lead did not return"))
	}
	return errors.Join(append(errs, n.release())...)
}

// handOver transfers leadership, so that the cluster does not wait for an election time-out. raft can
// be left refusing writes by a transfer that was interrupted (hashicorp/raft#696); here raft stops next.
func (n *Node) handOver() {
	if n.raft.State() != raft.Leader {
		return
	}
	others := false
	for _, s := range n.servers() {
		others = others || (s.Suffrage == raft.Voter && string(s.ID) != n.cfg.ID)
	}
	if !others {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.cfg.ElectionTimeout+time.Second)
	defer cancel()
	if err := n.await(ctx, n.raft.LeadershipTransfer()); err != nil {
		n.cfg.Logger.Warn("leadership was not handed on; the others elect a leader after their time-out", "error", err)
	}
}

func within(d time.Duration, done <-chan struct{}, what string) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		return fmt.Errorf("replication: %s within %v", what, d)
	}
}

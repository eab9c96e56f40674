package replication

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// keyCurrentTerm is raft's own name for its term in the stable store.
const keyCurrentTerm = "CurrentTerm"

// Seed prepares an empty node to begin with the state of its machine, as after a backup was restored.
// cfg.Bootstrap is the membership from then on. Seed one member only, and start the others with empty
// directories and without Bootstrap: they get its state. core restore names this member alone, and the others
// join it as learners. Then Open as usual.
func Seed(cfg Config, m Machine) error {
	cfg.applyDefaults()
	if cfg.Transport == nil && cfg.Listener == nil && cfg.BindAddr == "" {
		cfg.BindAddr = "127.0.0.1:0" // nothing is listened on here
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	n := newNode(cfg, m)
	err := n.seed()
	close(n.failStop.halted)
	if err = errors.Join(err, n.release()); err != nil {
		return fmt.Errorf("replication: seed %s: %w", cfg.ID, err)
	}
	return nil
}

func (n *Node) seed() error {
	servers, self := n.initialServers()
	if !self {
		return errors.New("--peers does not hold this node")
	}
	st, err := n.openStores()
	if err != nil {
		return err
	}
	last, err := st.log.LastIndex()
	if err != nil {
		return err
	}
	metas, err := st.snapshots.List()
	if err != nil {
		return err
	}
	if last > 0 || len(metas) > 0 {
		return errors.New("there is a raft log already: use an empty data directory")
	}
	index, term := n.machine.Applied()
	if index == 0 {
		return errors.New("the state is empty: there is nothing to begin with")
	}
	term = max(term, 1)
	// The term first: a snapshot of a term that raft has not reached would let it go back.
	if err := st.stable.SetUint64([]byte(keyCurrentTerm), term); err != nil {
		return err
	}
	view, err := n.machine.Snapshot()
	if err != nil {
		return err
	}
	defer view.Release()
	_, encoder := raft.NewInmemTransport(servers[0].Address)
	sink, err := st.snapshots.Create(raft.SnapshotVersionMax, index, term, raft.Configuration{Servers: servers}, index, encoder)
	if err != nil {
		return err
	}
	return (&fsmSnapshot{fsm: n.fsm, view: view}).Persist(sink)
}

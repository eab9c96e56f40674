package node

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/core"
	"meridian/internal/nodetls"
)

// How a node asks: enlistAgain after a failure, askAfter without a word from a leader (or three heartbeats,
// if that is longer).
const (
	enlistAgain = time.Second
	askAfter    = 5 * time.Second
	logEvery    = 5
)

// ErrNotMember says that the cluster refuses this node for good.
var ErrNotMember = errors.New("the cluster refuses this node")

// enlist tells the cluster where this node is, and with Join asks to become a learner, until it was heard.
// Later, whenever no leader was heard for a while, it asks whether it is still a member: one that was removed
// would otherwise wait for ever. It returns when ctx ends, or with ErrNotMember.
func (n *Node) enlist(ctx context.Context, cfg Config) error {
	e := api.Enlist{ID: cfg.ID, Region: cfg.Region, Address: cfg.raftAddress(), API: cfg.APIs[cfg.ID], Join: len(cfg.Join) > 0, Fresh: n.Raft.Fresh(), History: n.Machine.History(), Keyring: cfg.Keyring.Fingerprint()}
	if e.API == "" {
		return nil // nobody needs to find this node
	}
	ask, closing, err := n.asker(cfg)
	if err != nil {
		return err
	}
	defer closing()
	silent := max(askAfter, 3*cfg.Heartbeat)
	heard, tries := false, 0
	n.heardAt = time.Now()
	for {
		if !heard || n.alone(silent) {
			err := ask(ctx, e)
			tries++
			switch {
			case err == nil:
				if !heard {
					n.log.Info("the cluster knows this node", "api", e.API, "raft", e.Address)
				}
				heard, e.Join, e.Fresh, tries = true, false, false, 0
			case api.CodeOf(err) == api.CodeConflict:
				return fmt.Errorf("%w: %s", ErrNotMember, api.AsError(err).Detail)
			case ctx.Err() == nil && tries%logEvery == 0:
				n.log.Warn("this node could not tell the cluster where it is; it goes on trying", "error", err)
			}
		}
		t := time.NewTimer(enlistAgain)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// alone reports whether no leader was heard for so long, or none ever since a while.
func (n *Node) alone(long time.Duration) bool {
	s := n.Raft.Status()
	switch {
	case s.State == "leader":
		n.heardAt = time.Now()
	case s.LastContact >= 0 && s.LastContact < long:
		n.heardAt = time.Now().Add(-s.LastContact)
	}
	return time.Since(n.heardAt) > long
}

// asker makes the call: to itself when this node leads, else to whoever does.
func (n *Node) asker(cfg Config) (ask func(context.Context, api.Enlist) error, closing func(), err error) {
	var others []coreclient.Node
	seen := map[string]bool{cfg.ID: true}
	add := func(id, region, addr string) {
		if addr != "" && !seen[id] {
			seen[id] = true
			others = append(others, coreclient.Node{ID: id, Region: region, Addr: addr})
		}
	}
	for _, j := range cfg.Join {
		add(j.ID, j.Region, j.Addr)
	}
	for _, p := range cfg.Peers {
		add(p.ID, p.Region, cfg.APIs[p.ID])
	}
	n.Machine.Places(add)
	if len(others) == 0 {
		return n.enlistHere, func() {}, nil
	}
	cc := coreclient.Config{Nodes: others, Region: cfg.Region, Token: cfg.Token, Edge: cfg.ID, MaxConns: 2, Logger: cfg.Logger}
	if cfg.TLS != nil {
		cc.TLS = func(id string) *tls.Config {
			return cfg.TLS.Client(nodetls.ProtocolHTTP, nodetls.Identity{Role: nodetls.RoleCore, Name: id})
		}
	}
	client, err := coreclient.New(cc)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, e api.Enlist) error {
		if n.Raft.Status().Ready {
			return n.enlistHere(ctx, e)
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, _, err := coreclient.Do(ctx, client, api.ClusterEnlist, e, api.Call{})
		return err
	}, func() { client.Close() }, nil
}

func (n *Node) enlistHere(ctx context.Context, e api.Enlist) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx = core.WithPeer(ctx, core.Peer{Role: nodetls.RoleCore, Name: e.ID})
	_, err = n.Service.Serve(ctx, api.ClusterEnlist.Name, api.Call{}, body)
	return err
}

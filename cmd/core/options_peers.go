package main

import (
	"cmp"
	"fmt"
	"net"
	"strings"

	"meridian/cmd/core/node"
	"meridian/internal/flagenv"
	"meridian/replication"
)

// parsePeers reads the first members of a cluster. Whatever is wrong with them is said before anything is written.
func (o *options) parsePeers(peers, join string) error {
	o.apis = map[string]string{}
	if join != "" {
		if peers != "" {
			return flagenv.Errorf("join", "a node either joins a cluster or begins one: leave --peers empty")
		}
		return nil
	}
	if err := o.reachable(); err != nil {
		return err
	}
	if peers == "" {
		peers = fmt.Sprintf("%s=%s@%s@%s", o.id, o.region, cmp.Or(o.raftAdvertise, o.raftAddr), o.apiAddr)
	}
	mine, taken := false, map[string]string{}
	for _, p := range strings.Split(peers, ",") {
		id, rest, ok := strings.Cut(strings.TrimSpace(p), "=")
		parts := strings.Split(rest, "@")
		if !ok || id == "" || len(parts) != 3 {
			return flagenv.Errorf("peers", "%q is not id=region@raft-host:port@api-host:port", p)
		}
		if taken[id] != "" {
			return flagenv.Errorf("peers", "names %s twice: give each member an id of its own", id)
		}
		taken[id] = id
		for _, addr := range parts[1:] {
			if host, port, err := net.SplitHostPort(addr); err != nil || port == "" || host == "" && addr != o.apiAddr {
				return flagenv.Errorf("peers", "%s: %q is not host:port, as the others reach it", id, addr)
			}
			if other := taken[addr]; other != "" {
				return flagenv.Errorf("peers", "%s of %s is the address of %s already: each listener has its own", addr, id, other)
			}
			taken[addr] = id
		}
		o.peers = append(o.peers, replication.Member{ID: id, Region: parts[0], Addr: parts[1], Role: replication.RoleVoter})
		o.apis[id] = parts[2]
		mine = mine || id == o.id
	}
	if !mine {
		return flagenv.Errorf("peers", "does not name this node, %s", o.id)
	}
	return nil
}

// reachable refuses a raft address that nobody else can dial.
func (o *options) reachable() error {
	name, addr := "raft-addr", o.raftAddr
	if o.raftAdvertise != "" {
		name, addr = "raft-advertise", o.raftAdvertise
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return flagenv.Errorf(name, "%q is not host:port", addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return flagenv.Errorf(name, "%s is told to the others, who cannot dial it: give the address of an interface that they reach, or name it in --raft-advertise", addr)
	}
	return nil
}

// consistent refuses to begin a cluster in which this node is listed where it does not listen. A node that has been a
// member goes by what the cluster knows, and says what is wrong with that.
func (o *options) consistent() error {
	empty, err := emptyDir(o.data)
	if err != nil || !empty {
		return err
	}
	for _, p := range o.peers {
		if at := cmp.Or(o.raftAdvertise, o.raftAddr); p.ID == o.id && node.Elsewhere(p.Addr, at) {
			return flagenv.Errorf("peers", "the others would call %s at %s, and it listens at %s: make --raft-addr and its entry in --peers the same, on every core, or name %s in --raft-advertise if that leads here", o.id, p.Addr, at, p.Addr)
		}
	}
	return nil
}

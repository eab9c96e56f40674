//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// network joins a space for each core with a hub, in which the payment provider and the clients are.
type network struct {
	hub   *space
	nodes []*space
}

const hubIP = "10.77.0.1"

func nodeIP(i int) string { return fmt.Sprintf("10.77.0.%d", 11+i) }

func newNetwork(nodes int) (n *network, err error) {
	n = &network{}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.hub, err = newSpace(); err != nil {
		return n, err
	}
	for _, line := range []string{"ip link set lo up", "ip link add hub type bridge", "ip addr add " + hubIP + "/24 dev hub", "ip link set hub up"} {
		if err := n.hub.command(line); err != nil {
			return n, err
		}
	}
	for i := range nodes {
		s, err := newSpace()
		if err != nil {
			return n, err
		}
		n.nodes = append(n.nodes, s)
		err = errors.Join(
			n.hub.command(fmt.Sprintf("ip link add port%d type veth peer name eth0 netns %s", i, s.path())),
			n.hub.command(fmt.Sprintf("ip link set port%d master hub up", i)),
			s.command("ip link set lo up"),
			s.command("ip addr add "+nodeIP(i)+"/24 dev eth0"),
			s.command("ip link set eth0 up"),
		)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (n *network) close() {
	n.hub.close()
	for _, s := range n.nodes {
		s.close()
	}
}

// dial connects from the hub.
func (n *network) dial(addr string, timeout time.Duration) (c net.Conn, err error) {
	err = n.hub.do(func() error {
		c, err = net.DialTimeout("tcp", addr, timeout)
		return err
	})
	return c, err
}

// deafen makes a node drop what comes from others. Clients in the hub are heard.
func (n *network) deafen(node int, others ...int) error {
	var errs []error
	for _, o := range others {
		if o != node {
			errs = append(errs, n.nodes[node].command("iptables -w -A INPUT -s "+nodeIP(o)+" -j DROP"))
		}
	}
	return errors.Join(errs...)
}

// part cuts two groups of nodes from each other, both ways.
func (n *network) part(a, b []int) error {
	var errs []error
	for _, x := range a {
		errs = append(errs, n.deafen(x, b...))
	}
	for _, x := range b {
		errs = append(errs, n.deafen(x, a...))
	}
	return errors.Join(errs...)
}

// alone cuts a node from everybody, clients and provider included.
func (n *network) alone(node int) error {
	return errors.Join(n.nodes[node].command("iptables -w -A INPUT -i eth0 -j DROP"), n.nodes[node].command("iptables -w -A OUTPUT -o eth0 -j DROP"))
}

// lose drops a share of all packets between nodes, in percent.
func (n *network) lose(percent int) error {
	var errs []error
	for _, s := range n.nodes {
		errs = append(errs, s.command(fmt.Sprintf("iptables -w -A INPUT -i eth0 ! -s %s -m statistic --mode random --probability %.2f -j DROP", hubIP, float64(percent)/100)))
	}
	return errors.Join(errs...)
}

// heal ends every disturbance of a network.
func (n *network) heal() error {
	var errs []error
	for _, s := range n.nodes {
		errs = append(errs, s.command("iptables -w -F"))
	}
	return errors.Join(errs...)
}

package sim

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// network carries messages between nodes. Each direction of each pair has its own state, so that a
// partition may be one-way.
type network struct {
	mu    sync.Mutex
	rng   *rand.Rand
	nodes map[raft.ServerAddress]*transport
	cut   map[[2]raft.ServerAddress]bool
	delay map[raft.ServerAddress]time.Duration // of everything to a node
	quiet map[raft.ServerAddress]bool          // only heartbeats reach it

	base   time.Duration // one way
	jitter time.Duration
	loss   float64
	spike  float64 // chance of a delay of up to spikeMax: messages overtake each other, and arrive after their time-out
	sent   int
	lost   int
}

const (
	spikeMax   = 8 * time.Second
	rpcTimeout = 5 * time.Second
	bulkWait   = 60 * time.Second // for a snapshot
)

func newNetwork(rng *rand.Rand) *network {
	return &network{rng: rng, nodes: map[raft.ServerAddress]*transport{}, cut: map[[2]raft.ServerAddress]bool{}, delay: map[raft.ServerAddress]time.Duration{}, quiet: map[raft.ServerAddress]bool{}, base: time.Millisecond, jitter: 2 * time.Millisecond}
}

// attach puts a node on the network, in place of an earlier incarnation.
func (n *network) attach(addr raft.ServerAddress) *transport {
	t := &transport{net: n, addr: addr, consumer: make(chan raft.RPC), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr] = t
	return t
}

// block cuts or heals one direction.
func (n *network) block(from, to raft.ServerAddress, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]raft.ServerAddress{from, to}] = cut
}

func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	clear(n.delay)
	clear(n.quiet)
	n.loss, n.spike, n.base, n.jitter = 0, 0, time.Millisecond, 2*time.Millisecond
}

// weather sets what the lines are like.
func (n *network) weather(base, jitter time.Duration, loss, spike float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.base, n.jitter, n.loss, n.spike = base, jitter, loss, spike
}

// pass says how long a message takes, and whether it arrives at all.
func (n *network) pass(from, to raft.ServerAddress) (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	if n.cut[[2]raft.ServerAddress{from, to}] || n.rng.Float64() < n.loss {
		n.lost++
		return 0, false
	}
	d := n.base + n.delay[to] + time.Duration(n.rng.Float64()*float64(n.jitter))
	if n.spike > 0 && n.rng.Float64() < n.spike {
		d += time.Duration(n.rng.Float64() * float64(spikeMax))
	}
	return d, true
}

// send is pass for a request.
func (n *network) send(from, to raft.ServerAddress, cmd any) (time.Duration, bool) {
	n.mu.Lock()
	quiet := n.quiet[to]
	n.mu.Unlock()
	if quiet && !isHeartbeat(cmd) {
		return 0, false
	}
	return n.pass(from, to)
}

func (n *network) peer(addr raft.ServerAddress) *transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[addr]
}

func (n *network) counts() (sent, lost int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent, n.lost
}

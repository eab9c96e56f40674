package replication

import (
	"sync"

	"github.com/hashicorp/raft"
)

// Memory is a cluster's network and disks in memory, for tests. The nodes on it are the real ones. What
// a node stored outlives its Close, so that a test can open it again.
type Memory struct {
	mu    sync.Mutex
	nodes map[string]*memoryNode
	cut   map[string]bool
}

type memoryNode struct {
	stores Stores
	trans  *raft.InmemTransport
}

func NewMemory() *Memory {
	return &Memory{nodes: map[string]*memoryNode{}, cut: map[string]bool{}}
}

// Member is the member of that name, for Bootstrap and AddLearner. Its address is its name.
func (m *Memory) Member(id, region string, role Role) Member {
	return Member{ID: id, Region: region, Addr: id, Role: role}
}

// Configure puts the node cfg.ID on this network. Call it again before each Open.
func (m *Memory) Configure(cfg Config) Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[cfg.ID]
	if n == nil {
		log := raft.NewInmemStore()
		n = &memoryNode{stores: Stores{Log: log, Stable: log, Snapshots: raft.NewInmemSnapshotStore()}}
		m.nodes[cfg.ID] = n
	}
	_, n.trans = raft.NewInmemTransport(raft.ServerAddress(cfg.ID))
	m.connect()
	cfg.Transport, cfg.Stores = n.trans, &n.stores
	return cfg
}

// Disconnect cuts a node off from all others, Reconnect heals that.
func (m *Memory) Disconnect(id string) { m.setCut(id, true) }
func (m *Memory) Reconnect(id string)  { m.setCut(id, false) }

func (m *Memory) setCut(id string, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[id] = cut
	m.connect()
}

func (m *Memory) connect() {
	for a, from := range m.nodes {
		for b, to := range m.nodes {
			switch {
			case a == b:
			case m.cut[a] || m.cut[b]:
				from.trans.Disconnect(to.trans.LocalAddr())
			default:
				from.trans.Connect(to.trans.LocalAddr(), to.trans)
			}
		}
	}
}

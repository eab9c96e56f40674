package replication

import (
	"net"
	"testing"
)

// TestReach: a node without a leader says who can be reached and who cannot.
func TestReach(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.Token = "a secret of this test" })
	c.leader()
	asked, silent, there := c.nodes[0], c.nodes[1], c.nodes[2]
	silent.kill()
	got := asked.Reach(t.Context())
	if len(got) != 2 || got[silent.cfg.ID] == nil || got[there.cfg.ID] != nil {
		t.Errorf("%v", got)
	}
	// A listener that accepts and says nothing, as a frozen process does, is not reached.
	frozen, err := net.Listen("tcp", silent.cfg.AdvertiseAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	if got := asked.Reach(t.Context()); got[silent.cfg.ID] == nil {
		t.Error("who does not know the token counts as reached")
	}
}

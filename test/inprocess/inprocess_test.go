// Package inprocess runs the scenarios against a whole shop in one process, under the race detector.
package inprocess

import (
	"testing"
	"time"

	"meridian/api"
	"meridian/internal/cluster"
	"meridian/test/scenario"
)

func start(t *testing.T, o cluster.Options) (*cluster.Cluster, *scenario.Shop) {
	t.Helper()
	c := cluster.Start(t, o)
	return c, scenario.New(t, c.Edges(), c.Provider, cluster.StaffToken, cluster.OperatorToken)
}

func TestOversell(t *testing.T) {
	t.Parallel()
	c, s := start(t, cluster.Options{})
	s.Oversell(scenario.Race{Buyers: 120, Units: 30})
	c.Agree()
}

func TestOversellWhileTheLeaderStops(t *testing.T) {
	t.Parallel()
	c, s := start(t, cluster.Options{SnapshotThreshold: 64})
	stopped := make(chan int, 1)
	s.Oversell(scenario.Race{Buyers: 120, Units: 60, Midway: func() {
		i := c.Leader()
		c.StopCore(i)
		stopped <- i
	}})
	c.StartCore(<-stopped)
	c.Agree()
}

// TestWaitingRoom: turns are taken at three edges, also while the leader stops.
func TestWaitingRoom(t *testing.T) {
	t.Parallel()
	c, s := start(t, cluster.Options{})
	stopped := make(chan int, 1)
	s.Queue(scenario.Race{Buyers: 90, Units: 40, Midway: func() {
		i := c.Leader()
		c.StopCore(i)
		stopped <- i
	}})
	c.StartCore(<-stopped)
	c.Agree()
}

func TestPriceChangeReachesEveryEdge(t *testing.T) {
	t.Parallel()
	_, s := start(t, cluster.Options{})
	took, ok := s.PriceChange(5 * time.Second)
	if !ok {
		t.Errorf("a changed price was not on every edge after %v", took)
	}
	t.Logf("a changed price was on every edge after %v", took)
}

// TestGateFollower switches the change feed off: the old price stays, since nothing else can end it.
func TestGateFollower(t *testing.T) {
	t.Parallel()
	_, s := start(t, cluster.Options{DeafEdges: true})
	if took, ok := s.PriceChange(2 * time.Second); ok {
		t.Errorf("edges that do not follow the feed showed the new price after %v: the test of the feed cannot fail", took)
	}
}

func TestEveryCoreRestarts(t *testing.T) {
	t.Parallel()
	c, s := start(t, cluster.Options{SnapshotThreshold: 32})
	s.PutProduct("restart", "R-1", 500, 50)
	for round := range 3 {
		cart := s.CartWith(round, "R-1", 2)
		o := scenario.Must[struct{ ID, Key, Status string }](s, s.Checkout(round, cart.ID, "restart-"+cart.ID, "tok_ok"))
		c.StopCore(round)
		c.StartCore(round)
		got := scenario.Must[struct{ ID, Status string }](s, scenario.Request{Method: "GET", URL: s.Edge(round+1) + "/api/v1/orders/" + o.ID + "?key=" + o.Key})
		if got.ID != o.ID || got.Status != "paid" {
			t.Errorf("after a restart the order is %+v", got)
		}
	}
	if l := s.Stock(0, "R-1"); l.OnHand != 44 {
		t.Errorf("%+v", l)
	}
	c.Agree()
}

func TestUnknownMembersAreNotFound(t *testing.T) {
	t.Parallel()
	_, s := start(t, cluster.Options{})
	for _, r := range []scenario.Request{
		{Method: "DELETE", URL: s.Edge(0) + "/admin/api/v1/cluster/members/core-mars", Token: cluster.OperatorToken},
		{Method: "POST", URL: s.Edge(0) + "/admin/api/v1/cluster/leader", Token: cluster.OperatorToken, Body: map[string]string{"id": "core-mars"}},
	} {
		if _, err := s.Do(t.Context(), r, nil); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
	}
}

func TestCartsAtManyEdges(t *testing.T) {
	t.Parallel()
	c, s := start(t, cluster.Options{})
	s.OldCart()
	s.SharedCart(24)
	c.Agree()
}

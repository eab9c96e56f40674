package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"meridian/replication"
)

func isDiskError(err error) bool { return strings.Contains(err.Error(), errIO.Error()) }

// strike makes a fault happen, and puts its end on the agenda.
func (c *cluster) strike(s step) {
	c.trace.add("FAULT %s", s)
	c.count(func(st *Stats) { st.Faults[s.f]++ })
	rng := rand.New(rand.NewPCG(s.draw, 7))
	n := c.nodes[s.node]
	switch s.f {
	case faultSplit, faultOneWay, faultIsolate:
		c.partition(s, rng)
	case faultWeather:
		c.net.weather(time.Duration(rng.IntN(200))*time.Millisecond, time.Duration(rng.IntN(600))*time.Millisecond, rng.Float64()*0.3, rng.Float64()*0.1)
		c.later(s.lasts, func() { c.net.weather(time.Millisecond, 2*time.Millisecond, 0, 0) })
	case faultKill, faultPower:
		c.down(n, s.lasts, s.f == faultPower)
	case faultKillLead:
		if inc := c.leader(); inc != nil {
			c.down(inc.on, s.lasts, rng.IntN(3) == 0)
		}
	case faultKillAll, faultPowerAll:
		for _, n := range c.nodes {
			c.down(n, s.lasts+time.Duration(rng.IntN(5000))*time.Millisecond, s.f == faultPowerAll)
		}
	case faultSlowDisk:
		n.disk.slower(time.Duration(rng.ExpFloat64() * float64(400*time.Millisecond)))
		c.later(s.lasts, func() { n.disk.slower(0) })
	case faultHungDisk:
		n.disk.slower(45 * time.Second)
		c.later(s.lasts, func() { n.disk.slower(0) })
	case faultBadDisk:
		n.disk.breakNext()
	case faultClock:
		n.clock.set(wrong(rng))
		c.later(s.lasts*4, func() { n.clock.set(0) })
	case faultAllClocks:
		for _, n := range c.nodes {
			n.clock.set(wrong(rng))
			c.later(s.lasts*4, func() { n.clock.set(0) })
		}
	case faultPayments:
		c.pay.setTrouble(rng.Float64() * 0.6)
		c.later(s.lasts, func() { c.pay.setTrouble(0) })
	default:
		c.operate(s, rng)
	}
}

// wrong is a clock's error: mostly some seconds, sometimes days, either way.
func wrong(rng *rand.Rand) time.Duration {
	d := time.Duration(rng.ExpFloat64() * float64([]time.Duration{time.Second, time.Minute, 24 * time.Hour}[rng.IntN(3)]))
	if rng.IntN(2) == 0 {
		return -d
	}
	return d
}

func (c *cluster) partition(s step, rng *rand.Rand) {
	addrs := c.addrs()
	type pair struct{ from, to raft.ServerAddress }
	var cut []pair
	side := map[raft.ServerAddress]bool{}
	switch s.f {
	case faultIsolate:
		if inc := c.leader(); inc != nil {
			side[raft.ServerAddress(inc.on.id)] = true
		}
	default:
		for _, a := range addrs {
			side[a] = rng.IntN(2) == 0
		}
	}
	oneWay := s.f == faultOneWay || (s.f == faultIsolate && rng.IntN(2) == 0)
	for _, a := range addrs {
		for _, b := range addrs {
			if a != b && side[a] != side[b] && (!oneWay || side[a]) {
				cut = append(cut, pair{a, b})
			}
		}
	}
	for _, p := range cut {
		c.net.block(p.from, p.to, true)
	}
	c.later(s.lasts, func() {
		for _, p := range cut {
			c.net.block(p.from, p.to, false)
		}
	})
}

// down ends a process and starts it again later.
func (c *cluster) down(n *computer, lasts time.Duration, power bool) {
	if n.up.Load() == nil {
		return
	}
	n.crash(power)
	c.later(lasts, n.boot)
}

func (d *disk) slower(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = by
}

func (d *disk) breakNext() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failNext = true
}

// operate does what an operator does, beside the run: it may wait for long.
func (c *cluster) operate(s step, rng *rand.Rand) {
	inc := c.leader()
	if inc == nil {
		return
	}
	n := c.nodes[s.node]
	id := n.id
	try := func(what string, fn func(ctx context.Context) error) bool {
		ctx, cancel := context.WithTimeout(c.stopping, 30*time.Second)
		defer cancel()
		err := fn(ctx)
		c.trace.add("operator: %s %s: %v", what, id, err)
		return err == nil
	}
	switch s.f {
	case faultSnapshot:
		if on := n.up.Load(); on != nil {
			go try("snapshot on", on.raft.Snapshot)
		}
	case faultTransfer:
		go try("lead with", func(ctx context.Context) error { return inc.raft.TransferLeader(ctx, id) })
	case faultDemote:
		if c.voters(inc) < 3 {
			return
		}
		go try("demote", func(ctx context.Context) error { return inc.raft.Demote(ctx, id) })
		c.later(s.lasts, func() { c.admit(id) })
	case faultReplace:
		if c.voters(inc) < 3 || inc.on == n || n.up.Load() == nil {
			return
		}
		c.replace(n, inc, try, s.lasts)
	}
}

func (c *cluster) voters(inc *incarnation) (count int) {
	for _, m := range inc.raft.Status().Members {
		if m.Role == replication.RoleVoter {
			count++
		}
	}
	return count
}

// replace removes a member, and when it is certainly gone from the configuration, puts an empty machine
// with a new name in its place.
func (c *cluster) replace(n *computer, inc *incarnation, try func(string, func(context.Context) error) bool, lasts time.Duration) {
	old := n.id
	done := make(chan bool, 1)
	go func() {
		done <- try("remove", func(ctx context.Context) error { return inc.raft.Remove(ctx, old) })
	}()
	c.later(31*time.Second, func() {
		if ok := <-done; !ok { // it may still be a member: leave it alone
			c.admit(old)
			return
		}
		n.crash(false)
		n.disk.wipe()
		n.state = nil
		c.fresh++
		n.id = fmt.Sprintf("%s.%d", strings.Split(old, ".")[0], c.fresh)
		c.count(func(s *Stats) { s.Replaced++ })
		c.later(lasts, func() {
			n.boot()
			c.admit(n.id)
		})
	})
}

// admit makes a member a voter, trying again until it is.
func (c *cluster) admit(id string) {
	if inc := c.leader(); inc != nil {
		go func() {
			ctx, cancel := context.WithTimeout(c.stopping, 10*time.Second)
			defer cancel()
			known := false
			for _, m := range inc.raft.Status().Members {
				known = known || m.ID == id
			}
			if !known {
				c.trace.add("operator: add %s: %v", id, inc.raft.AddLearner(ctx, replication.Member{ID: id, Addr: id}))
			}
			c.trace.add("operator: promote %s: %v", id, inc.raft.Promote(ctx, id))
		}()
	}
	c.later(15*time.Second, func() {
		if !c.isVoter(id) && c.exists(id) {
			c.admit(id)
		}
	})
}

func (c *cluster) exists(id string) bool {
	for _, n := range c.nodes {
		if n.id == id {
			return true
		}
	}
	return false
}

func (c *cluster) isVoter(id string) bool {
	inc := c.leader()
	if inc == nil {
		return false
	}
	for _, m := range inc.raft.Status().Members {
		if m.ID == id {
			return m.Role == replication.RoleVoter
		}
	}
	return false
}

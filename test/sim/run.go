package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/api"
	"meridian/core"
	"meridian/core/seal"
	"meridian/internal/history"
	"meridian/replication"
)

// Options say what to run.
type Options struct {
	Seed   uint64
	Nodes  int
	Length time.Duration // of the time with faults; healing comes on top

	// The rest is for gates and scenarios.

	// Script replaces the faults that the seed draws, Shape changes what it draws of the cluster.
	Script func(*Script)
	Shape  func(*Shape)
	// Machine and Replication change a node before it starts; NoSync lets disks acknowledge what they
	// did not write.
	Machine     func(*core.Machine)
	Replication func(*replication.Config)
	NoSync      bool

	// enough ends a run at its first broken promise.
	enough bool
}

// Result is what a run gave.
type Result struct {
	Stats      Stats
	Violations []string
	Trace      []string
}

// Run simulates a cluster. What went wrong is in the result; the test itself fails only if the
// simulation could not be run.
func Run(t *testing.T, o Options) Result {
	t.Helper()
	dir, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ring, err := seal.OpenKeyring(filepath.Join(dir, "keyring"), true)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	func() {
		// The library leaves a few futures unanswered when it stops, and who waits for them waits for ever.
		// A process would have ended.
		defer func() {
			if p := recover(); p != nil && !strings.Contains(fmt.Sprint(p), "blocked goroutines remain") {
				panic(p)
			}
		}()
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(o, dir, ring)
			c.stats = newStats()
			defer func() {
				if !c.over {
					c.trace.violated("the simulation itself did not come to its end")
				}
				r.Trace, r.Violations = c.trace.result()
				r.Stats = c.stats
				c.forget()
			}()
			c.live(o.Length)
			c.over = true
		})
	}()
	return r
}

// live is a whole run.
func (c *cluster) live(length time.Duration) {
	began := time.Now()
	stopping, stop := context.WithCancel(context.Background())
	c.stopping = stopping
	for _, n := range c.nodes {
		n.boot()
	}
	c.founding = false
	c.open()
	for i := range c.shape.Clients {
		k := &client{c: c, id: i, rng: rand.New(rand.NewPCG(c.o.Seed, 1000+uint64(i)))}
		c.workers.Go(k.work)
	}
	if c.o.Script != nil {
		c.o.Script(&Script{c})
	} else {
		start := time.Now()
		for _, s := range c.plan {
			c.agenda.add(start.Add(s.at), func() { c.strike(s) })
		}
		c.run(start.Add(length))
	}
	close(c.ending)
	c.heal()
	finished := make(chan struct{})
	go func() { c.workers.Wait(); close(finished) }()
	c.until(20*time.Minute, "every client has its answer", func() bool {
		select {
		case <-finished:
			return true
		default:
			return false
		}
	})
	c.settle()
	stop()
	c.workers.Wait()
	c.judge()
	for _, n := range c.nodes {
		n.crash(false)
	}
	c.graves.Wait()
	c.stats.Simulated = time.Since(began)
	c.stats.Messages, c.stats.Lost = c.net.counts()
	c.stats.Entries = len(c.truth.entries)
	for _, n := range c.nodes {
		c.stats.Syncs += n.disk.syncs
	}
}

// open waits for a leader and fills the shelves.
func (c *cluster) open() {
	k := &client{c: c, id: 999, rng: rand.New(rand.NewPCG(c.o.Seed, 999))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range skus {
			p := api.StaffProduct{Handle: fmt.Sprintf("product-%d", i), Title: "Product", Status: "active", Collections: []string{},
				Variants: []api.StaffVariant{{SKU: skuName(i), Title: "Default", Prices: map[string]int64{"EUR": 1900, "USD": 2100}}}}
			for {
				r := k.decide(api.StaffProductPut.Name, fmt.Sprint("product", i), "staff:"+staffToken, api.PutProduct{Product: p}, callWait)
				if r.Status == 0 || r.Status < 400 {
					break
				}
				time.Sleep(time.Second) // the first staff are not created yet
			}
			k.adjust(skuName(i), int64(k.rng.IntN(40)), " opening")
		}
	}()
	c.until(10*time.Minute, "the shop opens", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// until lets time pass until ok, or notes that it did not come to that.
func (c *cluster) until(limit time.Duration, what string, ok func() bool) {
	for end := time.Now().Add(limit); !ok() && !(c.o.enough && c.trace.broken()); {
		if time.Now().After(end) {
			c.trace.violated("not within %v: %s", limit, what)
			return
		}
		c.run(time.Now().Add(500 * time.Millisecond))
	}
}

// heal ends every fault and starts every process.
func (c *cluster) heal() {
	c.trace.add("HEALING")
	c.net.heal()
	c.pay.setTrouble(0)
	for _, n := range c.nodes {
		n.disk.slower(0)
		n.disk.mu.Lock()
		n.disk.failNext = false
		n.disk.mu.Unlock()
		n.clock.set(0)
	}
	c.run(time.Now().Add(30 * time.Second)) // what is on the agenda heals too
	c.net.heal()
	for _, n := range c.nodes {
		n.boot()
	}
}

// settle waits until nothing is held any more, and until every node has applied the same.
func (c *cluster) settle() {
	c.until(10*time.Minute, "no stock is held any more", func() bool {
		inc := c.leader()
		if inc == nil {
			return false
		}
		for i := range skus {
			body, _ := json.Marshal(api.StockQuery{SKU: skuName(i)})
			r := inc.service.Answer(c.stopping, api.StockGet.Name, api.Call{Credential: "staff:" + staffToken}, body)
			var l api.StockLevel
			if r.Status != 200 || json.Unmarshal(r.Body, &l) != nil || l.Reserved != 0 {
				return false
			}
		}
		return true
	})
	c.until(5*time.Minute, "every node has applied the same", func() bool {
		inc := c.leader()
		if inc == nil {
			return false
		}
		index, _ := inc.machine.Applied()
		for _, n := range c.nodes {
			up := n.up.Load()
			if up == nil {
				return false
			}
			if at, _ := up.machine.Applied(); at+3 < index {
				return false
			}
		}
		return true
	})
}

// judge holds the end of the run against its history.
func (c *cluster) judge() {
	synctest.Wait()
	onHand := map[string]int64{}
	for _, n := range c.nodes {
		inc := n.up.Load()
		if inc == nil {
			continue
		}
		report, err := inc.machine.Check()
		if err != nil {
			c.trace.violated("%s: check: %v", inc.name, err)
		}
		for _, p := range report.Problems {
			c.trace.violated("%s: %s", inc.name, p)
		}
	}
	if inc := c.leader(); inc != nil {
		for i := range skus {
			body, _ := json.Marshal(api.StockQuery{SKU: skuName(i)})
			r := inc.service.Answer(context.Background(), api.StockGet.Name, api.Call{Credential: "staff:" + staffToken}, body)
			var l api.StockLevel
			if r.Status == 200 && json.Unmarshal(r.Body, &l) == nil {
				onHand[skuName(i)] = l.OnHand
			}
		}
	}
	ops := c.history.Ops()
	for _, p := range history.Conserve(ops, onHand) {
		c.trace.violated("%s", p)
	}
	if kept := c.pay.kept(); kept != c.stats.Orders {
		c.trace.violated("%d orders were confirmed, %d charges stand at the provider", c.stats.Orders, kept)
	}
	v := history.Check(ops, time.Hour)
	for _, f := range v.Illegal {
		c.trace.violated("%s", f.Text)
	}
	for _, u := range v.Undecided {
		c.trace.violated("undecided: %s", u)
	}
}

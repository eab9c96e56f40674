package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"meridian/api"
	"meridian/test/bench/shop"
)

// measureLone buys one thing after another on an idle cluster whose leader is near the edge, and says
// how many round trips between the cores and how many log entries a checkout takes. A checkout is
// awaited until its capture is written down before the next begins.
func measureLone(ctx context.Context, o options) (err error) {
	s, err := startShop(ctx, o.bin, o.rtt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop(), os.RemoveAll(s.Dir)) }()
	skus, err := fill(ctx, s, 1)
	if err != nil {
		return err
	}
	leader, err := leaderOf(ctx, s)
	if err != nil {
		return err
	}
	buyer, err := newShopper(s.Edge, "lone", 0)
	if err != nil {
		return err
	}
	defer buyer.close()
	var steps [3][]time.Duration
	var entries, commands []float64
	for n := range o.lone {
		before, err := logged(ctx, s, leader)
		if err != nil {
			return err
		}
		v, err := buyer.buy(n, skus[0])
		if err != nil {
			return err
		}
		if err := settled(ctx, s, n+1); err != nil {
			return err
		}
		after, err := logged(ctx, s, leader)
		if err != nil {
			return err
		}
		entries, commands = append(entries, after[0]-before[0]), append(commands, after[1]-before[1])
		for i := range steps {
			steps[i] = append(steps[i], v.steps[i])
		}
	}
	middle := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	for i, name := range []string{"make a cart", "put a line", "check out"} {
		d := middle(steps[i])
		fmt.Printf("%-12s median %.1f ms", name, ms(d))
		if o.rtt > 0 {
			fmt.Printf(", %.2f round trips of %v", float64(d)/float64(o.rtt), o.rtt)
		}
		fmt.Println()
	}
	slices.Sort(entries)
	slices.Sort(commands)
	fmt.Printf("a purchase, until its capture is written down: median %.0f log entries with %.0f commands, the leader's tick each second and the outbox's slices included\n",
		entries[len(entries)/2], commands[len(commands)/2])
	return nil
}

// leaderOf is the core that leads. The edge is as near to it as to any other: no distance is added there.
func leaderOf(ctx context.Context, s *shop.Shop) (string, error) {
	var c api.Cluster
	err := shop.Client{Base: s.Edge, Token: s.Operator}.Do(ctx, "GET", "/admin/api/v1/cluster", nil, &c)
	return c.Leader, err
}

// logged is how many log entries and commands a core has proposed.
func logged(ctx context.Context, s *shop.Shop, core string) (n [2]float64, err error) {
	for i, name := range []string{"meridian_raft_batches_total", "meridian_raft_commands_total"} {
		if n[i], err = (shop.Client{Base: s.Ops[core]}).Gauge(ctx, name); err != nil {
			return n, err
		}
	}
	return n, nil
}

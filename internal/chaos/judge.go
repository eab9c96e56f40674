//go:build linux

package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meridian/api"
	"meridian/internal/history"
	"meridian/internal/workload"
)

// judge finds out every outcome and holds clients, shop, provider and replicas against each other,
// while the cores still run.
func (r *round) judge(res *Result) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	ctx, cancel := context.WithTimeout(r.ctx, settleIn)
	defer cancel()
	r.load.Settle(ctx)
	res.Repeats = r.load.Repeat(ctx)
	if ctx.Err() != nil {
		bad("not every outcome could be asked for within %v", settleIn)
	}
	onHand, err := r.load.Final(ctx)
	if err != nil {
		bad("%v", err)
	}
	problems = append(problems, r.load.Problems()...)
	res.Stats, res.Orders = r.load.Stats(), len(r.load.Orders())
	if err := r.compareOrders(ctx, bad); err != nil {
		bad("compare orders and charges: %v", err)
	}
	agreeing, done := context.WithTimeout(r.ctx, recoverIn)
	defer done()
	if err := r.cluster.agree(agreeing, r.members()); err != nil {
		bad("%v", err)
	}
	ops := r.recorder.Ops()
	if onHand != nil {
		problems = append(problems, history.Conserve(ops, onHand)...)
	}
	v := history.Check(ops, decideWithin)
	res.Objects, res.Ops = v.Objects, v.Ops
	problems = append(problems, v.Undecided...)
	for _, f := range v.Illegal {
		bad("not linearizable: %s", f.Text)
		if page, err := os.Create(filepath.Join(r.cluster.dir, "history-"+f.Object+".html")); err == nil {
			_ = f.Draw(page)
			page.Close()
		}
	}
	if res.Stats.Done < minDone {
		bad("only %d operations were answered: the round shows nothing", res.Stats.Done)
	}
	return problems
}

// minDone is the least number of answered operations for a round to mean anything.
const minDone = 20

// compareOrders holds what clients were promised against the shop's list and the provider's ledger.
func (r *round) compareOrders(ctx context.Context, bad func(string, ...any)) error {
	charges, err := r.cluster.charges(ctx)
	if err != nil {
		return err
	}
	taken := map[string]int{}
	for _, c := range charges {
		if c.State == "authorized" || c.State == "captured" {
			taken[c.Order]++
		}
	}
	listed, err := r.listOrders(ctx)
	if err != nil {
		return err
	}
	promised := map[string]bool{}
	for _, id := range r.load.Orders() {
		promised[id] = true
		if listed[id] != api.OrderPaid && listed[id] != api.OrderFulfilled {
			bad("order %s was acknowledged, and the shop lists it as %q", id, listed[id])
		}
		if taken[id] != 1 {
			bad("order %s was acknowledged, and the provider holds %d charges for it", id, taken[id])
		}
	}
	for id, status := range listed {
		if promised[id] {
			continue
		}
		if status == api.OrderPaid || status == api.OrderFulfilled {
			bad("order %s is %s, and no client was told", id, status)
		}
		if taken[id] != 0 {
			bad("order %s is %s, and the provider holds %d charges for it", id, status, taken[id])
		}
	}
	for id := range taken {
		if _, known := listed[id]; !known {
			bad("the provider holds a charge for order %s, which the shop does not know", id)
		}
	}
	return nil
}

// listOrders are the statuses of all orders, as staff see them.
func (r *round) listOrders(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	q := api.OrdersQuery{Page: api.Page{Limit: 100}}
	for {
		l, err := r.cluster.leader(ctx)
		if err != nil {
			return nil, err
		}
		page, err := workload.Ask(ctx, r.cluster.merch, l.node(), api.OrdersList, q)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			r.wait(20 * time.Millisecond)
			continue
		}
		for _, o := range page.Items {
			all[o.ID] = o.Status
		}
		if page.Next == nil {
			return all, nil
		}
		q.After = *page.Next
	}
}

// cures are ends of a core by itself that a restart heals: faults of raft that replication/DESIGN.md
// lists. The last is raft's own panic over entries which it has just deleted. That the restart did heal
// it is what the rest of a round shows.
var cures = []string{"a restart cures it", "leadership transfer", "panic: log not found"}

// inspect looks at the stopped cores: their ends, their words, and their state.
func (r *round) inspect(faults []Fault, res *Result) (problems []string) {
	mayExit := false
	for _, f := range faults {
		mayExit = mayExit || f.exits
	}
	for _, n := range r.cluster.cores {
		if err := n.failure(); err != nil {
			problems = append(problems, err.Error())
		}
		for _, e := range n.ended() {
			if n == r.removed && strings.Contains(e, "is not a member of this cluster") {
				continue // a core that learns that it was removed stops, as it should
			}
			res.Exits = append(res.Exits, e)
			if !cured(e) && (!mayExit || strings.Contains(e, "panic") || strings.Contains(e, "differs from the leader")) {
				problems = append(problems, e)
			}
		}
		if n.check.err != nil {
			problems = append(problems, n.check.err.Error())
		}
	}
	return problems
}

func cured(end string) bool {
	for _, c := range cures {
		if strings.Contains(end, c) {
			return true
		}
	}
	return false
}

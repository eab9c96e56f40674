//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"meridian/api"
	"meridian/internal/history"
	"meridian/internal/workload"
)

func five(s *shape) { s.nodes = 5 }

func far(s *shape) { s.rtt, s.heartbeat = 60*time.Millisecond, 600*time.Millisecond }

func killLeader(r *round) error {
	l, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	l.signal(syscall.SIGKILL)
	r.wait(1200 * time.Millisecond)
	return nil
}

func killFollower(r *round) error {
	f, err := r.follower()
	if err != nil {
		return err
	}
	f.signal(syscall.SIGKILL)
	r.wait(time.Second)
	return nil
}

func killAll(r *round) error {
	var wg sync.WaitGroup
	for _, n := range r.cluster.cores {
		wg.Go(func() { n.signal(syscall.SIGKILL) })
	}
	wg.Wait()
	r.wait(1500 * time.Millisecond)
	return nil
}

// pauseLeader stops the leader until another one has decided something, asks it while it cannot answer
// and again as it wakes: what it says then has to be true.
func pauseLeader(r *round) error {
	l, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	l.pause()
	defer l.signal(syscall.SIGCONT)
	if err := r.otherLeads(l); err != nil {
		return err
	}
	r.wait(500 * time.Millisecond)
	return r.askAwaking(l, 12)
}

// otherLeads waits until another core leads.
func (r *round) otherLeads(old *core) error {
	return until(r.ctx, "another leader", func() bool {
		n, _ := r.cluster.view(r.ctx)
		return n != nil && n != old
	})
}

// askAwaking sends exact reads to a stopped core, wakes it, and sends some more. They are recorded like
// every read; what the old leader answers from before is illegal.
func (r *round) askAwaking(l *core, reads int) error {
	var wg sync.WaitGroup
	ask := func() {
		op := history.Op{Client: 1000, Object: r.load.SKU(r.rng.IntN(4)), Action: history.Read, Node: l.id, Call: r.recorder.Now()}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
			defer cancel()
			s, err := r.cluster.merch.Stock(ctx, l.node(), op.Object)
			r.count.asked.Add(1)
			if err != nil {
				return
			}
			r.count.told.Add(1)
			op.Return, op.Outcome, op.OnHand = r.recorder.Now(), history.Done, s.OnHand
			r.recorder.Add(op)
		})
	}
	for range reads / 2 {
		ask()
	}
	r.wait(20 * time.Millisecond) // they are in its socket buffers by then
	l.signal(syscall.SIGCONT)
	for range reads / 2 {
		ask()
	}
	wg.Wait()
	return nil
}

// transfer hands leadership on a few times.
func transfer(r *round) error {
	for range 3 {
		l, err := r.cluster.leader(r.ctx)
		if err != nil {
			return err
		}
		f, err := r.follower()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
		_, err = workload.Ask(ctx, r.cluster.operator, l.node(), api.ClusterLead, api.MemberChange{ID: f.id})
		cancel()
		r.note("hand on to %s: %v", f.id, err)
		r.wait(400 * time.Millisecond)
	}
	return nil
}

// changeMembers takes a vote, gives it back, and removes a core for good, under load.
func changeMembers(r *round) error {
	l, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	var others []*core
	for _, n := range r.cluster.cores {
		if n != l {
			others = append(others, n)
		}
	}
	r.rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	learner, gone := others[0], others[1]
	if r.rng.IntN(2) == 0 {
		gone = l // it hands on first
	}
	r.removed = gone // also if a later step fails
	for _, step := range []func() error{
		func() error { return r.member(api.ClusterJoin, api.MemberChange{ID: learner.id, Role: "learner"}) },
		func() error { return r.depose(gone, others[2]) },
		func() error { return r.member(api.ClusterJoin, api.MemberChange{ID: gone.id, Role: "learner"}) },
		func() error { return r.member(api.ClusterRemove, api.MemberChange{ID: gone.id}) },
		func() error { return r.member(api.ClusterJoin, api.MemberChange{ID: learner.id, Role: "voter"}) },
	} {
		if err := step(); err != nil {
			return err
		}
		r.wait(300 * time.Millisecond)
	}
	_, v := r.cluster.view(r.ctx)
	for _, m := range v.Members {
		if m.ID == gone.id {
			return fmt.Errorf("%s was removed and is still a member", gone.id)
		}
	}
	return nil
}

// member changes the membership until the answer is known: an open change is asked for again, and one
// that has happened already is refused as such.
func (r *round) member(ep api.Endpoint[api.MemberChange, api.Cluster], change api.MemberChange) error {
	var last error
	err := until(r.ctx, "a change of members", func() bool {
		l, v := r.cluster.view(r.ctx)
		if l == nil {
			return false
		}
		if changed(v, ep.Name, change) {
			return true
		}
		ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
		defer cancel()
		_, last = workload.Ask(ctx, r.cluster.operator, l.node(), ep, change)
		return false
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// depose makes a core hand on to another for as long as it leads.
func (r *round) depose(n, to *core) error {
	return until(r.ctx, n.id+" to hand on", func() bool {
		l, _ := r.cluster.view(r.ctx)
		if l == n {
			ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
			defer cancel()
			_, err := workload.Ask(ctx, r.cluster.operator, l.node(), api.ClusterLead, api.MemberChange{ID: to.id})
			r.note("hand on to %s: %v", to.id, err)
		}
		return l != nil && l != n
	})
}

// changed reports whether a change of members is in effect.
func changed(v api.Cluster, endpoint string, change api.MemberChange) bool {
	role := ""
	for _, m := range v.Members {
		if m.ID == change.ID {
			role = m.Role
		}
	}
	if endpoint == api.ClusterRemove.Name {
		return role == ""
	}
	return role == change.Role
}

// fallBehind stops a follower while snapshots cut the log away behind the others, then the leader dies too.
func fallBehind(r *round) error {
	f, err := r.follower()
	if err != nil {
		return err
	}
	f.pause()
	r.wait(1200 * time.Millisecond)
	f.signal(syscall.SIGCONT)
	r.wait(300 * time.Millisecond)
	return killLeader(r)
}

// storm draws faults and heals them in no order: a new one comes before the last one is over.
func storm(r *round) error {
	cores := r.cluster.cores
	for range 6 {
		n := cores[r.rng.IntN(len(cores))]
		var err error
		switch r.rng.IntN(6) {
		case 0:
			n.signal(syscall.SIGKILL)
		case 1:
			n.pause()
			back := r.between(200, 900)
			time.AfterFunc(back, func() { n.signal(syscall.SIGCONT) })
		case 2:
			err = r.cluster.net.part([]int{r.index(n)}, r.others(r.index(n)))
		case 3:
			err = r.cluster.net.deafen(r.index(n), r.others(r.index(n))...)
		case 4:
			err = r.cluster.net.lose(20)
		case 5:
			if l, _ := r.cluster.view(r.ctx); l != nil {
				l.signal(syscall.SIGKILL)
			}
		}
		if err != nil {
			return err
		}
		r.wait(r.between(100, 600))
		if r.rng.IntN(2) == 0 {
			if err := r.cluster.net.heal(); err != nil {
				return err
			}
		}
	}
	for _, n := range cores {
		n.signal(syscall.SIGCONT)
	}
	return r.cluster.net.heal()
}

//go:build linux

package chaos

import (
	"errors"
	"time"
)

// index is the number of a core.
func (r *round) index(n *core) int {
	for i, c := range r.cluster.cores {
		if c == n {
			return i
		}
	}
	return -1
}

// others are the numbers of all cores but these.
func (r *round) others(but ...int) (all []int) {
next:
	for i := range r.cluster.cores {
		for _, b := range but {
			if i == b {
				continue next
			}
		}
		all = append(all, i)
	}
	return all
}

// disturb runs a disturbance of the leader's network and heals it.
func (r *round) disturb(f func(leader int) error) error {
	l, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	err = f(r.index(l))
	r.wait(r.between(800, 1500))
	return errors.Join(err, r.cluster.net.heal())
}

// deposed makes sure that a disturbance had its effect: somebody else leads before it is healed.
func (r *round) deposed(l int, err error) error {
	if err != nil {
		return err
	}
	return r.otherLeads(r.cluster.cores[l])
}

func cutLeader(r *round) error {
	return r.disturb(func(l int) error { return r.deposed(l, r.cluster.net.part([]int{l}, r.others(l))) })
}

func deafLeader(r *round) error {
	return r.disturb(func(l int) error { return r.cluster.net.deafen(l, r.others(l)...) })
}

func muteLeader(r *round) error {
	return r.disturb(func(l int) error {
		var errs []error
		for _, o := range r.others(l) {
			errs = append(errs, r.cluster.net.deafen(o, l))
		}
		return r.deposed(l, errors.Join(errs...))
	})
}

func split(r *round) error {
	return r.disturb(func(l int) error {
		rest := r.others(l)
		small := []int{l, rest[r.rng.IntN(len(rest))]}
		return r.deposed(l, r.cluster.net.part(small, r.others(small...)))
	})
}

func cutFollower(r *round) error {
	f, err := r.follower()
	if err != nil {
		return err
	}
	err = r.cluster.net.alone(r.index(f))
	r.wait(r.between(1000, 1800))
	return errors.Join(err, r.cluster.net.heal())
}

func loss(r *round) error {
	err := r.cluster.net.lose(30)
	r.wait(2 * time.Second)
	return errors.Join(err, r.cluster.net.heal())
}

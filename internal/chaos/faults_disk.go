//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// fsyncError lets one fsync of a core fail. It must end: a second fsync of the same file may report
// success for pages that the kernel has dropped.
func fsyncError(r *round) error {
	n, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	if r.rng.IntN(2) == 0 {
		if n, err = r.follower(); err != nil {
			return err
		}
	}
	before := len(n.ended())
	t, err := n.tamper(fmt.Sprintf("error=EIO:when=%d", 1+r.rng.IntN(20)))
	if err != nil {
		return err
	}
	defer t.end()
	if err := until(r.ctx, n.id+" to end after an fsync that failed", func() bool { return len(n.ended()) > before }); err != nil {
		return err
	}
	r.wait(700 * time.Millisecond)
	return nil
}

func fsyncSlow(r *round) error {
	l, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	t, err := l.tamper("delay_exit=200000")
	if err != nil {
		return err
	}
	defer t.end()
	r.wait(1800 * time.Millisecond)
	return nil
}

// diskFull fills the disk of a core under its feet, and makes room again. A core that cannot write
// ends, and is started again in vain until there is room.
func diskFull(r *round) error {
	n, err := r.cluster.leader(r.ctx)
	if err != nil {
		return err
	}
	if r.rng.IntN(2) == 0 {
		if n, err = r.follower(); err != nil {
			return err
		}
	}
	free, err := fill(n.pid(), n.dir)
	if err != nil {
		return err
	}
	err = until(r.ctx, n.id+" to end on a full disk", func() bool { return len(n.ended()) > 0 })
	r.wait(time.Second)
	return errors.Join(err, free())
}

// powerCut stops every core at one moment, forgets what was not synced by then, and starts them again.
func powerCut(r *round) error {
	all := r.cluster.cores
	side := func(f func(*core) error) error {
		errs := make([]error, len(all))
		var wg sync.WaitGroup
		for i, n := range all {
			wg.Go(func() { errs[i] = f(n) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	if err := side(func(n *core) error { n.pause(); return nil }); err != nil {
		return err
	}
	r.wait(100 * time.Millisecond) // what is in the kernel already ends
	err := side(func(n *core) error {
		if err := keepSynced(n.pid(), n.dir); err != nil {
			n.signal(syscall.SIGCONT)
			return err
		}
		n.whileDown(func() error { return cutPower(n.dir) })
		n.signal(syscall.SIGKILL)
		return nil
	})
	if err != nil {
		return err
	}
	r.wait(1500 * time.Millisecond)
	return nil
}

// powerSnapshots cuts the power just when a core that fell behind gets a snapshot.
func powerSnapshots(r *round) error {
	f, err := r.follower()
	if err != nil {
		return err
	}
	f.pause()
	r.wait(900 * time.Millisecond)
	f.signal(syscall.SIGCONT)
	r.wait(r.between(0, 150))
	return powerCut(r)
}

// LyingDisk is a power cut of cores whose fsync does nothing and reports success. It is no fault to
// survive: it shows that a power cut finds what was not synced.
func LyingDisk() Fault {
	return Fault{Name: "lying-disk", What: "fsync does nothing, then a power cut", needs: needMounts | needStrace, alone: true, exits: true,
		shape: func(s *shape) { s.disk = diskImage },
		run: func(r *round) error {
			for _, n := range r.cluster.cores {
				t, err := n.tamper("retval=0")
				if err != nil {
					return err
				}
				defer t.end()
			}
			// On a slow machine a second may pass without anything that could be lost, or without anybody who misses it.
			r.wait(time.Second)
			if err := r.work(100); err != nil {
				return err
			}
			if err := powerCut(r); err != nil {
				return err
			}
			return r.work(100)
		}}
}

// work waits until the load has got so many more answers.
func (r *round) work(answers int) error {
	from := r.load.Stats().Done
	return until(r.ctx, "the load to get answers", func() bool { return r.load.Stats().Done >= from+answers })
}

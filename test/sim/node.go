package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	corenode "meridian/cmd/core/node"
	"meridian/core"
	"meridian/replication"
)

// machine is one computer: it keeps its disk and its clock over crashes.
type computer struct {
	c     *cluster
	id    string
	disk  *disk
	clock *nodeClock
	state []byte // the state file while the node is down; nil: none
	runs  int
	up    atomic.Pointer[incarnation]
	// booting is a process that is on its way up.
	booting *incarnation
	// reboot says that the page cache is lost before the next start.
	reboot bool
}

// incarnation is one process on a computer.
type incarnation struct {
	on      *computer
	name    string
	machine *core.Machine
	raft    *replication.Node
	service *core.Service
	h       handle
	tr      *transport
	path    string
	gone    chan struct{} // closed when the process is gone: its answers reach nobody
	told    atomic.Bool   // its end was reported
}

// exit is a process that ended itself.
type exit struct {
	inc    *incarnation
	reason error
}

// boot starts a process beside the run: with a slow disk it takes its time. The disk and the state file
// are what the last end left.
func (n *computer) boot() {
	if n.up.Load() != nil || n.booting != nil {
		return
	}
	n.runs++
	inc := &incarnation{on: n, name: fmt.Sprintf("%s/%d", n.id, n.runs), h: n.disk.attach(), gone: make(chan struct{})}
	inc.path = filepath.Join(n.c.dir, fmt.Sprintf("%s-%d.db", n.id, n.runs))
	n.booting = inc
	n.clock.restart()
	founding, state := n.c.founding, n.state
	go func() { n.c.boots <- booted{inc, inc.open(founding, state)} }()
}

// booted is a process that is up, or that could not start.
type booted struct {
	inc *incarnation
	err error
}

func (inc *incarnation) open(founding bool, state []byte) error {
	n := inc.on
	if state != nil {
		if err := os.WriteFile(inc.path, state, 0o600); err != nil {
			return err
		}
	}
	logger := n.c.trace.logger(inc.name)
	var err error
	inc.machine, err = core.OpenMachine(core.MachineConfig{
		Path: inc.path, InitialMmapSize: 1 << 26, CheckpointEvery: n.c.shape.Checkpoint, Clock: n.clock, Logger: logger,
		Fail: func(err error) {
			inc.ends(fmt.Errorf("state machine: %w", err))
			// The process would end here. Its goroutine ends instead, and leaves no lock behind.
			runtime.Goexit()
		},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", inc.name, err)
	}
	if n.c.o.Machine != nil {
		n.c.o.Machine(inc.machine)
	}
	log, err := openLog(inc.h)
	if err != nil {
		return fmt.Errorf("%s: open log: %w", inc.name, errors.Join(err, inc.machine.Close()))
	}
	inc.tr = n.c.net.attach(raft.ServerAddress(n.id))
	lead, joined := (func(context.Context))(nil), make(chan struct{})
	cfg := replication.Config{
		ID: n.id, Region: n.id, Logger: logger, Transport: inc.tr, Stores: &replication.Stores{Log: log, Stable: log, Snapshots: openSnapshots(inc.h)},
		HeartbeatTimeout: n.c.shape.Heartbeat, ElectionTimeout: n.c.shape.Heartbeat, LeaderLease: n.c.shape.Heartbeat * 2 / 3, CommitTimeout: n.c.shape.Commit,
		SnapshotInterval: 20 * time.Second, SnapshotThreshold: n.c.shape.Threshold, SnapshotTrailing: n.c.shape.Trailing,
		Exit: func(_ int, reason error) { inc.ends(reason); runtime.Goexit() },
		Lead: func(ctx context.Context) {
			select {
			case <-joined:
				lead(ctx)
			case <-ctx.Done():
			}
		},
	}
	if founding {
		cfg.Bootstrap = n.c.founders()
	}
	if n.c.o.Replication != nil {
		n.c.o.Replication(&cfg)
	}
	inc.raft, err = replication.Open(cfg, watched{corenode.MachineOf(inc.machine), inc.machine, n.c.truth, inc.name})
	if err != nil {
		return fmt.Errorf("%s: %w", inc.name, errors.Join(err, inc.machine.Close()))
	}
	inc.service, err = core.NewService(core.ServiceConfig{ID: n.id, Region: n.id, Machine: inc.machine, Log: corenode.LogOf(inc.raft), Keyring: n.c.keyring, Payments: n.c.pay, Logger: logger})
	if err != nil {
		return err
	}
	lead = func(ctx context.Context) {
		if err := inc.service.EnsureStaff(ctx, staff); err != nil && ctx.Err() == nil {
			n.c.trace.add("%s: create staff: %v", inc.name, err)
		}
		inc.service.Lead(ctx)
	}
	close(joined)
	return nil
}

// ends reports that the process wants to end, once.
func (inc *incarnation) ends(reason error) {
	if inc.told.CompareAndSwap(false, true) {
		inc.on.c.exits <- exit{inc, reason}
	}
}

// image reads the state file at an instant. While no entry is applied, at most one checkpoint commits,
// and it never writes over pages that the one before it refers to.
func (inc *incarnation) image() (b []byte) {
	inc.machine.View(func() {
		var err error
		if b, err = readUsed(inc.path); err != nil {
			inc.on.c.trace.violated("%s: read the state file: %v", inc.name, err)
		}
	})
	return b
}

const (
	pageBytes = 4096
	// highWater is where a meta page of bbolt says how many pages are in use, behind the page's header, four
	// 32-bit numbers, the root and the freelist.
	highWater = 16 + 4*4 + 16 + 8
)

// readUsed reads a state file without the space that bbolt has set aside at its end.
func readUsed(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var metas [2 * pageBytes]byte
	if _, err := io.ReadFull(f, metas[:]); err != nil {
		return nil, err
	}
	pages := max(binary.LittleEndian.Uint64(metas[highWater:]), binary.LittleEndian.Uint64(metas[pageBytes+highWater:]))
	b := make([]byte, pages*pageBytes)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	copy(b, metas[:]) // read before the pages, so that no page in use was written since
	return b[:n], err
}

// crash ends the process at this instant. power says that the machine loses what was not synced.
func (n *computer) crash(power bool) {
	inc := n.up.Swap(nil)
	if inc == nil {
		return
	}
	n.end(inc, power)
	n.c.bury(inc)
}

// end takes a process off its computer, which keeps what the process left.
func (n *computer) end(inc *incarnation, power bool) {
	inc.told.Store(true) // what it says from now on is of no interest
	inc.h.detach()
	if inc.tr != nil {
		_ = inc.tr.Close()
	}
	close(inc.gone)
	synctest.Wait() // whatever can still happen without time or disk has happened
	n.state = inc.image()
	if power || n.reboot {
		n.disk.powerCut()
		if err := inc.machine.Checkpoint(); err == nil { // the one that the power cut interrupts
			n.state = tornState(n.disk.rng, n.state, inc.image())
		}
	}
	n.reboot = false
}

// tornState is a state file after a power cut in the middle of the checkpoint that leads from before to
// after: some sectors of its data under the old meta page, or all of them under meta pages written in part.
func tornState(rng interface {
	IntN(int) int
	Float64() float64
}, before, after []byte) []byte {
	image := append([]byte(nil), before...)
	image = append(image, make([]byte, max(0, len(after)-len(before)))...)
	chance := rng.Float64()
	mix := func(from, to, unit int) {
		for at := from; at < to; at += unit {
			if rng.Float64() < chance {
				copy(image[at:min(at+unit, to)], after[at:min(at+unit, to)])
			}
		}
	}
	if rng.IntN(2) == 0 {
		mix(2*pageBytes, len(after), sectorBytes)
		return image
	}
	copy(image[2*pageBytes:], after[2*pageBytes:])
	mix(0, 2*pageBytes, 1)
	return image
}

// bury stops the goroutines of a process that is gone, in its own time.
func (c *cluster) bury(inc *incarnation) {
	c.graves.Go(func() {
		if inc.service != nil {
			inc.service.Close()
		}
		if inc.raft != nil {
			r := inc.raft.Stats()
			c.count(func(s *Stats) {
				s.Elections, s.Snapshots, s.Restores = s.Elections+r.LeaderChanges, s.Snapshots+r.Snapshots, s.Restores+r.Restores
			})
			_ = inc.raft.Close()
		}
		_ = inc.machine.Close()
		if err := os.Remove(inc.path); err != nil {
			c.trace.violated("%s: %v", inc.name, err)
		}
	})
}

// expected says whether a process may end for this reason: its disk failed, or it found a fault of the
// consensus library that a restart cures.
func expected(reason error) bool {
	s := reason.Error()
	for _, ok := range []string{errIO.Error(), "the disk did not answer", "raft is stuck behind index", "would leave a hole", "raft refuses entries since"} {
		if strings.Contains(s, ok) {
			return true
		}
	}
	return false
}

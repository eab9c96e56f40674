package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"meridian/backup"
	"meridian/cmd/core/node"
	"meridian/core"
	"meridian/core/state"
	"meridian/internal/durable"
	"meridian/internal/flagenv"
	"meridian/replication"
)

// restoreOptions are the settings of `core restore`.
type restoreOptions struct {
	options
	s3       bucketFlags
	from     string
	toIndex  uint64
	toTime   string
	timeline uint
	dryRun   bool
	checks   bool // core check, whose flag for the place is another
	moment   time.Time
}

// restore makes the data directory of a first node out of a backup.
func restore(ctx context.Context, args []string) error {
	o, err := parseRestore(args)
	if err != nil {
		return err
	}
	bucket, err := o.s3.open("from", o.from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(o.data)), 0o700); err != nil {
		return flagenv.Errorf("data", "%v", err)
	}
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	plan, err := planRestore(ctx, bucket, o)
	if err != nil {
		return err
	}
	say("timeline %d of %s: full backup at index %d (%s), then the log up to %d", plan.timeline.Number, o.from, plan.base.Index, clock(plan.base.TimeMS), plan.timeline.End())
	if hole, ok := plan.timeline.Hole(); ok && o.toIndex == 0 && o.moment.IsZero() {
		return fmt.Errorf("%w: %v; if they are nowhere else, --to-index %d restores what is before", backup.ErrMissing, hole, plan.to)
	}
	for _, d := range plan.timeline.Damaged {
		say("DAMAGED: %v", d)
	}
	// A directory beside the real one: whatever fails leaves nothing that could be taken for a state.
	work, err := os.MkdirTemp(filepath.Dir(filepath.Clean(o.data)), ".restore-")
	if err != nil {
		return flagenv.Errorf("data", "%v", err)
	}
	defer os.RemoveAll(work)
	r := &restoring{plan: plan, bucket: bucket, from: o.from, say: say}
	if err := r.state(ctx, filepath.Join(work, "state.db"), o.dryRun); err != nil {
		return err
	}
	if o.dryRun {
		return r.machine.Close()
	}
	err = r.machine.BeginTimeline(plan.next, time.Now())
	if err == nil {
		err = replication.Seed(replication.Config{ID: o.id, Region: o.region, Dir: work, Bootstrap: o.peers, LogKind: replication.LogKind(o.raftLog), Logger: slog.New(slog.DiscardHandler)}, seeded{r.machine})
	}
	if err = errors.Join(err, r.machine.Close()); err != nil {
		return err
	}
	if err := node.Claim(work, o.id); err != nil {
		return err
	}
	if err := adopt(work, o.data); err != nil {
		return err
	}
	say("%s is ready: timeline %d begins after index %d of timeline %d", o.data, plan.next, r.reached, plan.timeline.Number)
	say("start this node as usual; every other one joins it with an empty data directory and --join, and is promoted (core members)")
	say("nothing is sold until the provider's charges were compared with the orders: this node's log says when, and what was found")
	return nil
}

func parseRestore(args []string) (o restoreOptions, err error) {
	fs := flag.NewFlagSet("core restore", flag.ContinueOnError)
	o.s3.add(fs)
	fs.StringVar(&o.from, "from", "", "where the backups are, s3://bucket/prefix")
	fs.StringVar(&o.data, "data", "data/core", "data directory to make; it must be empty or missing")
	fs.Uint64Var(&o.toIndex, "to-index", 0, "restore the state after this entry of the log; 0: everything")
	fs.StringVar(&o.toTime, "to-time", "", "restore the state as it was then, such as 2026-05-04T10:15:00Z; empty: everything")
	fs.UintVar(&o.timeline, "timeline", 0, "the timeline to restore; 0: the newest")
	fs.BoolVar(&o.dryRun, "dry-run", false, "do everything but keep the result, and say what would be lost")
	fs.StringVar(&o.id, "id", "core-1", "name of the node that begins with the state")
	fs.StringVar(&o.region, "region", "local", "region of that node")
	fs.StringVar(&o.raftAddr, "raft-addr", "127.0.0.1:8110", "by which address the other nodes will call it")
	fs.StringVar(&o.apiAddr, "api-addr", "127.0.0.1:8100", "by which address edges will call it")
	fs.StringVar(&o.raftLog, "raft-log", string(replication.LogBolt), "what will keep the log: boltdb or wal")
	if err := flagenv.Parse(fs, "CORE", args); err != nil {
		return o, err
	}
	if o.from == "" {
		return o, flagenv.Errorf("from", "give s3://bucket/prefix, what --backup was on the lost cores")
	}
	if o.toTime != "" {
		if o.toIndex != 0 {
			return o, flagenv.Errorf("to-time", "give either this or --to-index")
		}
		if o.moment, err = time.Parse(time.RFC3339Nano, o.toTime); err != nil {
			return o, flagenv.Errorf("to-time", "%q is not a time such as 2026-05-04T10:15:00Z", o.toTime)
		}
	}
	if found, err := os.ReadDir(o.data); err == nil && len(found) > 0 {
		return o, flagenv.Errorf("data", "%s is not empty: move it away first, it may be the best copy there is", o.data)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return o, flagenv.Errorf("data", "%v", err)
	}
	for name, addr := range map[string]string{"raft-addr": o.raftAddr, "api-addr": o.apiAddr} {
		host, port, err := net.SplitHostPort(addr)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || net.ParseIP(host).IsUnspecified() {
			return o, flagenv.Errorf(name, "%q is not host:port, the address by which the others will call this node", addr)
		}
	}
	if k := replication.LogKind(o.raftLog); k != replication.LogBolt && k != replication.LogWAL {
		return o, flagenv.Errorf("raft-log", "give %s or %s", replication.LogBolt, replication.LogWAL)
	}
	if err := o.named(); err != nil {
		return o, err
	}
	// One node alone: a voter with an empty directory would be refused, having forgotten what it voted for.
	return o, o.parsePeers("", "")
}

// adopt gives the finished directory its name.
func adopt(work, data string) error {
	if err := os.Remove(data); err != nil && !errors.Is(err, os.ErrNotExist) { // empty, or somebody was faster
		return flagenv.Errorf("data", "%v", err)
	}
	if err := os.Rename(work, data); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(filepath.Clean(data)))
}

// restoring is a restore under way.
type restoring struct {
	plan
	bucket  *backup.Bucket
	from    string // where that is
	machine *core.Machine
	damaged []error // full backups that were gone round
	say     func(string, ...any)
	reached uint64
	failure error // of applying
}

// rebuild makes the state out of the full backup and the log. The machine is open when there is no error.
func (r *restoring) rebuild(ctx context.Context, path string) (err error) {
	if r.machine, err = core.OpenMachine(core.MachineConfig{Path: path, Fail: func(err error) { r.failure = err }}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.machine.Close())
		}
	}()
	if err := r.full(ctx); err != nil {
		return err
	}
	r.reached = r.base.Index
	err = r.bucket.Segments(ctx, r.chain, r.timeline.Number, r.segment)
	if errors.Is(err, errReached) {
		return nil
	}
	if err == nil && r.after != 0 {
		err = fmt.Errorf("%w: the log ends at index %d, %s, and goes on after --to-time with a full backup; give --to-time up to then, or --to-index %d",
			backup.ErrMissing, r.reached, clock(r.machine.Summary().NowMS), r.after)
	}
	return err
}

// full loads the full backup; where that is damaged, an older one with more of the log does as well.
func (r *restoring) full(ctx context.Context) error {
	for {
		err := r.loadFull(ctx)
		if !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrMissing) && !errors.Is(err, state.ErrCorrupt) {
			return err
		}
		r.damaged = append(r.damaged, fmt.Errorf("the full backup of index %d, %s: %w", r.base.Index, clock(r.base.TimeMS), err))
		older, chain, ok := r.timeline.Older(r.base, r.to)
		if !ok {
			hint := "there is no older one in this timeline"
			for _, f := range r.timeline.Fulls {
				if at := r.timeline.Reach(f); f.Index < r.base.Index && at < r.to {
					hint = fmt.Sprintf("the log from an older one leads to --to-index %d", at)
				}
			}
			return fmt.Errorf("%w; %s; core backup list --from %s shows what else there is", oneLine(r.damaged), hint, r.from)
		}
		r.say("DAMAGED: %v", r.damaged[len(r.damaged)-1])
		r.say("the full backup of index %d and the log from there lead to the same state: using these", older.Index)
		r.base, r.chain, r.failure = older, chain, nil
	}
}

// oneLine joins errors in a sentence; nil if there are none.
func oneLine(all []error) (err error) {
	for _, e := range all {
		if err == nil {
			err = e
		} else {
			err = fmt.Errorf("%w; %w", err, e)
		}
	}
	return err
}

func (r *restoring) loadFull(ctx context.Context) error {
	stream, err := r.bucket.OpenFull(ctx, r.base)
	if err != nil {
		return err
	}
	heard := &listening{r: stream}
	err = r.machine.RestoreBackup(heard, r.base.Hash)
	if heard.err != nil && !errors.Is(heard.err, backup.ErrDamaged) {
		err = fmt.Errorf("read the full backup of index %d, try again: %v", r.base.Index, heard.err) // no word on what is stored
	}
	return errors.Join(err, stream.Close())
}

// listening keeps the error that a reader failed with.
type listening struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (l *listening) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

// state rebuilds the state and verifies all of it. In a dry run it goes on to the end, to say what
// would be lost.
func (r *restoring) state(ctx context.Context, path string, dry bool) (err error) {
	if err := r.rebuild(ctx, path); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.machine.Close())
		}
	}()
	if err := r.verify(); err != nil {
		return err
	}
	kept := r.machine.Summary()
	r.say("restored up to index %d (%s): %d orders, %d customers, %d products; every invariant holds", r.reached, clock(kept.NowMS), kept.Orders, kept.Customers, kept.Products)
	if r.reached == r.timeline.End() {
		return nil
	}
	if !dry {
		r.say("this leaves behind %d indexes (%d to %d), and the money of the orders in them goes back once the node serves; --dry-run says how many", r.timeline.End()-r.reached, r.reached+1, r.timeline.End())
		return nil
	}
	// What would be lost: the rest is applied, counted and thrown away.
	r.to, r.moment = r.timeline.End(), 0
	rest, err := r.timeline.Chain(r.reached, r.to)
	if err != nil {
		r.say("what this would leave behind cannot be counted: %v", err)
		return nil
	}
	from := r.reached
	if err := r.bucket.Segments(ctx, rest, r.timeline.Number, r.segment); err != nil && !errors.Is(err, errReached) {
		return err
	}
	all := r.machine.Summary()
	r.say("this would leave behind %d indexes (%d to %d, up to %s), with %d orders and %d customers", r.reached-from, from+1, r.reached, clock(all.NowMS), all.Orders-kept.Orders, all.Customers-kept.Customers)
	return r.failure
}

// errReached ends the reading of segments.
var errReached = errors.New("reached")

// segment applies the entries of a segment as far as they are wanted.
func (r *restoring) segment(s backup.Segment) error {
	for _, e := range s.Entries {
		if e.Index <= r.reached {
			continue
		}
		header, commands, err := replication.Decode(e.Data)
		if err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		at, err := core.EntryTime(header)
		if err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		if e.Index > r.to || (r.moment != 0 && at > r.moment) {
			return errReached
		}
		r.machine.Apply(e.Index, e.Term, header, commands)
		if r.failure != nil {
			return fmt.Errorf("entry %d: %w", e.Index, r.failure)
		}
		r.reached = e.Index
	}
	if s.To > r.to {
		return errReached
	}
	r.machine.Reached(s.To)
	r.reached = max(r.reached, s.To)
	return nil
}

// verify reads everything again.
func (r *restoring) verify() error {
	report, err := r.machine.Check()
	if err = errors.Join(err, r.failure); err != nil {
		return err
	}
	for _, p := range report.Problems {
		r.say("PROBLEM: %s", p)
	}
	if n := len(report.Problems); n > 0 {
		return fmt.Errorf("the restored state has %d problems: nothing was written; try an earlier --to-index", n)
	}
	return nil
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// seeded fits the machine to what Seed asks of it; nothing is applied there.
type seeded struct{ *core.Machine }

var _ replication.Machine = seeded{}

// Apply implements replication.Machine.
func (seeded) Apply([]replication.Entry, uint64) [][]any {
	panic("core restore: a seed applies nothing")
}

// Snapshot implements replication.Machine.
func (s seeded) Snapshot() (replication.Snapshot, error) { return s.Machine.Snapshot() }

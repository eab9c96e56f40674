package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"meridian/internal/flagenv"
	"meridian/test/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-core:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

// options are the settings of a run.
type options struct {
	rounds         int
	seconds        float64
	only, peers    string
	bin, dir, out  string
	seed           uint64
	measured, warm time.Duration
	chosen         []row
	kills          int
	heartbeat      time.Duration
	failover       bool
	overload       bool
}

func parseOptions(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench-core", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 4, "how often everything is measured; the table shows medians")
	fs.Float64Var(&o.seconds, "seconds", 2, "measured time of each run; half as much, at most a second, is warming up")
	fs.StringVar(&o.only, "only", "", "rows to measure, separated by commas: "+strings.Join(groups(), ", ")+", "+failoverGroup+", "+overloadGroup+"; empty: all but the last two")
	fs.IntVar(&o.kills, "kills", 50, "how often the leader is killed for the rows "+failoverGroup)
	fs.DurationVar(&o.heartbeat, "heartbeat", 1500*time.Millisecond, "heartbeat and election time-out of the cores for the rows "+failoverGroup)
	fs.StringVar(&o.peers, "peers", "postgres,redis", "peers to compare with, separated by commas; empty: none, and rows that need one are left out")
	fs.StringVar(&o.bin, "bin", "bin", "directory of the programs core and payments")
	fs.StringVar(&o.dir, "dir", "", "directory for everybody's data, on a real disk; empty: a new one under the system's directory for temporary files")
	fs.StringVar(&o.out, "out", "", "also write the Markdown table to this file, and beside it the same as .tsv")
	fs.Uint64Var(&o.seed, "seed", 0, "seed of SKUs and identities; 0: a new one")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return o, err
	}
	return o, o.complete()
}

// groups are the names that --only knows.
func groups() (out []string) {
	for _, r := range rows() {
		if !slices.Contains(out, r.group) {
			out = append(out, r.group)
		}
	}
	return out
}

func (o *options) complete() error {
	if o.rounds < 1 || o.rounds > 100 {
		return flagenv.Errorf("rounds", "give 1 to 100")
	}
	if o.seconds < 0.1 || o.seconds > 600 {
		return flagenv.Errorf("seconds", "give 0.1 to 600")
	}
	o.measured = time.Duration(o.seconds * float64(time.Second))
	o.warm = min(o.measured/2, time.Second)
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	only, peers := list(o.only), list(o.peers)
	if o.kills < 1 || o.heartbeat < 100*time.Millisecond {
		return flagenv.Errorf("kills", "give at least 1, and a --heartbeat of at least 100ms")
	}
	for _, name := range only {
		if name == failoverGroup {
			o.failover = true
			continue
		}
		if name == overloadGroup {
			o.overload = true
			continue
		}
		if !slices.Contains(groups(), name) {
			return flagenv.Errorf("only", "there are no rows %q; give some of %s", name, strings.Join(groups(), ", ")+", "+failoverGroup+", "+overloadGroup)
		}
	}
	for _, name := range peers {
		if name != tPostgres && name != tRedis {
			return flagenv.Errorf("peers", "there is no peer %q; give some of %s, %s", name, tPostgres, tRedis)
		}
	}
	for _, r := range rows() {
		if (len(only) == 0 || slices.Contains(only, r.group)) && r.possible(peers) {
			o.chosen = append(o.chosen, r)
		}
	}
	if len(o.chosen) == 0 && !o.failover && !o.overload {
		return flagenv.Errorf("only", "these rows need a peer that --peers leaves out")
	}
	return nil
}

// possible says whether the peers that a row needs are there.
func (r row) possible(peers []string) bool {
	for _, t := range targets() {
		if t.peer && len(cellsOf([]row{r}, t.key)) > 0 && !slices.Contains(peers, t.key) {
			return false
		}
	}
	return true
}

func list(s string) (out []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func run(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	b := &bench{opts: o, bin: o.bin, out: os.Stderr, seed: o.seed}
	if err := b.scratch(); err != nil {
		return err
	}
	about := circumstances(b, commandLine(args))
	fmt.Fprint(b.out, about, "\n")
	m, err := b.rounds(ctx, o.chosen)
	ls := lines(o.chosen, m)
	if err == nil && o.failover {
		var more []report.Line
		more, err = b.failovers(ctx)
		ls = append(ls, more...)
	}
	if err == nil && o.overload {
		var more []report.Line
		more, err = b.overloads(ctx)
		ls = append(ls, more...)
	}
	if err != nil {
		return fmt.Errorf("%w\nthe programs' output is kept in %s", err, b.dir)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return err
	}
	return report.Publish(o.out, about, ls)
}

// commandLine is what repeats this run.
func commandLine(args []string) string {
	return strings.TrimSpace("make bench-core BENCH_ARGS=\"" + strings.Join(args, " ") + "\"")
}

// scratch makes the directory for everybody's data. Others than this account go through it.
func (b *bench) scratch() (err error) {
	if b.opts.dir != "" {
		if err := os.MkdirAll(b.opts.dir, 0o755); err != nil {
			return flagenv.Errorf("dir", "%v", err)
		}
	}
	if b.dir, err = os.MkdirTemp(b.opts.dir, "bench-core-"); err != nil {
		return flagenv.Errorf("dir", "%v", err)
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if kind := report.Filesystem(b.dir); kind == "tmpfs" || kind == "ramfs" {
		os.RemoveAll(b.dir)
		return flagenv.Errorf("dir", "is in memory (%s), where an fsync costs nothing; name a directory on a disk", kind)
	}
	return os.Chmod(b.dir, 0o755)
}

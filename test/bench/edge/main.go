package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"meridian/internal/flagenv"
	"meridian/test/bench/process"
	"meridian/test/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-edge:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

// options are the settings of a run.
type options struct {
	rounds, seconds      int
	connections, size    int
	systems, cases       []string
	bin, baseline        string
	memory, out          string
	keep                 bool
	herd, drips, fills   bool
	telemetry            bool
	seed                 uint64
	wrk, nginx, varnishd string // where the programs are
	systemList, caseList string
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case bareCommand, originCommand:
			return servePage(ctx, args[0], args[1:])
		case herdCommand:
			return herdMain(ctx, args[1:])
		case dripsCommand:
			return dripsMain(ctx, args[1:])
		}
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	about := report.NewAbout(strings.TrimSpace("make bench-edge EDGE_ARGS=\"" + strings.Join(args, " ") + "\""))
	b := &bench{o: o}
	defer b.close()
	if err := b.open(ctx); err != nil {
		return b.kept(err)
	}
	b.describe(about)
	fmt.Fprint(os.Stderr, about, "\n")
	err = b.measure(ctx)
	if err == nil && o.herd {
		err = b.herds(ctx)
	}
	if err == nil && o.drips {
		err = b.slowly(ctx)
	}
	if err == nil && o.fills {
		err = b.fills(ctx)
	}
	if err == nil && o.telemetry {
		err = b.telemetry(ctx)
	}
	if err != nil {
		err = b.kept(err)
		about.Item("incomplete", "%v", err)
	}
	return errors.Join(err, b.publish(about))
}

// publish shows what was measured, which may be less than was asked for.
func (b *bench) publish(about *report.About) error {
	tables := about.String()
	if len(b.results) > 0 {
		tables += "\n" + b.own()
	}
	if len(b.herded) > 0 {
		tables += "\n" + b.herdTable()
	}
	return report.Publish(b.o.out, tables, slices.Concat(b.lines(), b.herdLines(), b.dripLines(), b.fillLines(), b.telemetryLines()))
}

func parseOptions(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench-edge", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 8, "how often everything is measured; the table shows medians")
	fs.IntVar(&o.seconds, "seconds", 2, "length of each run, whole seconds")
	fs.StringVar(&o.systemList, "systems", strings.Join(peers, ","), "peers to compare with, separated by commas; empty: none")
	fs.StringVar(&o.caseList, "cases", strings.Join(caseNames(), ","), "what is asked for, separated by commas; besides these: "+herdCase+", 100 and 10,000 at once for a page that nobody has cached; "+dripsCase+", 10,000 connections whose requests trickle in; "+fillsCase+", pages that nobody has cached until the cache is full; "+telemetryCase+", what counters and the log cost")
	fs.StringVar(&o.bin, "bin", "bin", "directory with the programs core, edge and payments")
	fs.StringVar(&o.baseline, "baseline", "", "directory with another build of them, whose edge takes turns; empty: none")
	fs.StringVar(&o.memory, "memory", "/dev/shm", "directory on a file system in memory, for nginx' cache and Varnish's log")
	fs.StringVar(&o.out, "out", "", "also write the Markdown table to this file, and beside it the same as .tsv")
	fs.Uint64Var(&o.seed, "seed", 0, "seed of the page's text; 0: a new one")
	fs.IntVar(&o.connections, "connections", 64, "connections of the load generator")
	fs.IntVar(&o.size, "page-bytes", 25_000, "about how long the finished page is")
	fs.BoolVar(&o.keep, "keep", false, "keep the programs' output, and say where it is")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return o, err
	}
	return o, o.complete()
}

func (o *options) complete() (err error) {
	switch {
	case o.rounds < 1 || o.rounds > 1000:
		return flagenv.Errorf("rounds", "give 1 to 1000")
	case o.seconds < 1 || o.seconds > 600:
		return flagenv.Errorf("seconds", "give 1 to 600")
	case o.connections < 1 || o.connections > 900:
		return flagenv.Errorf("connections", "give 1 to 900; an edge takes 1000 from one address")
	case o.size < 15_000 || o.size > 60_000:
		return flagenv.Errorf("page-bytes", "give 15000 to 60000")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	if o.systems, err = chosen("systems", o.systemList, peers); err != nil {
		return err
	}
	if o.cases, err = chosen("cases", o.caseList, append(caseNames(), herdCase, dripsCase, fillsCase, telemetryCase)); err != nil {
		return err
	}
	for name, on := range map[string]*bool{herdCase: &o.herd, dripsCase: &o.drips, fillsCase: &o.fills, telemetryCase: &o.telemetry} {
		if i := slices.Index(o.cases, name); i >= 0 {
			*on, o.cases = true, slices.Delete(o.cases, i, i+1)
		}
	}
	if len(o.cases) == 0 && !o.herd && !o.drips && !o.fills && !o.telemetry {
		return flagenv.Errorf("cases", "give some of %s", strings.Join(caseNames(), ", "))
	}
	if kind := report.Filesystem(o.memory); kind != "tmpfs" && kind != "ramfs" {
		return flagenv.Errorf("memory", "%s is not in memory (%s); name a directory on a tmpfs", o.memory, kind)
	}
	return o.find()
}

// find looks up what is needed of the system.
func (o *options) find() (err error) {
	const hint = "install the package %s (as root, make bench-edge does), or leave it out with --systems"
	if o.wrk, err = process.Find("wrk", "the load comes from it; install the package wrk (as root, make bench-edge does)"); err != nil {
		return err
	}
	if slices.Contains(o.systems, nginxName) {
		if o.nginx, err = process.Find("nginx", fmt.Sprintf(hint, "nginx"), "/usr/sbin"); err != nil {
			return err
		}
	}
	if slices.Contains(o.systems, varnishName) {
		if o.varnishd, err = process.Find("varnishd", fmt.Sprintf(hint, "varnish"), "/usr/sbin"); err != nil {
			return err
		}
	}
	return nil
}

// chosen reads a list of names.
func chosen(flag, list string, known []string) (out []string, err error) {
	for part := range strings.SplitSeq(list, ",") {
		switch part = strings.TrimSpace(part); {
		case part == "" || slices.Contains(out, part):
		case !slices.Contains(known, part):
			return nil, flagenv.Errorf(flag, "there is no %q; give some of %s", part, strings.Join(known, ", "))
		default:
			out = append(out, part)
		}
	}
	return out, nil
}

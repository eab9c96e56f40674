package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"meridian/internal/flagenv"
)

// options are the settings of a run.
type options struct {
	bin, baseline string
	peer          string
	peerDir       string
	rounds        int
	shoppers      int
	duration      time.Duration
	warmUp        time.Duration
	skus          int
	rtt           time.Duration
	lone          int
	profiles      string
	keep          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "checkout:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.lone > 0 {
		return measureLone(ctx, o)
	}
	var systems []system
	if o.peer == "vendure" {
		systems = append(systems, &vendure{o: o})
	}
	if o.baseline != "" {
		systems = append(systems, &meridian{o: o, bin: o.baseline, label: "baseline"})
	}
	systems = append(systems, &meridian{o: o, bin: o.bin, label: "meridian"})
	for _, s := range systems {
		if err := s.prepare(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
		defer s.close()
	}
	results := map[string][]figures{}
	for n := 1; n <= o.rounds; n++ {
		for _, s := range systems {
			f, err := s.round(ctx, n)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", s.name(), n, err)
			}
			fmt.Printf("%-10s round %d: %s\n", s.name(), n, f)
			results[s.name()] = append(results[s.name()], f)
		}
	}
	report(systems, results)
	return nil
}

// system is something that sells. round measures one window of purchases and verifies what was sold.
type system interface {
	name() string
	prepare(context.Context) error
	round(ctx context.Context, n int) (figures, error)
	close()
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("checkout", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "directory with the programs core, edge and payments")
	fs.StringVar(&o.baseline, "baseline", "", "directory with another build of them, which takes turns; empty: none")
	fs.StringVar(&o.peer, "peer", "vendure", "vendure or none; vendure needs node, npm and PostgreSQL 15")
	fs.StringVar(&o.peerDir, "peer-dir", "", "where the peer is installed; empty: in the user's cache directory")
	fs.IntVar(&o.rounds, "rounds", 4, "rounds for each system")
	fs.IntVar(&o.shoppers, "shoppers", 32, "shoppers who buy at the same time")
	fs.DurationVar(&o.duration, "duration", 10*time.Second, "how long they buy in a round")
	fs.DurationVar(&o.warmUp, "warm-up", 2*time.Second, "how long they buy before that, not counted")
	fs.IntVar(&o.skus, "skus", 100, "different things they buy, in turn")
	fs.DurationVar(&o.rtt, "rtt", 0, "round trip added between cores")
	fs.IntVar(&o.lone, "lone", 0, "instead: so many purchases one after another on an idle cluster; says round trips and log entries")
	fs.StringVar(&o.profiles, "profiles", "", "directory for a processor profile of every process of the last round; it costs some time itself")
	fs.BoolVar(&o.keep, "keep", false, "keep the data directories, and say where they are")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return o, err
	}
	switch {
	case o.peer != "vendure" && o.peer != "none":
		return o, flagenv.Errorf("peer", "give vendure or none")
	case o.rounds < 1 || o.shoppers < 1 || o.skus < 1:
		return o, flagenv.Errorf("rounds", "give at least 1; the same for shoppers and skus")
	}
	if o.peerDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return o, flagenv.Errorf("peer-dir", "there is no cache directory (%v); give one", err)
		}
		o.peerDir = filepath.Join(cache, "meridian", "vendure-"+vendureVersion)
	}
	return o, nil
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"meridian/internal/flagenv"
	"meridian/test/bench/process"
	"meridian/test/bench/report"
)

// options are the settings of a run.
type options struct {
	bin, out string
	rounds   int
	units    int
	rate     float64
	times    float64
	duration time.Duration
	seed     uint64
	keep     bool
	edgeEnv  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) == 3 && os.Args[1] == lookCommand {
		err = look(os.Args[2])
	} else {
		err = run(ctx, os.Args[1:])
	}
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-flash:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench-flash", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "directory with the programs core, edge and payments")
	fs.StringVar(&o.out, "out", "", "also write the Markdown table to this file, and beside it the same as .tsv")
	fs.IntVar(&o.rounds, "rounds", 3, "how often the sale is held; the table shows medians")
	fs.IntVar(&o.units, "units", 1000, "units for sale")
	fs.Float64Var(&o.rate, "rate", 50, "shoppers let in a second")
	fs.Float64Var(&o.times, "times", 10, "shoppers who arrive a second, as a multiple of those let in")
	fs.DurationVar(&o.duration, "duration", 24*time.Second, "how long shoppers arrive")
	fs.Uint64Var(&o.seed, "seed", 0, "seed of the arrivals; 0: a new one")
	fs.BoolVar(&o.keep, "keep", false, "keep the data directories, and say where they are")
	fs.StringVar(&o.edgeEnv, "edge-env", "", "a variable of the first edge's environment, such as GOGC=off")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return o, err
	}
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return o, flagenv.Errorf("rounds", "give 1 to 100")
	case o.units < 1 || o.units > 1_000_000:
		return o, flagenv.Errorf("units", "give 1 to 1000000")
	case !(o.rate >= 1 && o.rate <= 10_000):
		return o, flagenv.Errorf("rate", "give 1 to 10000")
	case !(o.times >= 1 && o.rate*o.times <= 20_000):
		return o, flagenv.Errorf("times", "give at least 1, and at most 20000 arrivals a second")
	case o.duration < 2*time.Second || o.duration > time.Hour:
		return o, flagenv.Errorf("duration", "give 2s to 1h")
	case o.edgeEnv != "" && strings.IndexByte(o.edgeEnv, '=') < 1:
		return o, flagenv.Errorf("edge-env", "give NAME=VALUE")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := process.Leave(edgeCPU); err != nil {
		return err
	}
	about := report.NewAbout(strings.TrimSpace("make bench-flash FLASH_ARGS=\"" + strings.Join(args, " ") + "\""))
	about.Item("seed", "%d", o.seed)
	about.Item("sale", "%d units, %g shoppers let in a second, %g arrive a second for %v on two edges; the first has a processor of its own, all others have the rest", o.units, o.rate, o.rate*o.times, o.duration)
	fmt.Fprint(os.Stderr, about, "\n")
	var rounds []figures
	for n := range o.rounds {
		var f figures
		if f.open, err = round(ctx, o, o.seed+uint64(n), false); err == nil {
			f.room, err = round(ctx, o, o.seed+uint64(n), true)
		}
		if err != nil {
			err = fmt.Errorf("round %d: %w", n+1, err)
			about.Item("incomplete", "%v", err)
			break
		}
		fmt.Fprintf(os.Stderr, "round %d: %s\n", n+1, f)
		rounds = append(rounds, f)
	}
	ls := lines(o, rounds)
	return errors.Join(err, report.Publish(o.out, about.String()+"\n"+report.Markdown(ls), ls))
}

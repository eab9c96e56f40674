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
	"meridian/test/bench/report"
)

// aloneShare is by how much slower journeys begin that are measured alone: fifty sign-ins a second would be more than two processors carry.
const aloneShare = 8

type options struct {
	bin, out string
	things   int
	first    float64
	growth   float64
	step     time.Duration
	limit    time.Duration
	seed     uint64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "directory with the programs core, edge and payments")
	fs.StringVar(&o.out, "out", "docs/CAPACITY.md", "file for the report; empty: only to the screen")
	fs.IntVar(&o.things, "products", 2000, "products in the shop")
	fs.Float64Var(&o.first, "first", 50, "journeys a second in the first step")
	fs.Float64Var(&o.growth, "growth", 1.3, "each step has so many times the one before")
	fs.DurationVar(&o.step, "step", 10*time.Second, "length of a step, after a fifth of it that is not counted")
	fs.DurationVar(&o.limit, "limit", time.Second, "the knee is where the p99 of a journey's slowest answer is beyond this, or journeys fail")
	fs.Uint64Var(&o.seed, "seed", 0, "seed of the shoppers; 0: a new one")
	if err := flagenv.Parse(fs, "LOAD", args); err != nil {
		return o, err
	}
	switch {
	case o.things < 10 || o.things > 100_000:
		return o, flagenv.Errorf("products", "give 10 to 100000")
	case !(o.first >= 1 && o.first <= 100_000):
		return o, flagenv.Errorf("first", "give 1 to 100000")
	case !(o.growth > 1 && o.growth <= 10):
		return o, flagenv.Errorf("growth", "give more than 1, at most 10")
	case o.step < time.Second || o.step > time.Hour:
		return o, flagenv.Errorf("step", "give 1s to 1h")
	case o.limit <= 0 || o.limit > patience:
		return o, flagenv.Errorf("limit", "give more than 0s, at most %v", patience)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	about := report.NewAbout(strings.TrimSpace("make load LOAD_ARGS=\"" + strings.Join(args, " ") + "\""))
	about.Item("seed", "%d", o.seed)
	fmt.Fprint(os.Stderr, about, "\nopening a shop with ", o.things, " products\n")
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	took, err := s.warm()
	if err != nil {
		return err
	}
	about.Item("caches", "filled before, in %v", took.Round(100*time.Millisecond))
	if err := s.rest(ctx, o.step); err != nil {
		return err
	}
	r := result{o: o, idle: s.idle}
	for _, j := range journeys() { // alone, at a rate that is far from the knee: what one costs
		f, err := s.step(ctx, o.first/aloneShare, o.step, []journey{{j.name, 1, j.what, j.walk}})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%-8s alone: %s\n", j.name, f)
		r.alone = append(r.alone, f)
	}
	for rate := o.first; ctx.Err() == nil; rate *= o.growth {
		f, err := s.step(ctx, rate, o.step, journeys())
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%6.0f a second: %s\n", rate, f)
		r.steps = append(r.steps, f)
		if !f.carried(o.limit) {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	text := r.markdown(about.String())
	fmt.Print(text)
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(text), 0o644)
}

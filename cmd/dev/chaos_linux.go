package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"meridian/internal/chaos"
	"meridian/internal/flagenv"
)

// runChaos breaks real cores.
func runChaos(ctx context.Context, args []string, out io.Writer) error {
	c := chaos.Config{Say: printer(out)}
	fs := newFlags("chaos", out)
	fs.StringVar(&c.Programs, "programs", "bin", "`directory` of the programs core and payments")
	fs.StringVar(&c.Dir, "dir", "", "`directory` to work in; failed rounds are kept there; default the system's for temporary files")
	fs.IntVar(&c.Rounds, "rounds", 200, "rounds to play")
	fs.Uint64Var(&c.Seed, "seed", 1, "seed of the first round; each one after it has one more")
	fs.IntVar(&c.Trials, "trials", 1000, "how often a stopped leader wakes and is asked")
	names := fs.String("faults", "", "`names` of faults that take turns, separated by commas; empty: all")
	exactly := fs.String("exactly", "", "`names` of the faults of every round, together; to play a round again")
	report := fs.String("report", "", "`file` for the report; empty: none")
	fs.BoolVar(&c.Keep, "keep", false, "keep the directories of passed rounds too")
	short := fs.Bool("short", false, "six rounds and 20 trials, for a quick look")
	if err := flagenv.Parse(fs, "CHAOS", args); err != nil {
		return err
	}
	if *short {
		c.Rounds, c.Trials = 6, 20
	}
	if c.Rounds < 0 || c.Trials < 0 {
		return flagenv.Errorf("rounds", "give 0 or more, and as many trials")
	}
	var err error
	if c.Faults, err = chaos.Choose(*names); err != nil {
		return flagenv.Errorf("faults", "%v", err)
	}
	if *exactly != "" {
		if c.Exactly, err = chaos.Choose(*exactly); err != nil {
			return flagenv.Errorf("exactly", "%v", err)
		}
	}
	s, err := c.Run(ctx)
	if s == nil {
		return err
	}
	c.Say("%d rounds, %d with violations, %v", len(s.Results), s.Failed(), s.Took.Round(1e9))
	if *report != "" {
		if werr := os.WriteFile(*report, []byte(s.Report()), 0o644); werr != nil {
			return errors.Join(err, fmt.Errorf("write the report: %w", werr))
		}
	}
	return err
}

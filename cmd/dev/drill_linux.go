package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"meridian/internal/chaos"
	"meridian/internal/drill"
	"meridian/internal/flagenv"
)

// runDrill loses shops and restores them from their backups.
func runDrill(ctx context.Context, args []string, out io.Writer) error {
	c := drill.Config{Say: printer(os.Stderr)}
	fs := newFlags("drill", out)
	fs.StringVar(&c.Programs, "programs", "bin", "`directory` of the programs core, edge and payments")
	fs.StringVar(&c.Dir, "dir", "", "`directory` to work in; failed shops are kept there; default the system's for temporary files")
	fs.IntVar(&c.Rounds, "rounds", 24, "restores to make; four of them make up a shop's history")
	fs.Uint64Var(&c.Seed, "seed", 1, "seed of the first shop; each one after it has one more")
	report := fs.String("report", "", "`file` for the report; empty: none")
	if err := flagenv.Parse(fs, "DRILL", args); err != nil {
		return err
	}
	if c.Rounds < 1 {
		return flagenv.Errorf("rounds", "give at least 1")
	}
	root, err := repository(ctx)
	if err != nil {
		return err
	}
	if c.S3, err = buildS3(ctx, root, c.Say); err != nil {
		return fmt.Errorf("S3 server: %w", err)
	}
	s, err := c.Run(ctx)
	if s == nil {
		return err
	}
	fmt.Fprintf(out, "%d restores, %d with violations, %v\n", len(s.Results), s.Failed(), s.Took.Round(1e9))
	if *report != "" {
		if werr := os.WriteFile(*report, []byte(s.Report(chaos.Machine())), 0o644); werr != nil {
			return errors.Join(err, fmt.Errorf("write the report: %w", werr))
		}
	}
	return err
}

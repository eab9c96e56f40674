package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"meridian/backup"
	"meridian/core"
	"meridian/internal/flagenv"
)

// check reads a whole store and verifies every invariant: the state of a stopped node, or a backup.
func check(ctx context.Context, args []string) error {
	var o restoreOptions
	var scratch string
	fs := flag.NewFlagSet("core check", flag.ContinueOnError)
	fs.StringVar(&o.data, "data", "data/core", "data directory of a node that is not running")
	fs.StringVar(&o.from, "backup", "", "read a backup instead, s3://bucket/prefix: the newest full one and all of the log since")
	fs.UintVar(&o.timeline, "timeline", 0, "with --backup: the timeline to read; 0: the newest")
	fs.StringVar(&scratch, "scratch", os.TempDir(), "with --backup: where the state is rebuilt, and deleted afterwards; it needs the size of the state")
	o.s3.add(fs)
	if err := flagenv.ParseBut(fs, "CORE", args, "backup"); err != nil {
		return err
	}
	if given := flagenv.Given(args); given["data"] && given["backup"] {
		return flagenv.Errorf("backup", "give --data, to check a stopped node, or --backup, to check a backup; one at a time")
	}
	if o.from != "" {
		return checkBackup(ctx, o, scratch)
	}
	return checkNode(o.data)
}

func describe(r core.Report) {
	if r.Uncounted {
		fmt.Printf("index %d, hash %016x\n", r.Index, r.Hash)
	} else {
		fmt.Printf("index %d, hash %016x, %d products, %d stock levels, %d orders, %d open\n", r.Index, r.Hash, r.Products, r.SKUs, r.Orders, r.Open)
	}
	for _, p := range r.Problems {
		fmt.Println("PROBLEM:", p)
	}
}

// checkBackup rebuilds the newest state that the bucket holds in a directory of its own, and verifies
// all of it: checksums, the state's hash wherever the log carries one, and every invariant.
func checkBackup(ctx context.Context, o restoreOptions, scratch string) error {
	o.checks = true
	bucket, err := o.s3.open("backup", o.from)
	if err != nil {
		return err
	}
	plan, err := planRestore(ctx, bucket, o)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(scratch, "core-check-")
	if err != nil {
		return flagenv.Errorf("scratch", "%v", err)
	}
	defer os.RemoveAll(work)
	fmt.Printf("timeline %d of %s: full backup at index %d (%s), then the log up to %d in %d segments\n",
		plan.timeline.Number, o.from, plan.base.Index, clock(plan.base.TimeMS), plan.to, len(plan.chain))
	r := &restoring{plan: plan, bucket: bucket, from: o.from, say: func(string, ...any) {}}
	if err := r.rebuild(ctx, filepath.Join(work, "state.db")); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: if the S3 server answers, this backup cannot be restored as it is; take a new full one at once (core backup take), and keep the bucket to find out why", err)
	}
	report, err := r.machine.Check()
	kept := r.machine.Summary()
	if err = errors.Join(err, r.failure, r.machine.Close()); err != nil {
		return err
	}
	describe(report)
	if n := len(report.Problems); n > 0 {
		return fmt.Errorf("the backup has %d problems: check the state of a core too (core check --data, on one that is stopped); if that is sound, take a new full backup", n)
	}
	fmt.Printf("every invariant holds; it can be restored to %s\n", clock(kept.NowMS))
	bad := append(r.damaged, plan.timeline.Damaged...)
	if hole, ok := plan.timeline.Hole(); ok {
		bad = append(bad, fmt.Errorf("%w: %v", backup.ErrMissing, hole))
	}
	if err := oneLine(bad); err != nil {
		return fmt.Errorf("%w; a restore without the damaged and missing parts ends at index %d: take a new full backup at once (core backup take), and keep the bucket to find out why", err, r.reached)
	}
	return nil
}

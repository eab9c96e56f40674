package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// readyWithin is how long processes may take to serve; cold disks and a busy machine included.
const readyWithin = 90 * time.Second

// demo is a running demo.
type demo struct {
	opts  *options
	dir   *directory
	bins  binaries
	say   func(string, ...any)
	tiers [][]*process // in the order of their start
}

// startDemo checks, builds, starts and waits. On an error nothing is left running.
func startDemo(ctx context.Context, o *options, say func(string, ...any)) (_ *demo, err error) {
	dir, err := openDirectory(o)
	if err != nil {
		return nil, err
	}
	d := &demo{opts: o, dir: dir, say: say}
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	if err := o.ports.free(o.regions, !o.noClickHouse); err != nil {
		return nil, err
	}
	if d.bins, err = build(ctx, !o.noClickHouse, say); err != nil {
		return nil, err
	}
	// Building takes minutes on a cold machine: someone may have come in the meantime.
	if err := o.ports.free(o.regions, d.analytics()); err != nil {
		return nil, err
	}
	say("starting %d regions", o.regions)
	for _, tier := range [][]spec{d.services(), d.cores(), d.edges()} {
		var started []*process
		for _, s := range tier {
			started = append(started, startProcess(o.dir, s, say))
		}
		d.tiers = append(d.tiers, started)
		if err := waitReady(ctx, started, readyWithin); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// stop ends edges before cores and cores before what they call, so that nobody is answered by a
// half that is left over.
func (d *demo) stop() {
	for i := len(d.tiers) - 1; i >= 0; i-- {
		done := make(chan struct{})
		for _, p := range d.tiers[i] {
			go func() { p.stop(); done <- struct{}{} }()
		}
		for range d.tiers[i] {
			<-done
		}
	}
	d.tiers = nil
	d.dir.close()
}

func (d *demo) analytics() bool { return d.bins.clickLib != "" }

const (
	s3AccessKey = "meridian"
	s3Bucket    = "meridian"
	s3Backups   = "meridian-backup"
)

// readSecret reads a secret file without its line end.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

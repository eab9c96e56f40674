package main

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"meridian/internal/flagenv"
)

// options of a demo, shared by the commands that start or use one.
type options struct {
	dir          string
	ports        ports
	regions      int
	rtt          time.Duration
	noTraffic    bool
	noClickHouse bool
}

func newFlags(name string, out io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("dev "+name, flag.ContinueOnError)
	fs.SetOutput(out)
	return fs
}

// target adds the flags that say which demo is meant.
func (o *options) target(fs *flag.FlagSet) {
	fs.StringVar(&o.dir, "dir", ".demo", "`directory` of the demo's state, logs and pids")
	fs.IntVar(&o.ports.base, "port-base", 8080, "first `port`; every other port keeps its distance from it")
	fs.IntVar(&o.regions, "regions", len(regions), "number of regions, 1 to 3")
}

func (o *options) check() error {
	if o.regions < 1 || o.regions > len(regions) {
		return flagenv.Errorf("regions", "give 1, 2 or 3")
	}
	if !o.ports.valid() {
		return flagenv.Errorf("port-base", "give a port from 1024 to %d", 65535-o.ports.highestOffset())
	}
	if o.dir == "" {
		return flagenv.Errorf("dir", "give a directory, such as .demo")
	}
	if o.rtt < 0 || o.rtt > 2*time.Second {
		return flagenv.Errorf("rtt", "give 0ms to 2s")
	}
	abs, err := filepath.Abs(o.dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", o.dir, err)
	}
	o.dir = abs
	return nil
}

func (o *options) path(parts ...string) string {
	return filepath.Join(append([]string{o.dir}, parts...)...)
}

// Command growth fills the state of one core with a large shop and measures what size costs: memory and
// start of a real `core serve` on that state, processor time and bytes an order from ten thousand orders
// on, and how late commits are while a snapshot of all of it is written.
//
// The shop is made by the state machine itself, from commands as the log holds them: products and stock,
// customers, and for every order a cart, its lines, a reservation, a payment, the outbox and the keys
// that are forgotten a week later. commands.go has its own copy of the log's format, because that format
// is for ever. Read fill.go for what an order is, serve.go for how a real core is measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"meridian/internal/flagenv"
)

// options are what the command line says.
type options struct {
	dir, core    string
	skus         int
	customers    int
	orders       int
	perOrder     int
	sample       int
	portBase     int
	cgroupBytes  int64
	goMemLimit   string
	snapshotLoad int
	fillOnly     bool
	keep         bool
	seed         uint64
	checkpointMS int
	cpuProfile   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "growth:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("growth", flag.ContinueOnError)
	fs.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "meridian-growth"), "scratch `directory`; a state that is there already is filled up, not begun again")
	fs.StringVar(&o.core, "core", "bin/core", "the core `program` to measure")
	fs.IntVar(&o.skus, "skus", 1_000_000, "SKUs in the catalogue, four a product")
	fs.IntVar(&o.customers, "customers", 1_000_000, "customers with an account")
	fs.IntVar(&o.orders, "orders", 10_000_000, "orders in the end; about 2 GB of disk a million, and twice that for snapshots")
	fs.IntVar(&o.sample, "sample", 5_000, "orders measured at each size, with checkpoints as a serving core makes them")
	fs.IntVar(&o.checkpointMS, "fill-checkpoint", 3000, "milliseconds between checkpoints while filling; a serving core's are 150")
	fs.IntVar(&o.portBase, "port-base", 28000, "first of four free ports on loopback")
	fs.Int64Var(&o.cgroupBytes, "cgroup", 4<<30, "memory limit of the measured core, in bytes; 0: none")
	fs.StringVar(&o.goMemLimit, "gomemlimit", "", "GOMEMLIMIT of the measured core; empty: its own default")
	fs.IntVar(&o.snapshotLoad, "load", 32, "clients that write while snapshots are measured")
	fs.BoolVar(&o.fillOnly, "fill-only", false, "fill and measure the cost an order; start no core")
	fs.BoolVar(&o.keep, "keep", false, "leave the state in --dir for the next run")
	fs.StringVar(&o.cpuProfile, "cpuprofile", "", "`file` for a processor profile of the filling")
	fs.Uint64Var(&o.seed, "seed", 1, "of everything random")
	if err := flagenv.Parse(fs, "GROWTH", args); err != nil {
		return o, err
	}
	if o.skus < 4 || o.customers < 1 || o.orders < 1 {
		return o, flagenv.Errorf("orders", "give at least 4 SKUs, one customer and one order")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return flagenv.Errorf("dir", "%v", err)
	}
	if !o.keep {
		defer os.RemoveAll(o.dir)
	}
	r := &report{started: time.Now(), o: o}
	if err := profiled(o.cpuProfile, func() error { return fill(ctx, o, r) }); err != nil {
		return err
	}
	if !o.fillOnly {
		if err := measure(ctx, o, r); err != nil {
			return err
		}
	}
	fmt.Fprint(out, r.markdown())
	return nil
}

// profiled runs fn under the processor profiler if a file is named.
func profiled(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	f, err := os.Create(path)
	if err != nil {
		return flagenv.Errorf("cpuprofile", "%v", err)
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return fn()
}

// progress prints one line to stderr, where it does not mix with the result.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// report is everything that was measured.
type report struct {
	started time.Time
	o       options
	curve   []point
	filled  time.Duration
	served  served
}

// point is the cost of orders at one size.
type point struct {
	orders    int     // in the state when the sample began
	cpuMicros float64 // of this process, an order
	wall      float64 // microseconds an order
	written   float64 // bytes handed to the disk, an order
	stored    float64 // bytes of the file, an order, all of the state over all of its orders
	file      int64
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d CPUs, Go %s: %d SKUs, %d customers, filled in %v\n\n", r.started.Format("2006-01-02 15:04"), runtime.NumCPU(), runtime.Version(),
		r.o.skus, r.o.customers, r.filled.Round(time.Second))
	b.WriteString("| orders | CPU µs an order | wall µs an order | bytes written an order | file, GB | file growth, bytes an order |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, p := range r.curve {
		fmt.Fprintf(&b, "| %d | %.0f | %.0f | %.0f | %.2f | %.0f |\n", p.orders, p.cpuMicros, p.wall, p.written, float64(p.file)/1e9, p.stored)
	}
	b.WriteString("\n")
	if r.served.open > 0 {
		b.WriteString(r.served.markdown())
	}
	return b.String()
}

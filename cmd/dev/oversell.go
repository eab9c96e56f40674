package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meridian/api"
	"meridian/internal/flagenv"
)

// flashSKU is the article that everybody wants at once.
const flashSKU = "FLASH-100"

// errOff says that the ledgers do not agree; the table says where.
var errOff = errors.New("the figures do not agree")

// sale is one run of the race.
type sale struct {
	opts       *options
	creds      credentials
	sku        string
	buyers     int
	units      int
	killLeader bool
	limit      time.Duration
	began      time.Time
	say        func(string, ...any)
}

func oversell(ctx context.Context, args []string, out io.Writer) error {
	var o options
	s := sale{opts: &o, say: printer(out)}
	fs := newFlags("oversell", out)
	o.target(fs)
	fs.StringVar(&s.sku, "sku", flashSKU, "what everybody wants")
	fs.IntVar(&s.buyers, "buyers", 400, "buyers, each with a cart of one unit")
	fs.IntVar(&s.units, "units", 100, "units on hand at the start")
	fs.BoolVar(&s.killLeader, "kill-leader", false, "kill -9 the leading core in the middle")
	fs.DurationVar(&s.limit, "limit", 3*time.Minute, "longest time for all buyers to get their answer")
	own := fs.Bool("own", false, "start demos of its own and run all cases: plain and with the leader killed, near and with --rtt 80ms")
	if err := flagenv.Parse(fs, "OVERSELL", args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if s.buyers < 1 || s.buyers > 10_000 {
		return flagenv.Errorf("buyers", "give 1 to 10000")
	}
	if s.units < 0 || s.units > 10_000 {
		return flagenv.Errorf("units", "give 0 to 10000")
	}
	if *own {
		return ownSales(ctx, s)
	}
	creds, err := readCredentials(&o)
	if err != nil {
		return err
	}
	s.creds = creds
	return s.run(ctx)
}

// ownSales starts a demo for each distance and runs the race twice on it.
func ownSales(ctx context.Context, s sale) error {
	var failed []error
	for _, rtt := range []time.Duration{0, 80 * time.Millisecond} {
		err := func() error {
			dir, err := os.MkdirTemp("", "meridian-oversell-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			o := *s.opts
			o.dir, o.rtt, o.noTraffic, o.noClickHouse = dir, rtt, true, true
			if o.ports.base == 8080 {
				o.ports.base = 9280 // beside a demo that may be running
			}
			d, err := startDemo(ctx, &o, s.say)
			if err != nil {
				return err
			}
			defer d.stop()
			if err := fill(ctx, &o, d.dir.creds, d.bins.root, s.say); err != nil {
				return err
			}
			var off []error
			for _, kill := range []bool{false, true} {
				run := s
				run.opts, run.creds, run.killLeader = &o, d.dir.creds, kill
				off = append(off, run.run(ctx))
			}
			return errors.Join(off...)
		}()
		if err != nil {
			failed = append(failed, fmt.Errorf("with a round trip of %v: %w", rtt, err))
		}
		// Figures that are off must not hide what the next distance shows; a demo that does not start does.
		if err != nil && !errors.Is(err, errOff) || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// run sells and prints what every ledger says.
func (s *sale) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit+2*time.Minute)
	defer cancel()
	client := newHTTP(s.buyers)
	defer client.CloseIdleConnections()
	staff := newVisitor(s.opts.ports.edgeURL(0), s.creds.Merchandiser.Token, client)
	id := strconv.FormatInt(time.Now().UnixNano(), 36)

	err := persist(ctx, func() error {
		return staff.do(ctx, "PUT", "/admin/api/v1/stock/"+s.sku, "oversell-stock-"+id, jsonBody(map[string]int{"on_hand": s.units}), nil)
	})
	if err != nil {
		return fmt.Errorf("set the stock of %s: %w", s.sku, err)
	}
	buyers := make([]*buyer, s.buyers)
	for i := range buyers {
		buyers[i] = &buyer{n: i, run: id, sku: s.sku,
			shop: newVisitor(s.opts.ports.edgeURL(i%s.opts.regions), "", client)}
	}
	if err := s.each(ctx, buyers, (*buyer).fillCart); err != nil {
		return err
	}
	var decided atomic.Int64
	kill := make(chan error, 1)
	s.began = time.Now()
	go func() { kill <- s.killInTheMiddle(ctx, staff, &decided) }()
	limited, done := context.WithTimeout(ctx, s.limit)
	defer done()
	if err := s.each(limited, buyers, func(b *buyer, ctx context.Context) error {
		defer decided.Add(1)
		return b.checkout(ctx)
	}); err != nil {
		return err
	}
	took := time.Since(s.began)
	if err := <-kill; err != nil {
		return err
	}
	r, err := s.reckon(ctx, staff, id, buyers)
	if err != nil {
		return err
	}
	r.took = took
	s.say("%s", r.table(s))
	if len(r.wrong) > 0 {
		return fmt.Errorf("%w: %s", errOff, strings.Join(r.wrong, "; "))
	}
	return nil
}

// each lets every buyer act at the same time and returns the first failure.
func (s *sale) each(ctx context.Context, buyers []*buyer, act func(*buyer, context.Context) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(buyers))
	start := make(chan struct{})
	for i, b := range buyers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			errs[i] = act(b, ctx)
		}()
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("buyer %d: %w", i, err)
		}
	}
	return nil
}

// killInTheMiddle ends the leading core with SIGKILL as soon as a few buyers have their answer.
func (s *sale) killInTheMiddle(ctx context.Context, staff *visitor, decided *atomic.Int64) error {
	if !s.killLeader {
		return nil
	}
	operator := newVisitor(staff.base, s.creds.Operator.Token, staff.http)
	cluster, err := get[api.Cluster](ctx, operator, "/admin/api/v1/cluster")
	if err != nil {
		return fmt.Errorf("ask for the leader: %w", err)
	}
	for decided.Load() < int64(s.buyers/20+1) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	after := decided.Load()
	b, err := os.ReadFile(filepath.Join(s.opts.dir, "run", cluster.Leader+".pid"))
	if err != nil {
		return fmt.Errorf("the leader's pid: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("the leader's pid: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", cluster.Leader, err)
	}
	s.say("killed %s (pid %d) after %d of %d answers", cluster.Leader, pid, after, s.buyers)
	if after >= int64(s.buyers) {
		return errors.New("the leader was killed after the last answer: nothing was shown; run it again")
	}
	return nil
}

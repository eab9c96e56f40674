package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"meridian/internal/flagenv"
)

// up starts the demo and stays until it is told to stop.
func up(ctx context.Context, args []string, out io.Writer) error {
	var o options
	fs := newFlags("up", out)
	o.target(fs)
	fs.DurationVar(&o.rtt, "rtt", 0, "round trip that everything between regions is delayed by, such as 80ms")
	fs.BoolVar(&o.noTraffic, "no-traffic", false, "no background traffic")
	fs.BoolVar(&o.noClickHouse, "no-clickhouse", false, "no ClickHouse engine, so no reports")
	if err := flagenv.Parse(fs, "DEMO", args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	began := time.Now()
	say := printer(out)
	d, err := startDemo(ctx, &o, say)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer func() {
		say("stopping")
		d.stop()
		say("stopped; the next start continues from %s", o.dir)
	}()
	if err := fill(ctx, &o, d.dir.creds, d.bins.root, say); err != nil {
		return stoppedOr(ctx, fmt.Errorf("fill the demo: %w", err))
	}
	announce(d, time.Since(began), say)
	if !o.noTraffic {
		stop := background(ctx, &o, d.dir.creds)
		defer stop()
	}
	<-ctx.Done()
	return nil
}

// stoppedOr turns an error into none when someone asked to stop in the meantime.
func stoppedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// printer writes whole lines, whoever calls it.
func printer(out io.Writer) func(string, ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
}

func announce(d *demo, took time.Duration, say func(string, ...any)) {
	o, c := d.opts, d.dir.creds
	var urls []string
	for i, r := range regions[:o.regions] {
		urls = append(urls, r.name+" "+o.ports.edgeURL(i)+"/")
	}
	say("ready %s (%.1f s)", strings.Join(urls, "  "), took.Seconds())
	say("  admin       %s/admin/", o.ports.edgeURL(0))
	say("              merchandiser %s  %s", c.Merchandiser.Email, c.Merchandiser.Password)
	say("              operator     %s  %s", c.Operator.Email, c.Operator.Password)
	say("  shopper     %s  %s", c.Shopper.Email, c.Shopper.Password)
	say("  cards       tok_ok, tok_declined, tok_slow, tok_error, tok_unknown")
	say("  payments    http://%s/", o.ports.payments())
	say("  mail        http://%s/", o.ports.mailPage())
	if d.analytics() {
		say("  ClickHouse  http://%s/?query=SHOW+TABLES", o.ports.clickhouse())
	}
	say("  state       %s (pids in run/, logs in log/); Ctrl-C stops everything", o.dir)
}

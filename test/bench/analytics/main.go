package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"meridian/internal/flagenv"
	"meridian/test/bench/process"
	"meridian/test/bench/report"
)

type options struct {
	bin, out                string
	rounds, seconds         int
	callers, events, clicks int
	panels, days            int
	outage                  bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-analytics:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench-analytics", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "directory with the programs core, edge, payments and clickhouse")
	fs.StringVar(&o.out, "out", "", "also write the Markdown table to this file, and beside it the same as .tsv")
	fs.IntVar(&o.rounds, "rounds", 3, "how often everything is measured, each time from the start; the table shows medians")
	fs.IntVar(&o.seconds, "seconds", 10, "how long events are sent in a round")
	fs.IntVar(&o.callers, "callers", 8, "connections that send events, each waiting for its answer")
	fs.IntVar(&o.events, "events", 50, "events in a batch; a browser sends up to 50")
	fs.IntVar(&o.clicks, "clicks", 40, "clicks whose way into a report is timed in a round")
	fs.IntVar(&o.panels, "panels", 0, "instead: how long every report takes over so many events in ClickHouse, such as 100000000 (20 min and 15 GB of disk); each is asked for as often as --clicks says")
	fs.IntVar(&o.days, "days", 90, "days that the events of --panels are spread over, today with them")
	fs.BoolVar(&o.outage, "outage", false, "instead: how long pages, carts and events take while ClickHouse answers, hangs and is away")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return o, err
	}
	for name, v := range map[string]struct{ v, most int }{"rounds": {o.rounds, 100}, "seconds": {o.seconds, 600}, "callers": {o.callers, 500}, "events": {o.events, 100}, "days": {o.days, 390}, "clicks": {o.clicks, 10_000}} {
		if v.v < 1 || v.v > v.most {
			return o, flagenv.Errorf(name, "give 1 to %d", v.most)
		}
	}
	if o.panels != 0 && (o.panels < 1000 || o.panels > 10_000_000_000) {
		return o, flagenv.Errorf("panels", "give 1000 to 10000000000, or 0")
	}
	return o, nil
}

// figures are what one round showed.
type figures struct {
	rate, core, p50, p99 float64 // events a second; the same for each second of the edge's processor; ms of a batch
	drain                float64 // rows a second into ClickHouse
	fresh50, fresh95     float64 // ms from the answer to the report
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := process.Leave(edgeCPU); err != nil {
		return err
	}
	about := report.NewAbout(strings.TrimSpace("make bench-analytics ANALYTICS_ARGS=\"" + strings.Join(args, " ") + "\""))
	if o.panels > 0 {
		about.Item("panels", "%d events over %d days, %d requests of each, one at a time", o.panels, o.days, o.clicks)
		f, err := measurePanels(ctx, o)
		return errors.Join(err, report.Publish(o.out, about.String(), f.lines()))
	}
	if o.outage {
		about.Item("rates", "%d pages, %d lines of a cart and %d batches of events a second, %d s in each state", pagesRate, cartsRate, eventsRate, o.seconds)
		var all []outage
		for range o.rounds {
			f, e := measureOutage(ctx, o)
			if err = e; err != nil {
				break
			}
			all = append(all, f)
		}
		return errors.Join(err, report.Publish(o.out, about.String(), outageLines(all)))
	}
	about.Item("batches", "%d events, %d callers, %d s; the edge on processor 0", o.events, o.callers, o.seconds)
	var all []figures
	for round := range o.rounds {
		f, e := measure(ctx, o)
		if e != nil {
			err = fmt.Errorf("round %d: %w", round+1, e)
			about.Item("incomplete", "%v", err)
			break
		}
		fmt.Fprintf(os.Stderr, "round %d  %.0f events a second (%.0f for a processor's second), a batch %.2f ms, p99 %.2f ms; %.0f rows a second into ClickHouse; a click is in a report after %.0f ms, p95 %.0f ms\n",
			round+1, f.rate, f.core, f.p50, f.p99, f.drain, f.fresh50, f.fresh95)
		all = append(all, f)
	}
	return errors.Join(err, report.Publish(o.out, about.String(), lines(all)))
}

func lines(all []figures) (out []report.Line) {
	if len(all) == 0 {
		return nil
	}
	line := func(title, unit string, goal report.Goal, of func(figures) float64) {
		l := report.Line{Group: "analytics", Title: title, Unit: unit, Goal: goal}
		for _, f := range all {
			l.Rounds = append(l.Rounds, of(f))
		}
		l.Value = report.Median(l.Rounds)
		out = append(out, l)
	}
	line("events that an edge takes for a second of its processor", "/s", report.AtLeast(50_000), func(f figures) float64 { return f.core })
	line("events that it took a second", "/s", report.Shown(), func(f figures) float64 { return f.rate })
	line("at 50,000 a second, a batch until it is safe on disk, p50", "ms", report.Shown(), func(f figures) float64 { return f.p50 })
	line("the same, p99", "ms", report.AtMost(5), func(f figures) float64 { return f.p99 })
	line("rows into ClickHouse after an outage", "/s", report.AtLeast(200_000), func(f figures) float64 { return f.drain })
	line("a click in a report after its answer, p50", "ms", report.Shown(), func(f figures) float64 { return f.fresh50 })
	line("the same, p95", "ms", report.AtMost(3000), func(f figures) float64 { return f.fresh95 })
	return out
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"meridian/test/bench/report"
)

// telemetryCase is measured only when it is named: how much of the edge's processor time under hits goes into counters and the log.
const telemetryCase = "telemetry"

// telemetryFigures are shares of the edge's processor time, 0 to 1, out of a profile with this many samples.
type telemetryFigures struct {
	counters, log float64
	samples       int64
}

// telemetry profiles our edge in every round, while the load generator wants the page.
func (b *bench) telemetry(ctx context.Context) error {
	ours := b.systems[0]
	l, err := ours.prepare(ctx, "gzip")
	if err != nil {
		return err
	}
	for round := range b.o.rounds {
		f, err := b.profiled(ctx, ours, l)
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", round+1, telemetryCase, err)
		}
		fmt.Fprintf(os.Stderr, "round %d  counters %.2f %%  log %.2f %% of the edge's processor time (%d samples)\n", round+1, 100*f.counters, 100*f.log, f.samples)
		b.telemetries = append(b.telemetries, f)
	}
	return nil
}

func (b *bench) profiled(ctx context.Context, s *system, l load) (f telemetryFigures, err error) {
	seconds := max(2, b.o.seconds)
	o := b.o
	o.seconds = seconds + 2 // the profile lies within the load
	loading, stop := context.WithCancel(ctx)
	loaded := make(chan error, 1)
	go func() {
		_, err := drive(loading, o, s.base+s.page.Path, l)
		loaded <- err
	}()
	var p *profile.Profile
	if err = pauseOr(ctx, loaded, time.Second); err == nil {
		p, err = takeProfile(ctx, b.shops[0].Ops["edge"], seconds)
	}
	if err != nil {
		stop()
		<-loaded
		return f, err
	}
	err = <-loaded
	stop()
	if err != nil {
		return f, err
	}
	return shares(p)
}

// pauseOr waits, unless the load ends before that.
func pauseOr(ctx context.Context, loaded chan error, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case err := <-loaded:
		loaded <- err
		return fmt.Errorf("the load ended early: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func takeProfile(ctx context.Context, ops string, seconds int) (*profile.Profile, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", ops, seconds), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("profile: %s", res.Status)
	}
	return profile.Parse(res.Body)
}

// Of functions by the beginning of their names. Under hits nothing else goes the long way, so what does is on the log's account, too.
var (
	logging  = []string{"meridian/edge.(*conn).handOver", "meridian/edge.(*Server).tell", "log/slog."}
	counting = []string{"meridian/edge.(*metrics).", "github.com/prometheus/"}
)

// shares attributes each sample once: to the log first, since what is logged is also counted on its way.
func shares(p *profile.Profile) (f telemetryFigures, err error) {
	var total, counters, logs int64
	for _, s := range p.Sample {
		n := s.Value[0]
		total += n
		switch {
		case within(s, logging):
			logs += n
		case within(s, counting):
			counters += n
		}
	}
	if total < 50 {
		return f, fmt.Errorf("the profile has %d samples, which is too few", total)
	}
	if logs == 0 {
		return f, fmt.Errorf("nothing was logged among %d samples: the functions' names have changed", total)
	}
	return telemetryFigures{counters: float64(counters) / float64(total), log: float64(logs) / float64(total), samples: total}, nil
}

func within(s *profile.Sample, names []string) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			for _, name := range names {
				if strings.HasPrefix(line.Function.Name, name) {
					return true
				}
			}
		}
	}
	return false
}

// telemetryLines hold ours to its goal.
func (b *bench) telemetryLines() (out []report.Line) {
	if len(b.telemetries) == 0 {
		return nil
	}
	line := func(title string, goal report.Goal, of func(telemetryFigures) float64) {
		l := report.Line{Group: telemetryCase, Title: title, Unit: "%", Goal: goal}
		for _, f := range b.telemetries {
			l.Rounds = append(l.Rounds, 100*of(f))
		}
		l.Value = report.Median(l.Rounds)
		out = append(out, l)
	}
	line("counters, of the edge's processor time", report.Shown(), func(f telemetryFigures) float64 { return f.counters })
	line("sampled log, of the edge's processor time", report.Shown(), func(f telemetryFigures) float64 { return f.log })
	line("counters and log together", report.AtMost(3), func(f telemetryFigures) float64 { return f.counters + f.log })
	return out
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meridian/analytics"
	"meridian/api"
	"meridian/deploy/local/clickhouse/fetch"
	"meridian/internal/flagenv"
	"meridian/internal/loopback"
	"meridian/internal/pause"
	"meridian/recommend"
	"meridian/recommend/recseval"
)

const recsEvalHelp = `
Measures how well the shop's recommendations foretell what people look at next. The sessions of --train go the way of every visit: as
events into a spool, by it into a ClickHouse of their own, there SQL makes the table, its file is written and read, and the edge's code
recommends from it. For each view of --test from the second on, those before it are the visit.

A session is a line: its end in Unix seconds, then the items in the order in which they were looked at, with blanks or tabs between. Items are
numbers, or words of lower-case letters, digits and hyphens. Files that end in .gz are unpacked.

The last two lines are the figures:
  standard   every next item, also one that was seen in the session; what was seen is among the recommendations
  new-only   next items that have not been seen in the session; nothing that was seen is recommended
HR@20 is the share of next items among the first 20 recommendations, MRR@20 the mean of 1/place, 0 beyond. For example, with sessions in two files:

  dev recs-eval --train train.tsv --test test.tsv
`

// recsEval measures recommendations on recorded sessions.
func recsEval(ctx context.Context, args []string, out io.Writer) error {
	fs := newFlags("recs-eval", out)
	trainFile := fs.String("train", "", "`file` of sessions to learn from")
	testFile := fs.String("test", "", "`file` of sessions to foretell")
	file := fs.String("out", "", "also keep the table in this `file`")
	if err := flagenv.Parse(fs, "RECS_EVAL", args); err != nil {
		if errors.Is(err, flagenv.ErrHelp) {
			fmt.Fprint(out, recsEvalHelp)
		}
		return err
	}
	for _, f := range []struct{ name, value string }{{"train", *trainFile}, {"test", *testFile}} {
		if f.value == "" {
			return flagenv.Errorf(f.name, "give a file with a session a line: its end in Unix seconds, then its items")
		}
	}
	say := printer(os.Stderr)
	train, err := recseval.ReadFile(*trainFile)
	if err != nil {
		return err
	}
	test, err := recseval.ReadFile(*testFile)
	if err != nil {
		return err
	}
	say("%s to learn from, %s to foretell", describe(train), describe(test))
	m, err := learn(ctx, train, say)
	if err != nil {
		return err
	}
	packed := m.Append(nil)
	if *file != "" {
		if err := os.WriteFile(*file, packed, 0o644); err != nil {
			return err
		}
	}
	if m, err = recommend.Parse(packed); err != nil {
		return err
	}
	say("the table has %d neighbours of %d items, its file %.1f MB", m.Pairs(), m.Len(), float64(len(packed))/1e6)
	standard, newOnly := recseval.Measure(test, m)
	sayHowLong(test, m, say)
	say("%d predictions, %d of them of new items", standard.Predictions, newOnly.Predictions)
	_, err = fmt.Fprintf(out, "standard %v\nnew-only %v\n", standard, newOnly)
	return err
}

func describe(sessions []recseval.Session) string {
	views := 0
	for _, s := range sessions {
		views += len(s.Items)
	}
	return fmt.Sprintf("%d sessions with %d views", len(sessions), views)
}

// sayHowLong tells what a recommendation takes.
func sayHowLong(test []recseval.Session, m *recommend.Model, say func(string, ...any)) {
	var took []time.Duration
	began := time.Now()
	for len(took) < 20_000 && time.Since(began) < 2*time.Second {
		for _, s := range test {
			for i := 1; i < len(s.Items); i++ {
				start := time.Now()
				m.Recommend(s.Items[:i], recseval.At, recommend.Options{})
				took = append(took, time.Since(start))
			}
		}
		if len(took) == 0 {
			return
		}
	}
	slices.Sort(took)
	say("a recommendation takes %v, p99 %v", took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond))
}

// learn makes the table of sessions as the shop does, in a ClickHouse of its own.
func learn(ctx context.Context, train []recseval.Session, say func(string, ...any)) (m *recommend.Model, err error) {
	dir, err := os.MkdirTemp("", "recs-eval-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	engine, stop, err := startEngine(ctx, dir, say)
	if err != nil {
		return nil, fmt.Errorf("ClickHouse engine: %w", err)
	}
	defer stop()
	a, err := analytics.Open(analytics.Config{Addr: "http://" + engine, Edge: "recs-eval", Dir: filepath.Join(dir, "spool"), MaxBytes: 64 << 30,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Close() }() // its spool is deleted anyway
	began := time.Now()
	if err := importSessions(ctx, a, train, say); err != nil {
		return nil, err
	}
	if m, err = table(ctx, a, began, say); err != nil {
		return nil, err
	}
	return m, nil
}

func table(ctx context.Context, a *analytics.Analytics, began time.Time, say func(string, ...any)) (*recommend.Model, error) {
	say("all of it is in ClickHouse after %v; making the table", time.Since(began).Round(100*time.Millisecond))
	stop := every(5*time.Second, func(d time.Duration) { say("making the table: %v", d) })
	defer stop()
	began = time.Now()
	m, err := a.Tables(ctx, "recs-eval", time.Unix(-int64(100*365*24*time.Hour/time.Second), 0), time.Date(2250, 1, 1, 0, 0, 0, 0, time.UTC), recommend.Default(), recommend.DefaultOrders())
	if err != nil {
		return nil, err
	}
	say("made in %v", time.Since(began).Round(10*time.Millisecond))
	return m, nil
}

// importSessions sends sessions as events and waits until ClickHouse has all of them.
func importSessions(ctx context.Context, a *analytics.Analytics, train []recseval.Session, say func(string, ...any)) error {
	const chunk = 20_000 // events
	var events []api.Event
	total, told := int64(0), time.Now()
	flush := func() error {
		if err := a.Import(ctx, events); err != nil {
			return fmt.Errorf("import: %w", err)
		}
		total += int64(len(events))
		events = events[:0]
		return nil
	}
	for n, s := range train {
		events = append(events, s.Events(n)...)
		if len(events) < chunk {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			say("%d of %d sessions are on their way", n+1, len(train))
		}
	}
	if err := flush(); err != nil {
		return err
	}
	for told = time.Now(); ; {
		stats := a.Stats()
		switch {
		case stats.DeadBatches > 0:
			return fmt.Errorf("ClickHouse refused a batch: %s", stats.LastError)
		case stats.DeliveredRows >= total:
			return nil
		case time.Since(told) > 5*time.Second:
			told = time.Now()
			say("%d of %d views are in ClickHouse", stats.DeliveredRows, total)
		}
		if err := pause.For(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// startEngine builds and starts a ClickHouse engine on an empty directory.
func startEngine(ctx context.Context, dir string, say func(string, ...any)) (addr string, stop func(), err error) {
	root, err := repository(ctx)
	if err != nil {
		return "", nil, err
	}
	say("building and starting a ClickHouse engine")
	lib, err := fetch.Library(ctx, fetch.Config{Progress: lines(say)})
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(dir, "clickhouse")
	if err := goBuild(ctx, root, []string{"build", "-trimpath", "-o", path, "./deploy/local/clickhouse"}); err != nil {
		return "", nil, err
	}
	addrs, err := loopback.Addresses(1)
	if err != nil {
		return "", nil, err
	}
	for _, sub := range []string{"log", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return "", nil, err
		}
	}
	p := startProcess(dir, spec{name: "clickhouse", path: path, ready: "http://" + addrs[0] + "/ping",
		args: []string{"--listen", addrs[0], "--data", filepath.Join(dir, "data"), "--lib", lib}}, say)
	if err := waitReady(ctx, []*process{p}, readyWithin); err != nil {
		p.stop()
		return "", nil, err
	}
	return addrs[0], p.stop, nil
}

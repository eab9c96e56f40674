package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"meridian/api"
	"meridian/deploy/local/clickhouse/fetch"
	"meridian/internal/pause"
	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

// pinned gives the edge one processor's worth.
func pinned(cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return process.Pin(cmd, 0)
}

// measure is one round: events while ClickHouse is away, then ClickHouse, then single clicks.
func measure(ctx context.Context, o options) (f figures, err error) {
	at, err := process.FreePort()
	if err != nil {
		return f, err
	}
	s, err := shop.Start(ctx, shop.Options{Bin: o.bin, Cores: 1, Edge: pinned, EdgeArgs: []string{"--unlimited", "127.0.0.0/8", "--clickhouse-url", "http://" + at, "--spool-bytes", "16GiB"}})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.Stop(), os.RemoveAll(s.Dir)) }()
	sent, err := collect(ctx, o, s, &f)
	if err != nil {
		return f, fmt.Errorf("collect: %w", err)
	}
	engine, err := startEngine(ctx, o, s.Dir, at)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, process.StopAll([]*process.Process{engine})) }()
	if f.drain, err = drained(ctx, s, sent); err != nil {
		return f, fmt.Errorf("insert: %w", err)
	}
	if err = fresh(ctx, o, s, &f); err != nil {
		err = fmt.Errorf("fresh: %w", err)
	}
	return f, err
}

// collect sends batches for a time and counts those that were accepted.
func collect(ctx context.Context, o options, s *shop.Shop, f *figures) (events float64, err error) {
	client := &fasthttp.Client{MaxConnsPerHost: o.callers, ReadTimeout: 30 * time.Second, NoDefaultUserAgentHeader: true}
	var accepted atomic.Int64
	times := make([][]time.Duration, o.callers)
	errs := make([]error, o.callers)
	pid := s.PID("edge")
	before, err := process.Tree(pid)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	until := began.Add(time.Duration(o.seconds) * time.Second)
	var wg sync.WaitGroup
	for c := range o.callers {
		wg.Go(func() {
			b, err := newBatch(o.events, c)
			if err != nil {
				errs[c] = err
				return
			}
			req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			req.SetRequestURI(s.Edge + "/api/v1/events")
			req.Header.SetMethod("POST")
			req.Header.SetContentType("application/json")
			req.Header.SetUserAgent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
			for n := uint64(0); time.Now().Before(until) && ctx.Err() == nil; n++ {
				b.renew(uint32(c), n)
				req.SetBodyRaw(b.body)
				start := time.Now()
				if err := client.Do(req, resp); err != nil {
					errs[c] = err
					return
				}
				if resp.StatusCode() != http.StatusAccepted {
					errs[c] = fmt.Errorf("status %d: %s", resp.StatusCode(), resp.Body())
					return
				}
				times[c] = append(times[c], time.Since(start))
				accepted.Add(int64(o.events))
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	after, err := process.Tree(pid)
	if err = errors.Join(append(errs, err, ctx.Err())...); err != nil {
		return 0, err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	events = float64(accepted.Load())
	f.rate, f.core = events/took.Seconds(), events/(after-before).Seconds()
	f.p50, f.p99 = ms(all[len(all)/2]), ms(all[len(all)*99/100])
	counted, err := shop.Client{Base: s.Ops["edge"]}.Gauge(ctx, "meridian_edge_clickstream_accepted_total")
	if err == nil && counted != events {
		err = fmt.Errorf("the edge says that it accepted %.0f of %.0f events", counted, events)
	}
	return events, err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func startEngine(ctx context.Context, o options, dir, addr string) (*process.Process, error) {
	lib, err := fetch.Library(ctx, fetch.Config{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	p, err := process.Start(dir, "clickhouse", exec.Command(filepath.Join(o.bin, "clickhouse"), "--listen", addr, "--data", filepath.Join(dir, "clickhouse"), "--lib", lib))
	if err != nil {
		return nil, err
	}
	return p, p.Ready(ctx, "http://"+addr+"/ping", time.Minute)
}

// drained waits until all events are in ClickHouse and gives the rows a second, from the first batch to the last.
func drained(ctx context.Context, s *shop.Shop, events float64) (perSecond float64, err error) {
	ops := shop.Client{Base: s.Ops["edge"]}
	var began time.Time
	first := 0.0
	for end := time.Now().Add(10 * time.Minute); ; {
		rows, err := ops.Gauge(ctx, "meridian_edge_clickstream_delivered_rows_total")
		switch {
		case err != nil:
			return 0, err
		case time.Now().After(end):
			return 0, fmt.Errorf("after ten minutes ClickHouse has %.0f of %.0f events", rows, events)
		case rows >= events:
			return (rows - first) / time.Since(began).Seconds(), nil
		case rows > 0 && began.IsZero():
			began, first = time.Now(), rows
		}
		if err := pause.For(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// fresh sends clicks on products of their own and looks for each in a report.
func fresh(ctx context.Context, o options, s *shop.Shop, f *figures) error {
	var all []time.Duration
	shopper, staff := shop.Client{Base: s.Edge}, shop.Client{Base: s.Edge, Token: s.Token}
	for i := range o.clicks {
		thing := fmt.Sprintf("fresh-%d-%s", i, strings.ToLower(shop.Secret()[:8]))
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		event := api.EventBatch{Events: []api.Event{{ID: id.String(), Type: "view_item", At: now.Format(time.RFC3339Nano), Session: id.String(), Items: []api.EventItem{{ItemID: thing}}}}}
		if err := shopper.Do(ctx, "POST", "/api/v1/events", event, nil); err != nil {
			return err
		}
		answered := time.Now()
		span := url.Values{"from": {now.Add(-time.Hour).Format(time.RFC3339)}, "to": {now.Add(time.Hour).Format(time.RFC3339)}}
		for found := false; !found; {
			var table struct{ Rows [][]any }
			if err := staff.Do(ctx, "GET", "/admin/api/v1/analytics/top_products?"+span.Encode(), nil, &table); err != nil {
				return err
			}
			found = slices.ContainsFunc(table.Rows, func(row []any) bool { return len(row) > 0 && row[0] == thing })
			if time.Since(answered) > time.Minute {
				return fmt.Errorf("a click is in no report after a minute")
			}
			if err := pause.For(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
		all = append(all, time.Since(answered))
		if err := pause.For(ctx, time.Duration(i%13)*37*time.Millisecond); err != nil { // not in step with the spool
			return err
		}
	}
	slices.Sort(all)
	f.fresh50, f.fresh95 = ms(all[len(all)/2]), ms(all[len(all)*95/100])
	return nil
}

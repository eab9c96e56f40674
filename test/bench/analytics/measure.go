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

// goalRate is how many events a second an edge should take on one processor.
const goalRate = 50_000

// edgeCPU is the edge's processor. Who sends events, and the core, keep off it; ClickHouse has all.
const edgeCPU = 0

// pinned gives the edge one processor.
func pinned(cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return process.Pin(cmd, edgeCPU)
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
	sent, err := both(ctx, o, s, &f)
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

// both sends first as many events as the edge takes, and then as many as it should take.
func both(ctx context.Context, o options, s *shop.Shop, f *figures) (sent float64, err error) {
	pid := s.PID("edge")
	before, err := process.Tree(pid)
	if err != nil {
		return 0, err
	}
	most, _, took, err := collect(ctx, o, s, 0, 0)
	if err != nil {
		return 0, err
	}
	after, err := process.Tree(pid)
	if err != nil {
		return 0, err
	}
	f.rate, f.core = most/took.Seconds(), most/(after-before).Seconds()
	paced, times, _, err := collect(ctx, o, s, goalRate, o.callers)
	if err != nil {
		return 0, err
	}
	f.p50, f.p99 = ms(times[len(times)/2]), ms(times[len(times)*99/100])
	counted, err := shop.Client{Base: s.Ops["edge"]}.Gauge(ctx, "meridian_edge_clickstream_accepted_total")
	if err == nil && counted != most+paced {
		err = fmt.Errorf("the edge says that it accepted %.0f of %.0f events", counted, most+paced)
	}
	return most + paced, err
}

// collect sends batches for a time: at a rate of events a second, or, for 0, each caller the next when it has its answer. Callers have numbers from a first
// one on. The times of batches, in order of length, are from when each was to be sent: one whose caller waits for the answer before waits for the edge.
func collect(ctx context.Context, o options, s *shop.Shop, rate, first int) (events float64, all []time.Duration, took time.Duration, err error) {
	client := &fasthttp.Client{MaxConnsPerHost: o.callers, ReadTimeout: 30 * time.Second, NoDefaultUserAgentHeader: true}
	var accepted atomic.Int64
	times := make([][]time.Duration, o.callers)
	errs := make([]error, o.callers)
	began := time.Now()
	until := began.Add(time.Duration(o.seconds) * time.Second)
	var wg sync.WaitGroup
	for c := range o.callers {
		wg.Go(func() {
			b, err := newBatch(o.events, first+c)
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
				b.renew(uint32(first+c), n)
				req.SetBodyRaw(b.body)
				start := time.Now()
				if rate > 0 {
					start = began.Add(time.Duration((float64(n) + float64(c)/float64(o.callers)) * float64(o.callers*o.events) / float64(rate) * float64(time.Second)))
					if early := time.Until(start); early > 0 {
						if pause.For(ctx, early) != nil {
							return
						}
						start = time.Now() // what the timer was late is not the edge's
					}
				}
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
	took = time.Since(began)
	all = slices.Concat(times...)
	slices.Sort(all)
	return float64(accepted.Load()), all, took, errors.Join(append(errs, ctx.Err())...)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func startEngine(ctx context.Context, o options, dir, addr string) (*process.Process, error) {
	lib, err := fetch.Library(ctx, fetch.Config{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(o.bin, "clickhouse"), "--listen", addr, "--data", filepath.Join(dir, "clickhouse"), "--lib", lib)
	if err := process.Everywhere(cmd); err != nil {
		return nil, err
	}
	p, err := process.Start(dir, "clickhouse", cmd)
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

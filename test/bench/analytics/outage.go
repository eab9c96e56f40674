package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"meridian/internal/pause"
	"meridian/test/bench/process"
	"meridian/test/bench/report"
	"meridian/test/bench/shop"
)

const (
	outageHandle = "thing"
	// Requests a second while ClickHouse is well, hangs and is away.
	pagesRate, cartsRate, eventsRate = 200, 50, 50
)

// states are how ClickHouse is, in the order in which a round goes through them.
var states = []string{"well", "hangs", "away"}

// kinds are what shoppers do meanwhile.
var kinds = []string{"a cached page", "a line of a cart", "a batch of 50 events"}

// outage is how long requests took, by kind and state.
type outage map[string]map[string]time.Duration

// measureOutage is one round: the same requests while ClickHouse answers, while it is stopped in the middle of everything, and after kill -9.
func measureOutage(ctx context.Context, o options) (f outage, err error) {
	at, err := process.FreePort()
	if err != nil {
		return f, err
	}
	edge := func(cmd *exec.Cmd) error { return process.Pin(cmd, edgeCPU) }
	s, err := shop.Start(ctx, shop.Options{Bin: o.bin, Cores: 1, Edge: edge, EdgeArgs: []string{"--unlimited", "127.0.0.0/8", "--clickhouse-url", "http://" + at}})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.Stop(), os.RemoveAll(s.Dir)) }()
	engine, err := startEngine(ctx, o, s.Dir, at)
	if err != nil {
		return f, err
	}
	defer func() { // it was killed, or is to be
		_ = syscall.Kill(engine.PID, syscall.SIGKILL)
		_ = engine.Ended(context.WithoutCancel(ctx))
	}()
	staff := shop.Client{Base: s.Edge, Token: s.Token}
	thing := map[string]any{"handle": outageHandle, "title": "A thing", "description_html": "<p>A thing.</p>", "vendor": "Bench", "type": "Thing", "status": "active",
		"variants": []any{map[string]any{"sku": outageHandle, "title": "", "prices": map[string]int64{"EUR": 1999}, "on_hand": 1_000_000}}}
	if err := staff.Do(ctx, "PUT", "/admin/api/v1/products/"+outageHandle, thing, nil); err != nil {
		return f, err
	}
	f = outage{}
	for _, kind := range kinds {
		f[kind] = map[string]time.Duration{}
	}
	for i, state := range states {
		switch state {
		case "hangs":
			err = syscall.Kill(engine.PID, syscall.SIGSTOP)
		case "away":
			err = syscall.Kill(engine.PID, syscall.SIGKILL)
		}
		if err != nil {
			return f, fmt.Errorf("ClickHouse %s: %w", state, err)
		}
		if err := pause.For(ctx, 2*time.Second); err != nil { // until the edge has noticed
			return f, err
		}
		took, err := meanwhile(ctx, o, s, i)
		if err != nil {
			return f, fmt.Errorf("while ClickHouse %s: %w", state, err)
		}
		for kind, all := range took {
			slices.Sort(all)
			f[kind][state] = all[len(all)*99/100]
		}
	}
	return f, nil
}

// meanwhile makes requests of every kind at their rates.
func meanwhile(ctx context.Context, o options, s *shop.Shop, phase int) (map[string][]time.Duration, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	took, errs := map[string][]time.Duration{}, []error{}
	each := func(kind string, rate int, want int, make func(req *fasthttp.Request, n int)) {
		wg.Go(func() {
			all, err := paced(ctx, o.seconds, rate, want, make)
			mu.Lock()
			defer mu.Unlock()
			if took[kind] = all; err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", kind, err))
			}
		})
	}
	var cart struct{ ID string }
	if err := (shop.Client{Base: s.Edge}).Do(ctx, "POST", "/api/v1/carts", map[string]any{}, &cart); err != nil {
		return nil, err
	}
	events, err := newBatch(o.events, phase)
	if err != nil {
		return nil, err
	}
	each(kinds[0], pagesRate, http.StatusOK, func(req *fasthttp.Request, _ int) { req.SetRequestURI(s.Edge + "/products/" + outageHandle) })
	each(kinds[1], cartsRate, http.StatusOK, func(req *fasthttp.Request, n int) {
		req.SetRequestURI(s.Edge + "/api/v1/carts/" + cart.ID + "/lines/" + outageHandle)
		req.Header.SetMethod(http.MethodPut)
		req.Header.SetContentType("application/json")
		req.Header.Set("Idempotency-Key", uuid.NewString())
		req.SetBodyString(`{"quantity":` + strconv.Itoa(1+n%9) + `}`)
	})
	each(kinds[2], eventsRate, http.StatusAccepted, func(req *fasthttp.Request, n int) {
		events.renew(uint32(phase), uint64(n))
		req.SetRequestURI(s.Edge + "/api/v1/events")
		req.Header.SetMethod(http.MethodPost)
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(events.body)
	})
	wg.Wait()
	return took, errors.Join(append(errs, ctx.Err())...)
}

// paced makes requests, rate a second, one at a time, and says how long each took.
func paced(ctx context.Context, seconds, rate, want int, make func(req *fasthttp.Request, n int)) (all []time.Duration, err error) {
	client := &fasthttp.Client{MaxConnsPerHost: 1, ReadTimeout: 30 * time.Second, NoDefaultUserAgentHeader: true}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	began := time.Now()
	for n := range seconds * rate {
		start := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if early := time.Until(start); early > 0 {
			if err := pause.For(ctx, early); err != nil {
				return all, err
			}
			start = time.Now()
		}
		req.Reset()
		req.Header.SetUserAgent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
		make(req, n)
		if err := client.Do(req, resp); err != nil {
			return all, err
		}
		if resp.StatusCode() != want {
			return all, fmt.Errorf("status %d: %.300s", resp.StatusCode(), resp.Body())
		}
		all = append(all, time.Since(start))
	}
	return all, nil
}

func outageLines(all []outage) (out []report.Line) {
	if len(all) == 0 {
		return nil
	}
	for _, kind := range kinds {
		for _, state := range states[1:] {
			l := report.Line{Group: "outage", Title: fmt.Sprintf("%s, p99, while ClickHouse %s, against while it is well", kind, map[string]string{"hangs": "hangs", "away": "is away"}[state]), Unit: "×", Of: "ms", Goal: report.Shown()}
			var these, those []float64
			for _, f := range all {
				this, that := ms(f[kind][state]), ms(f[kind][states[0]])
				these, those, l.Rounds = append(these, this), append(those, that), append(l.Rounds, this/that)
			}
			l.Cells, l.Value = []float64{report.Median(these), report.Median(those)}, report.Median(l.Rounds)
			out = append(out, l)
		}
	}
	return out
}

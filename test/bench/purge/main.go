package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/internal/flagenv"
	"meridian/test/bench/report"
	"meridian/test/bench/shop"
)

type options struct {
	bin, out        string
	rounds, changes int
	callers, tags   int
	seconds         int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-purge:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench-purge", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "directory with the programs core, edge and payments")
	fs.StringVar(&o.out, "out", "", "also write the Markdown table to this file, and beside it the same as .tsv")
	fs.IntVar(&o.rounds, "rounds", 4, "how often everything is measured; the table shows medians")
	fs.IntVar(&o.changes, "changes", 200, "changes of a price in a round")
	fs.IntVar(&o.callers, "callers", 16, "callers that purge at the same time")
	fs.IntVar(&o.tags, "tags", 100, "tags in a call")
	fs.IntVar(&o.seconds, "seconds", 2, "how long they purge in a round")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return o, err
	}
	for name, v := range map[string]struct{ v, most int }{"rounds": {o.rounds, 100}, "changes": {o.changes, 100_000}, "callers": {o.callers, 500}, "tags": {o.tags, 1000}, "seconds": {o.seconds, 600}} {
		if v.v < 1 || v.v > v.most {
			return o, flagenv.Errorf(name, "give 1 to %d", v.most)
		}
	}
	return o, nil
}

// site is a running shop to measure.
type site struct {
	*shop.Shop
	http  *fasthttp.Client
	price int64
}

const handle = "changing"

func open(ctx context.Context, o options, rtt time.Duration) (*site, error) {
	s, err := shop.Start(ctx, shop.Options{Bin: o.bin, Cores: 3, Edges: 3, Apart: true, RTT: rtt, EdgeArgs: []string{"--rtt", rtt.String(), "--unlimited", "127.0.0.0/8"}})
	if err != nil {
		return nil, err
	}
	return &site{Shop: s, http: &fasthttp.Client{ReadTimeout: 10 * time.Second, MaxConnsPerHost: 64}, price: 10_000}, nil
}

func (s *site) close() error { return errors.Join(s.Stop(), os.RemoveAll(s.Dir)) }

// change gives the product its next price and returns how the page shows it.
func (s *site) change(ctx context.Context) (text string, err error) {
	s.price++
	p := map[string]any{"handle": handle, "title": "A thing whose price changes", "description_html": "<p>A thing.</p>", "vendor": "Bench", "type": "Thing", "status": "active",
		"variants": []any{map[string]any{"sku": "CHANGING-1", "title": "", "prices": map[string]int64{"EUR": s.price, "USD": s.price}, "on_hand": 10}}}
	err = shop.Client{Base: s.Edge, Token: s.Token}.Do(ctx, "PUT", "/admin/api/v1/products/"+handle, p, nil)
	return fmt.Sprintf("%d.%02d", s.price/100, s.price%100), err
}

// shows waits until an edge's page shows a text.
func (s *site) shows(ctx context.Context, edge, text string) error {
	var body []byte
	for {
		var status int
		var err error
		if status, body, err = s.http.Get(body[:0], edge+"/products/"+handle); err != nil {
			return err
		}
		if status == 200 && strings.Contains(string(body), text) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s never showed %s: %w", edge, text, ctx.Err())
		}
		time.Sleep(500 * time.Microsecond)
	}
}

// visible is, for each of n changes, how long after its answer the last edge showed it. The page is in every cache before.
func (s *site) visible(ctx context.Context, n int) (all []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(n)*time.Second)
	defer cancel()
	for i := range n + 1 {
		text, err := s.change(ctx)
		if err != nil {
			return nil, err
		}
		answered := time.Now()
		var wg sync.WaitGroup
		errs := make([]error, len(s.Edges))
		for k, edge := range s.Edges {
			wg.Go(func() { errs[k] = s.shows(ctx, edge, text) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		if i > 0 { // the first fills the caches
			all = append(all, time.Since(answered))
		}
		time.Sleep(time.Duration(i%7) * 3 * time.Millisecond) // not in step with anybody's clock
	}
	return all, nil
}

// purge is how many tags are purged a second, by calls of many tags from several callers.
func (s *site) purge(ctx context.Context, o options) (perSecond float64, err error) {
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, o.callers)
	began := time.Now()
	until := began.Add(time.Duration(o.seconds) * time.Second)
	for c := range o.callers {
		wg.Go(func() {
			staff := shop.Client{Base: s.Edges[c%len(s.Edges)], Token: s.Operator}
			for n := 0; time.Now().Before(until) && ctx.Err() == nil; n++ {
				tags := make([]string, o.tags)
				for i := range tags {
					tags[i] = fmt.Sprintf("product:thing-%d-%d", c, (n*o.tags+i)%5000)
				}
				var result struct {
					Edges []struct{ Expired bool }
				}
				if errs[c] = staff.Do(ctx, "POST", "/admin/api/v1/cache/purge", map[string]any{"tags": tags}, &result); errs[c] != nil {
					return
				}
				if len(result.Edges) != len(s.Edges) || slices.Contains(result.Edges, struct{ Expired bool }{true}) {
					errs[c] = fmt.Errorf("a purge was answered although not every edge had applied it: %+v", result.Edges)
					return
				}
				done.Add(int64(o.tags))
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// distance is one of the two distances that are measured.
type distance struct {
	name string
	rtt  time.Duration
	goal float64 // ms
}

func distances() []distance {
	return []distance{{"near", 0, 20}, {"80 ms apart", 80 * time.Millisecond, 150}}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	about := report.NewAbout(strings.TrimSpace("make bench-purge PURGE_ARGS=\"" + strings.Join(args, " ") + "\""))
	var lines []report.Line
	for _, d := range distances() {
		ms := func(title string, goal report.Goal) report.Line {
			return report.Line{Group: "purge", Title: d.name + ": " + title, Unit: "ms", Goal: goal}
		}
		p50, p99 := ms("a write on the last of three edges after its answer, p50", report.Shown()), ms("the same, p99", report.AtMost(d.goal))
		rate := report.Line{Group: "purge", Title: fmt.Sprintf("%s: tags purged a second on all edges, %d callers with %d tags a call", d.name, o.callers, o.tags), Unit: "/s", Goal: report.Shown()}
		if d.rtt == 0 {
			rate.Goal = report.AtLeast(10_000)
		}
		if err = measure(ctx, o, d, &p50, &p99, &rate); err != nil {
			err = fmt.Errorf("%s: %w", d.name, err)
			about.Item("incomplete", "%v", err)
		}
		for _, l := range []*report.Line{&p50, &p99, &rate} {
			l.Value = report.Median(l.Rounds)
			lines = append(lines, *l)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, report.Publish(o.out, about.String(), lines))
}

func measure(ctx context.Context, o options, d distance, p50, p99, rate *report.Line) (err error) {
	s, err := open(ctx, o, d.rtt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for range o.rounds {
		took, err := s.visible(ctx, o.changes)
		if err != nil {
			return err
		}
		slices.Sort(took)
		at := func(p int) float64 { return took[min(len(took)*p/100, len(took)-1)].Seconds() * 1000 }
		p50.Rounds, p99.Rounds = append(p50.Rounds, at(50)), append(p99.Rounds, at(99))
		r, err := s.purge(ctx, o)
		if err != nil {
			return err
		}
		rate.Rounds = append(rate.Rounds, r)
		fmt.Fprintf(os.Stderr, "%s: p50 %.1f ms, p99 %.1f ms, %.0f tags a second\n", d.name, at(50), at(99), r)
	}
	return nil
}

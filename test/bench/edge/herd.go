package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/test/bench/process"
	"meridian/test/bench/report"
	"meridian/test/bench/shop"
)

const (
	// herdCase is measured only when it is named: everybody at once asks for a page that nobody has cached.
	herdCase = "herd"
	// slowPath is where the origin takes upstream before it answers, as our core takes a round trip of it.
	slowPath = "/slow/"
	upstream = 50 * time.Millisecond
)

// herdSizes are how many ask at once.
var herdSizes = []int{100, 10_000}

// herdKey is a system under a herd of a size.
type herdKey struct {
	system  string
	callers int
}

// herdFigures are what one address showed.
type herdFigures struct {
	fetches    float64
	alone      time.Duration // one caller, another address that nobody has cached
	waiters    herdResult
	afterwards herdResult // the same herd again, when the page is cached
}

// failures says how many callers got no page, and why the first did not.
func (f herdFigures) failures() (s string) {
	for _, r := range []herdResult{f.waiters, f.afterwards} {
		if r.Failed > 0 {
			s += fmt.Sprintf("  %d failed (%s)", r.Failed, r.Why)
		}
	}
	return s
}

// drover makes herds for a system.
type drover struct {
	name, addr string
	path       func(ctx context.Context, round int, what string) (string, error) // an address nobody has cached
	fetches    func(context.Context) (float64, error)
}

// herds measures all of it, one fresh address for each system, size and round.
func (b *bench) herds(ctx context.Context) error {
	far, err := shop.Start(ctx, shop.Options{Bin: b.o.bin, Cores: 1, Edge: pinned, EdgeArgs: []string{"--region", "far", "--rtt", upstream.String(), "--max-conns-per-address", "20000"}})
	if err != nil {
		return fmt.Errorf("%s, far from its core: %w", oursName, err)
	}
	b.shops = append(b.shops, far)
	drovers := []drover{{oursName, strings.TrimPrefix(far.Edge, "http://"), b.fresh(far),
		func(ctx context.Context) (float64, error) {
			return far.Results(ctx, func(r string) bool { return r != "hit" && r != "collapsed" })
		}}}
	for _, s := range b.systems {
		if s.name == nginxName || s.name == varnishName {
			slow := func(_ context.Context, round int, what string) (string, error) {
				return fmt.Sprintf("%s%d/%s", slowPath, round, what), nil
			}
			drovers = append(drovers, drover{s.name, strings.TrimPrefix(s.base, "http://"), slow, s.counted})
		}
	}
	b.herded = map[herdKey][]herdFigures{}
	for round := range b.o.rounds {
		for _, callers := range herdSizes {
			k := round % len(drovers)
			for _, d := range append(slices.Clone(drovers[k:]), drovers[:k]...) {
				f, err := b.drove(ctx, d, round, callers)
				if err != nil {
					return fmt.Errorf("round %d, %s, herd of %d: %w", round+1, d.name, callers, err)
				}
				fmt.Fprintf(os.Stderr, "round %d  herd of %-6d  %-8s %.0f fetches  alone %.1f ms  p50 %.1f ms  p99 %.1f ms  most %.1f ms  cached: p50 %.1f ms  p99 %.1f ms%s\n", round+1, callers, d.name, f.fetches,
					ms(f.alone), ms(f.waiters.P50), ms(f.waiters.P99), ms(f.waiters.Most), ms(f.afterwards.P50), ms(f.afterwards.P99), f.failures())
				key := herdKey{d.name, callers}
				b.herded[key] = append(b.herded[key], f)
			}
		}
	}
	return nil
}

// fresh makes a product, whose page nobody has seen.
func (b *bench) fresh(s *shop.Shop) func(context.Context, int, string) (string, error) {
	return func(ctx context.Context, round int, what string) (string, error) {
		handle := fmt.Sprintf("herd-%d-%s", round, what)
		text := sentences(rand.New(rand.NewPCG(b.o.seed, uint64(round))), b.o.size/2)
		err := putProduct(ctx, s, handle, strings.ToUpper(handle), text)
		return "/products/" + handle, err
	}
}

// drove is one herd: a lone caller first, then everybody, then everybody again.
func (b *bench) drove(ctx context.Context, d drover, round, callers int) (f herdFigures, err error) {
	name := strconv.Itoa(callers)
	lone, err := d.path(ctx, round, name+"-alone")
	if err != nil {
		return f, err
	}
	path, err := d.path(ctx, round, name)
	if err != nil {
		return f, err
	}
	one, err := b.callHerd(ctx, d.addr, lone, 1)
	if err != nil {
		return f, err
	}
	f.alone = one.Most
	before, err := d.fetches(ctx)
	if err != nil {
		return f, err
	}
	if f.waiters, err = b.callHerd(ctx, d.addr, path, callers); err != nil {
		return f, err
	}
	after, err := d.fetches(ctx)
	if err != nil {
		return f, err
	}
	f.fetches = after - before
	f.afterwards, err = b.callHerd(ctx, d.addr, path, callers)
	return f, err
}

// callHerd runs the callers in a process pinned beside the server.
func (b *bench) callHerd(ctx context.Context, addr, path string, callers int) (r herdResult, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, self, herdCommand, "--addr", addr, "--path", path, "--callers", strconv.Itoa(callers))
	if err := process.Pin(cmd, loadCPU); err != nil {
		return r, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return r, errors.Join(ctx.Err(), fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String())))
	}
	return r, json.Unmarshal(out, &r)
}

// count writes a number of callers.
func count(n int) string { return strings.TrimSuffix(report.Amount(float64(n), "/s"), "/s") }

// herdLines hold ours to its goals; the others' figures stand beside them in herdTable.
func (b *bench) herdLines() (out []report.Line) {
	for _, callers := range herdSizes {
		all := b.herded[herdKey{oursName, callers}]
		if len(all) == 0 {
			continue
		}
		line := func(title, unit string, bound float64, of func(herdFigures) float64) {
			l := report.Line{Group: herdCase, Title: fmt.Sprintf("herd of %s, %s", count(callers), title), Unit: unit, Goal: report.AtMost(bound)}
			if math.IsNaN(bound) {
				l.Goal = report.Shown()
			}
			for _, f := range all {
				l.Rounds = append(l.Rounds, of(f))
			}
			l.Value = report.Median(l.Rounds)
			out = append(out, l)
		}
		line("callers without the page", "callers", 0, func(f herdFigures) float64 { return float64(f.waiters.Failed + f.afterwards.Failed) })
		line("fetches of an address", "fetches", 1, func(f herdFigures) float64 { return f.fetches })
		line(fmt.Sprintf("p99 of who waited beyond the upstream's %.0f ms", ms(upstream)), "ms", 10, func(f herdFigures) float64 { return ms(f.waiters.P99 - upstream) })
		// What it takes to answer so many at once is in both.
		line("p99 of who waited beyond that of the same herd when the page is cached", "ms", math.NaN(), func(f herdFigures) float64 { return ms(f.waiters.P99 - f.afterwards.P99) })
	}
	return out
}

// herdTable is everybody's own figures.
func (b *bench) herdTable() string {
	var out [][]string
	for _, callers := range herdSizes {
		for _, name := range append([]string{oursName}, b.o.systems...) {
			all := b.herded[herdKey{name, callers}]
			if len(all) == 0 {
				continue
			}
			middle := func(unit string, of func(herdFigures) float64) string {
				var v []float64
				for _, f := range all {
					v = append(v, of(f))
				}
				return strings.TrimSpace(report.Amount(report.Median(v), unit))
			}
			out = append(out, []string{count(callers), name, middle("", func(f herdFigures) float64 { return f.fetches }), middle("ms", func(f herdFigures) float64 { return ms(f.alone) }),
				middle("ms", func(f herdFigures) float64 { return ms(f.waiters.P50) }), middle("ms", func(f herdFigures) float64 { return ms(f.waiters.P99) }),
				middle("ms", func(f herdFigures) float64 { return ms(f.waiters.Most) }), middle("ms", func(f herdFigures) float64 { return ms(f.afterwards.P99) }),
				middle("", func(f herdFigures) float64 { return float64(f.waiters.Failed + f.afterwards.Failed) })})
		}
	}
	return report.Table([]string{"at once", "system", "fetches of an address", "one alone", "p50", "p99", "most", "p99 when it is cached", "failed"}, out)
}

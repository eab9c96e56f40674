package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

// sale is what one sale showed.
type sale struct {
	came, bought, failed int
	oversold             int
	firstError           error
	// rate is how many were let in a second while people waited, and inOrder the part of pairs more than fairAfter apart that were let in as they came.
	rate, inOrder float64
	// pages are how long a cached page took before the sale, during it, and while as many requests as in the sale went to another cached page.
	quiet, during, browsing []time.Duration
	// told is how long after the last unit was sold those who waited knew.
	told      []time.Duration
	checkouts []time.Duration
	slow      *visitor // whose purchase took longest
	// perClient and perToken are how many payments one greedy client, and one payment token, had under way at once.
	perClient, perToken int
}

// figures are one round: the sale without a room and with one.
type figures struct{ open, room sale }

func (f figures) String() string {
	return fmt.Sprintf("with a room %d of %d bought, %d oversold, %d failed (%v), %.1f let in a second, %.2f %% in order, the slowest cart, line and checkout %v; without one %d bought, %d oversold, %d failed (%v)",
		f.room.bought, f.room.came, f.room.oversold, f.room.failed, f.room.firstError, f.room.rate, f.room.inOrder*100, f.room.slow.stepsOr(), f.open.bought, f.open.oversold, f.open.failed, f.open.firstError)
}

const (
	fairAfter = 250 * time.Millisecond
	// The sale's product, the one beside it whose page is looked at, and the one that greedy clients want.
	saleHandle, besideHandle, greedyHandle = "sale", "beside", "greedy"
	greedyPlaces                           = 20
	greedyCap                              = 5 // what a room allows one client where its opener says nothing
	greedyTokenCap                         = 2
)

func skuOf(handle string) string { return handle + "-1" }

// round holds one sale over a fresh shop.
func round(ctx context.Context, o options, seed uint64, room bool) (f sale, err error) {
	s, err := shop.Start(ctx, shop.Options{Bin: o.bin, Cores: 3, Edges: 2, Edge: firstAlone(o.edgeEnv),
		EdgeArgs: []string{"--trusted-proxies", "127.0.0.0/8"}})
	if err != nil {
		return f, err
	}
	defer func() {
		err = errors.Join(err, s.Stop())
		if o.keep {
			fmt.Fprintln(os.Stderr, "kept:", s.Dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(s.Dir))
	}()
	staff := shop.Client{Base: s.Edge, Token: s.Token}
	for handle, units := range map[string]int{saleHandle: o.units, besideHandle: 10, greedyHandle: 1000} {
		p := map[string]any{"handle": handle, "title": "A thing: " + handle, "description_html": "<p>A thing that many people want at the same time.</p>", "vendor": "Bench", "type": "Thing", "status": "active",
			"variants": []any{map[string]any{"sku": skuOf(handle), "title": "", "prices": map[string]int64{"EUR": 1999, "USD": 2199}, "on_hand": units}}}
		if err := staff.Do(ctx, "PUT", "/admin/api/v1/products/"+handle, p, nil); err != nil {
			return f, err
		}
	}
	look := &onlooker{edge: s.Edge}
	if f.quiet, err = look.watch(ctx, func() { time.Sleep(3 * time.Second) }); err != nil {
		return f, err
	}
	name := ""
	if room {
		name = saleHandle
		if err := open(ctx, staff, saleHandle, o.rate); err != nil {
			return f, err
		}
	}
	selling := float64(o.units)/o.rate + 10
	c := newCrowd(s.Edges, name, skuOf(saleHandle), time.Now().Add(o.duration+time.Duration(selling*float64(time.Second))))
	meter := admission{staff: staff, room: saleHandle, stop: make(chan struct{})}
	var wg sync.WaitGroup
	if room {
		wg.Go(func() { meter.run(ctx) })
	}
	var all []*visitor
	f.during, err = look.watch(ctx, func() { all = c.come(ctx, rand.New(rand.NewPCG(seed, 1)), o.rate*o.times, o.duration) })
	close(meter.stop)
	wg.Wait()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return f, err
	}
	f.judge(all)
	f.rate = meter.rate()
	if room {
		failed := 0
		f.browsing, err = look.watch(ctx, func() { failed = c.browse(ctx, rand.New(rand.NewPCG(seed, 2)), "/products/"+saleHandle) })
		if failed > 0 {
			err = errors.Join(err, fmt.Errorf("the crowd that only looks: %d pages failed", failed))
		}
		if err != nil {
			return f, err
		}
	}
	if room {
		if f.perClient, f.perToken, err = greedy(ctx, s, staff); err != nil {
			return f, fmt.Errorf("greedy clients: %w", err)
		}
	}
	var stock struct {
		OnHand int `json:"on_hand"`
	}
	if err := staff.Do(ctx, "GET", "/admin/api/v1/stock/"+skuOf(saleHandle), nil, &stock); err != nil {
		return f, err
	}
	f.oversold = max(f.bought-o.units, -stock.OnHand, f.bought+stock.OnHand-o.units)
	return f, s.Check()
}

// firstAlone gives the first edge that is started a processor of its own, and a variable of its environment.
func firstAlone(variable string) func(*exec.Cmd) error {
	started := 0
	return func(cmd *exec.Cmd) error {
		if started++; started > 1 {
			return nil
		}
		if variable != "" {
			cmd.Env = append(os.Environ(), variable)
		}
		return process.Pin(cmd, edgeCPU)
	}
}

func open(ctx context.Context, staff shop.Client, handle string, rate float64) error {
	if err := staff.Do(ctx, "PUT", "/admin/api/v1/waiting-rooms/"+handle, map[string]any{"product": handle, "rate": rate}, nil); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // every edge has seen it
	return nil
}

// judge looks at what became of everybody.
func (f *sale) judge(all []*visitor) {
	f.came = len(all)
	orders := map[string]bool{}
	last := time.Time{}
	for _, v := range all {
		switch {
		case v.err != nil:
			f.failed++
			if f.firstError == nil {
				f.firstError = v.err
			}
		case v.order != "" && orders[v.order]:
			f.failed++
			f.firstError = fmt.Errorf("two visitors were given the order %s", v.order)
		case v.order != "":
			orders[v.order] = true
			f.checkouts = append(f.checkouts, v.steps[0]+v.steps[1]+v.steps[2])
			f.slow = slower(f.slow, v)
			if v.left.After(last) {
				last = v.left
			}
		}
	}
	f.bought = len(orders)
	for _, v := range all {
		if v.soldOut && v.number > 0 && v.began.IsZero() && v.arrived.Before(last) {
			f.told = append(f.told, v.left.Sub(last))
		}
	}
	f.inOrder = inOrder(all, fairAfter)
}

// slower is the one of two whose purchase took longer.
func slower(a, b *visitor) *visitor {
	sum := func(v *visitor) time.Duration { return v.steps[0] + v.steps[1] + v.steps[2] }
	if a == nil || sum(b) > sum(a) {
		return b
	}
	return a
}

func (v *visitor) stepsOr() [3]time.Duration {
	if v == nil {
		return [3]time.Duration{}
	}
	return v.steps
}

// inOrder is the part of all pairs who came more than apart after one another that have their numbers in that order. It counts
// inversions with a Fenwick tree over the numbers.
func inOrder(all []*visitor, apart time.Duration) float64 {
	var came []*visitor
	for _, v := range all {
		if v.number > 0 {
			came = append(came, v)
		}
	}
	slices.SortFunc(came, func(a, b *visitor) int { return a.arrived.Compare(b.arrived) })
	numbers := make([]uint64, len(came))
	for i, v := range came {
		numbers[i] = v.number
	}
	slices.Sort(numbers)
	tree := make([]int, len(came)+1)
	pairs, right, before := 0, 0, 0
	for _, v := range came {
		for before < len(came) && v.arrived.Sub(came[before].arrived) > apart {
			at, _ := slices.BinarySearch(numbers, came[before].number)
			for i := at + 1; i < len(tree); i += i & -i {
				tree[i]++
			}
			before++
		}
		at, _ := slices.BinarySearch(numbers, v.number)
		for i := at; i > 0; i -= i & -i {
			right += tree[i]
		}
		pairs += before
	}
	if pairs == 0 {
		return 1
	}
	return float64(right) / float64(pairs)
}

// admission reads a room's counters while the sale goes on.
type admission struct {
	staff shop.Client
	room  string
	stop  chan struct{}

	first, last reading
}

type reading struct {
	at       time.Time
	admitted float64
}

func (a *admission) run(ctx context.Context) {
	for {
		var list struct {
			Items []struct {
				ID                string
				Arrived, Admitted float64
			}
		}
		began := time.Now()
		if err := a.staff.Do(ctx, "GET", "/admin/api/v1/waiting-rooms", nil, &list); err == nil {
			for _, r := range list.Items {
				if r.ID != a.room || r.Admitted == 0 || r.Admitted == r.Arrived { // the rate is reached only while somebody waits
					continue
				}
				now := reading{began.Add(time.Since(began) / 2), r.Admitted}
				if a.first.at.IsZero() {
					a.first = now
				}
				a.last = now
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-a.stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (a *admission) rate() float64 {
	d := a.last.at.Sub(a.first.at).Seconds()
	if d <= 0 {
		return 0
	}
	return (a.last.admitted - a.first.admitted) / d
}

// greedy says how many payments one client, and then one payment token, gets under way at once.
func greedy(ctx context.Context, s *shop.Shop, staff shop.Client) (perClient, perToken int, err error) {
	if err := open(ctx, staff, greedyHandle, 1000); err != nil {
		return 0, 0, err
	}
	c := newCrowd(s.Edges, greedyHandle, skuOf(greedyHandle), time.Now().Add(time.Minute))
	try := func(kind int, address, token func(i int) string) (taken int, err error) {
		var wg sync.WaitGroup
		all := make([]*visitor, greedyPlaces)
		// They pay at the same moment: who came when the payments of others are over would be let through rightly.
		var ready sync.WaitGroup
		ready.Add(greedyPlaces)
		c.turn = func() { ready.Done(); ready.Wait() }
		for i := range all {
			all[i] = &visitor{n: 1<<20 + kind*greedyPlaces + i, address: address(i), token: token(i)}
			wg.Go(func() {
				all[i].err = c.visit(ctx, all[i])
				if all[i].began.IsZero() { // never had a turn: the others do not wait for it
					ready.Done()
				}
			})
		}
		wg.Wait()
		for _, v := range all {
			switch {
			case v.order != "":
				taken++
			case v.err != nil && !errors.Is(v.err, errUnexpected): // a refusal is what was hoped for
				return 0, v.err
			}
		}
		return taken, nil
	}
	same := func(v string) func(int) string { return func(int) string { return v } }
	perClient, err = try(0, same("10.200.0.1"), func(i int) string { return "tok_slow.c" + strconv.Itoa(i) })
	if err != nil {
		return 0, 0, err
	}
	perToken, err = try(1, func(i int) string { return "10.201.0." + strconv.Itoa(i) }, same("tok_slow.one"))
	return perClient, perToken, err
}

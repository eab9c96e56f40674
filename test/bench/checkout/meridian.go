package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"meridian/api"
	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

// meridian is a build of ours. Every round has a cluster of its own, so that a system does not run idle
// while another is measured, and none grows from round to round.
type meridian struct {
	o     options
	bin   string
	label string
}

func (m *meridian) name() string                  { return m.label }
func (m *meridian) prepare(context.Context) error { return nil }
func (m *meridian) close()                        {}

// startShop starts three cores and an edge without limits that a few load generators on one address would hit.
func startShop(ctx context.Context, bin string, rtt time.Duration) (*shop.Shop, error) {
	return shop.Start(ctx, shop.Options{Bin: bin, Cores: 3, RTT: rtt, EdgeArgs: []string{"--unlimited", "127.0.0.0/8", "--sandbox-cards"}})
}

// units of everything: more than anyone can buy in a round.
const units = 1_000_000

func (m *meridian) round(ctx context.Context, n int) (f figures, err error) {
	s, err := startShop(ctx, m.bin, m.o.rtt)
	if err != nil {
		return f, err
	}
	defer func() {
		err = errors.Join(err, s.Stop())
		if m.o.keep {
			fmt.Println("data:", s.Dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(s.Dir))
	}()
	skus, err := fill(ctx, s, m.o.skus)
	if err != nil {
		return f, err
	}
	sales, err := crowd(ctx, s.Edge, "warm", m.o.shoppers, m.o.warmUp, skus)
	if err == nil {
		err = settled(ctx, s, len(sales))
	}
	if err != nil {
		return f, fmt.Errorf("warm-up: %w", err)
	}
	profiled := func() error { return nil }
	if m.o.profiles != "" && n == m.o.rounds {
		profiled = s.Profile(m.o.profiles, m.o.duration)
	}
	f, all, err := m.window(ctx, s, skus, sales)
	if err = errors.Join(err, profiled()); err != nil {
		return f, err
	}
	if err := verify(ctx, s, skus, all); err != nil {
		return f, fmt.Errorf("what was sold does not add up, there is no figure: %w", err)
	}
	return f, s.Check()
}

// window measures: it opens with the first request and closes when the last capture is written down.
func (m *meridian) window(ctx context.Context, s *shop.Shop, skus []string, before []sale) (f figures, all []sale, err error) {
	cpu, err := s.Meter()
	if err != nil {
		return f, nil, err
	}
	load := process.Self()
	began := time.Now()
	sales, err := crowd(ctx, s.Edge, "run", m.o.shoppers, m.o.duration, skus)
	if err != nil {
		return f, nil, err
	}
	answered := time.Now()
	load = process.Self() - load
	all = append(append(all, before...), sales...)
	if err := settled(ctx, s, len(all)); err != nil {
		return f, nil, err
	}
	end := time.Now()
	after, err := s.Meter()
	if err != nil {
		return f, nil, err
	}
	f = figures{orders: len(sales), took: end.Sub(began), tail: end.Sub(answered), cpu: after.Since(cpu), load: load}
	for _, v := range sales {
		f.waits = append(f.waits, v.took())
	}
	return f, all, nil
}

// fill makes the things that are sold.
func fill(ctx context.Context, s *shop.Shop, n int) ([]string, error) {
	c := shop.Client{Base: s.Edge, Token: s.Token}
	var skus []string
	for i := range n {
		sku := fmt.Sprintf("BENCH-%03d", i)
		handle := fmt.Sprintf("bench-%03d", i)
		p := map[string]any{"handle": handle, "title": fmt.Sprintf("A thing number %d", i), "description_html": "<p>A thing to buy, with two sentences about it. It is blue.</p>",
			"vendor": "Bench", "type": "Thing", "status": "active", "variants": []any{map[string]any{"sku": sku, "title": "", "prices": map[string]int64{"EUR": 1999, "USD": 2199}, "on_hand": units}}}
		if err := c.Do(ctx, "PUT", "/admin/api/v1/products/"+handle, p, nil); err != nil {
			return nil, fmt.Errorf("make %s: %w", sku, err)
		}
		skus = append(skus, sku)
	}
	return skus, nil
}

// settled waits until the provider has captured n charges and the newest orders say so too.
func settled(ctx context.Context, s *shop.Shop, n int) error {
	provider, staff := shop.Client{Base: s.Provider}, shop.Client{Base: s.Edge, Token: s.Token}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		taken, err := provider.Gauge(ctx, `sandbox_charges{state="captured"}`)
		if err != nil {
			return err
		}
		if taken >= float64(n) {
			var newest api.List[api.StaffOrder]
			if err := staff.Do(ctx, "GET", "/admin/api/v1/orders?limit=20", nil, &newest); err != nil {
				return err
			}
			done := true
			for _, o := range newest.Items {
				done = done && o.Payment.State == "captured"
			}
			if done {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after 2 minutes the provider has captured %.0f of %d charges", taken, n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// verify holds the answers against the orders, the stock, the provider's ledger and the cores' counters.
func verify(ctx context.Context, s *shop.Shop, skus []string, sales []sale) error {
	staff := shop.Client{Base: s.Edge, Token: s.Token}
	sold, totals := map[string]int64{}, map[string]int64{}
	for _, v := range sales {
		sold[v.sku]++
		totals[v.order] = v.total
	}
	if len(totals) != len(sales) {
		return fmt.Errorf("%d purchases were answered with %d different orders", len(sales), len(totals))
	}
	orders := 0
	err := pages(ctx, staff, "/admin/api/v1/orders?limit=100", func(o api.StaffOrder) error {
		orders++
		if total, ok := totals[o.ID]; !ok || o.Status != api.OrderPaid || o.Payment.State != "captured" || o.Totals.Total.Amount != total {
			return fmt.Errorf("order %s is %s with its payment %s over %d; answered: %v, over %d", o.ID, o.Status, o.Payment.State, o.Totals.Total.Amount, ok, total)
		}
		return nil
	})
	if err != nil {
		return err
	}
	charges := map[string]bool{}
	type charge struct {
		Order    string `json:"order"`
		State    string `json:"state"`
		Captured int64  `json:"captured"`
	}
	err = pages(ctx, shop.Client{Base: s.Provider}, "/charges?limit=1000", func(c charge) error {
		if total, ok := totals[c.Order]; !ok || charges[c.Order] || c.State != "captured" || c.Captured != total {
			return fmt.Errorf("the provider has a charge for order %s: %s, %d taken, one before: %v; the order is over %d", c.Order, c.State, c.Captured, charges[c.Order], total)
		}
		charges[c.Order] = true
		return nil
	})
	switch {
	case err != nil:
		return err
	case orders != len(sales) || len(charges) != len(sales):
		return fmt.Errorf("%d purchases were answered, there are %d orders and %d charges", len(sales), orders, len(charges))
	}
	for _, sku := range skus {
		var l api.StockLevel
		if err := staff.Do(ctx, "GET", "/admin/api/v1/stock/"+sku, nil, &l); err != nil {
			return err
		}
		if l.OnHand != units-sold[sku] || l.Reserved != 0 {
			return fmt.Errorf("%s: %d were sold of %d, on hand are %d, reserved %d", sku, sold[sku], units, l.OnHand, l.Reserved)
		}
	}
	for _, name := range s.Cores {
		open, err := shop.Client{Base: s.Ops[name]}.Gauge(ctx, "meridian_core_open_orders")
		if err != nil || open != 0 {
			return fmt.Errorf("%s has %v open orders (%v)", name, open, err)
		}
	}
	return nil
}

// pages calls fn for everything in a list.
func pages[T any](ctx context.Context, c shop.Client, path string, fn func(T) error) error {
	for after := ""; ; {
		var page api.List[T]
		at := path
		if after != "" {
			at += "&after=" + url.QueryEscape(after)
		}
		if err := c.Do(ctx, "GET", at, nil, &page); err != nil {
			return err
		}
		for _, v := range page.Items {
			if err := fn(v); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		after = *page.Next
	}
}

package analytics

import (
	"context"
	"errors"
	"testing"
	"time"

	"meridian/api"
)

// sliceList is an outbox in memory with the core's rules: the same slice until it is done.
type sliceList struct {
	list []api.OutboxSlice
	done []uint64
}

func (s *sliceList) Next(context.Context) (api.OutboxSlice, error) {
	if len(s.list) == 0 {
		return api.OutboxSlice{}, nil
	}
	return s.list[0], nil
}

func (s *sliceList) Done(_ context.Context, slice uint64) error {
	if s.list[0].Slice != slice {
		return errors.New("not the slice that was given")
	}
	s.list, s.done = s.list[1:], append(s.done, slice)
	return nil
}

func TestReports(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	eventually(t, "connected", func() bool { return a.Stats().Connected })
	now := time.Now().UTC()
	day := Params{From: now.Add(-24 * time.Hour), To: now.Add(time.Hour)}
	run := func(name string, p Params) Table {
		t.Helper()
		table, err := a.Reports().Run(t.Context(), name, p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, row := range table.Rows {
			if len(row) != len(table.Columns) {
				t.Fatalf("%s: %d cells for %d columns", name, len(row), len(table.Columns))
			}
			for i, c := range row {
				switch v := c.(type) {
				case nil, string, int64, float64:
				default:
					t.Fatalf("%s: column %s is a %T", name, table.Columns[i].Name, v)
				}
				ok := true
				switch table.Columns[i].Type {
				case "integer":
					_, ok = c.(int64)
				case "number":
					_, ok = c.(float64)
				default:
					_, ok = c.(string)
				}
				if !ok {
					t.Fatalf("%s: column %s of type %s holds %T", name, table.Columns[i].Name, table.Columns[i].Type, c)
				}
			}
		}
		return table
	}
	for _, r := range a.Reports().List() {
		for _, interval := range []string{"", "week"} {
			table := run(r.Name, Params{From: day.From, To: day.To, Interval: interval, Compare: interval == "week"})
			if n := len(table.Rows); (r.Name == "overview" || r.Name == "funnel") && n == 0 {
				t.Errorf("%s on an empty database has no rows", r.Name)
			}
		}
	}
	if got, err := a.Trending(t.Context(), 10); err != nil || len(got) != 0 {
		t.Errorf("trends of nothing: %v %v", got, err)
	}

	ev := func(id, typ, session, visitor, item string, at time.Time) api.Event {
		e := api.Event{ID: id, Type: typ, At: at.Format(time.RFC3339Nano), Session: session, Visitor: visitor}
		if item != "" {
			e.Items = []api.EventItem{{ItemID: item, Quantity: 2, Price: &api.Money{Amount: 500, Currency: "EUR"}}}
		}
		return e
	}
	s, t0, zero := newShopper(t), now.Add(-40*time.Hour), int64(0)
	search := ev(s.id(), "search", "c", "vc", "", t0)
	search.Query, search.Results = " Teal MUG", &zero
	shown, clicked := ev(s.id(), "rec_impression", "a", "va", "mug", t0), ev(s.id(), "rec_click", "a", "va", "mug", t0.Add(time.Second))
	for _, e := range []*api.Event{&shown, &clicked} {
		e.Slot, e.Algorithm, e.Version = "home", "pairs", "7"
	}
	batch := api.EventBatch{Events: []api.Event{
		shown, clicked, search,
		ev(s.id(), "view_item", "a", "va", "mug", t0.Add(2*time.Second)),
		ev(s.id(), "add_to_cart", "a", "va", "mug", t0.Add(3*time.Second)),
		ev(s.id(), "begin_checkout", "a", "va", "mug", t0.Add(4*time.Second)),
		ev(s.id(), "view_item", "b", "vb", "mug", t0.Add(time.Minute)),
		ev(s.id(), "add_to_cart", "b", "vb", "mug", t0.Add(2*time.Minute)),
		ev(s.id(), "view_item", "c", "vc", "jug", t0.Add(time.Minute)),
		ev(s.id(), "view_item", "d", "vd", "mug", now.Add(-time.Minute)),
	}}
	if err := a.Record(t.Context(), batch, Client{UserAgent: "Mozilla/5.0 (X11) Firefox/140"}); err != nil {
		t.Fatal(err)
	}
	robot := api.EventBatch{Events: []api.Event{ev(s.id(), "view_item", "robot", "", "jug", now)}}
	if err := a.Record(t.Context(), robot, Client{UserAgent: "Examplebot/2.1"}); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	box := &sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, t0.Add(5*time.Second), "a", "mug", 2, 1000)}}}}
	early := api.OutboxSlice{Slice: 2}
	for seq := uint64(2); seq < 10; seq++ { // the jug sold fast, and then no more
		early.Entries = append(early.Entries, order(seq, now.Add(-70*time.Hour), "", "jug", 1, 10))
	}
	box.list = append(box.list, early)
	for _, want := range []int{1, 8, 0} {
		if n, err := a.DeliverOutbox(t.Context(), box); n != want || err != nil {
			t.Fatal(n, err)
		}
	}

	days := Params{From: now.Add(-72 * time.Hour), To: now.Add(time.Minute), Interval: "month"}
	expect := func(name string, row int, column string, want any) {
		t.Helper()
		table := run(name, days)
		for i, c := range table.Columns {
			if c.Name == column {
				if row >= len(table.Rows) || table.Rows[row][i] != want {
					t.Errorf("%s row %d %s: want %v in %v", name, row, column, want, table.Rows)
				}
				return
			}
		}
		t.Errorf("%s has no column %s", name, column)
	}
	for i, n := range []int64{4, 4, 2, 1, 1} { // visited, viewed, carted, checkout, ordered
		expect("funnel", i, "sessions", n)
	}
	expect("top_products", 0, "product", "mug")
	expect("top_products", 0, "viewers", int64(3))
	expect("top_products", 0, "carters", int64(2))
	expect("top_products", 0, "units", int64(2))
	expect("top_products", 0, "revenue", int64(1000))
	expect("searches", 0, "query", "teal mug")
	expect("searches", 0, "without_results", int64(1))
	expect("searches", 0, "clicked", 100.)
	expect("recommendations", 0, "impressions", int64(1))
	expect("recommendations", 0, "click_rate", 100.)
	expect("recommendations", 0, "orders", int64(1))
	expect("abandoned_carts", 0, "carts", int64(2))
	expect("abandoned_carts", 0, "abandoned", int64(1))
	expect("abandoned_carts", 0, "value", int64(1000))
	expect("stock_left", 0, "sku", "M-1")
	expect("stock_left", 0, "units", int64(10))
	expect("stock_out", 0, "product", "jug")
	expect("stock_out", 0, "viewers_since", int64(1))
	var revenue, sessions int64
	for _, row := range run("overview", Params{From: days.From, To: days.To, Interval: "day"}).Rows {
		sessions, revenue = sessions+row[1].(int64), revenue+row[7].(int64)
	}
	if revenue != 1490+8*500 || sessions < 4 {
		t.Errorf("overview: revenue %d, sessions %d", revenue, sessions)
	}
	w := e.warehouse()
	k, err := w.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.roll(t.Context(), &k, time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	var visitors int64
	for _, row := range run("retention", days).Rows {
		visitors += row[1].(int64)
	}
	if visitors != 4 {
		t.Errorf("retention: %d visitors", visitors)
	}
	if got, err := a.Trending(t.Context(), 10); err != nil || len(got) == 0 || got[0] != "mug" {
		t.Errorf("trending: %v %v", got, err)
	}
	for name, p := range map[string]Params{"nothing": day, "funnel": {From: now, To: now}, "overview": {From: now.Add(-time.Hour), To: now, Interval: "second"}} {
		if _, err := a.Reports().Run(t.Context(), name, p); err == nil || api.AsError(err).Status >= 500 {
			t.Errorf("%s %+v: %v", name, p, err)
		}
	}
}

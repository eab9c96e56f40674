package analytics

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/api"
	"meridian/recommend"
	"meridian/recommend/recseval"
)

// toySessions are recorded sessions of a real shop.
func toySessions(t *testing.T, name string) []recseval.Session {
	t.Helper()
	s, err := recseval.ReadFile("../recommend/recseval/testdata/serenade_toy/" + name + ".tsv.gz")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var always = time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC)

// imported is an engine that has sessions as events.
func imported(t *testing.T, sessions []recseval.Session) *Analytics {
	t.Helper()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	n := 0
	for chunk := range slices.Chunk(sessions, 4000) {
		events := []api.Event{}
		for _, s := range chunk {
			events = append(events, s.Events(n)...)
			n++
		}
		if err := a.Import(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, a)
	return a
}

// TestNeighboursAreTheReference: the SQL makes the table that plain Go makes, on real sessions.
func TestNeighboursAreTheReference(t *testing.T) {
	train := toySessions(t, "train")
	a := imported(t, train)
	for name, change := range map[string]func(*recommend.Params){
		"the shop's": func(*recommend.Params) {},
		"where limits matter": func(p *recommend.Params) {
			p.Sessions, p.SessionItems, p.SessionViews, p.Steps, p.Neighbours = 5, 6, 9, 3, 7
		},
		"with other exponents": func(p *recommend.Params) { p.Alpha, p.Shrink, p.Length, p.Decay, p.Preceding = 0.5, 20, 1, 0.3, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			p := recommend.Default()
			change(&p)
			began := time.Now()
			got, err := a.Tables(t.Context(), "v", time.Unix(0, 0), always, p, recommend.DefaultOrders())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d pairs of %d products in %v", got.Pairs(), got.Len(), time.Since(began))
			want, err := recseval.Reference(train, p)
			if err != nil {
				t.Fatal(err)
			}
			all, same := map[string]bool{}, 0
			for _, s := range train {
				for _, item := range s.Items {
					all[item] = true
				}
			}
			for item := range all {
				if sameNeighbours(got.Neighbours(recommend.Viewed, item), want.Neighbours(recommend.Viewed, item)) {
					same++
				}
			}
			if share := float64(same) / float64(len(all)); share < 0.99 || got.Pairs() == 0 {
				t.Errorf("%.2f %% of %d products have the neighbours of the reference", 100*share, len(all))
			}
		})
	}
}

// TestBoughtTogetherIsTheReference: the SQL makes the table of what is bought together that plain Go makes; what was bought together once says nothing,
// and neither does what is no order.
func TestBoughtTogetherIsTheReference(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	eventually(t, "connected", func() bool { return a.Stats().Connected })
	s, now := newShopper(t), time.Now().UTC().Truncate(time.Second)
	var orders []recseval.Order
	slice := api.OutboxSlice{Slice: 1, Timeline: 1}
	place := func(o recseval.Order, kind string) {
		seq := uint64(len(slice.Entries) + 1)
		entry := order(seq, o.At, fmt.Sprint("s", seq), o.Items[0], 1, 100)
		entry.Type = kind
		for _, item := range o.Items[1:] {
			line := entry.Order.Lines[0]
			line.Handle = item
			entry.Order.Lines = append(entry.Order.Lines, line)
		}
		slice.Entries = append(slice.Entries, entry)
	}
	for i := range 3000 {
		o := recseval.Order{At: now.Add(-time.Duration(i) * time.Hour)}
		shelf := s.r.IntN(6) // products of one shelf are bought together
		for range 1 + s.r.IntN(7) {
			o.Items = append(o.Items, fmt.Sprintf("shelf-%d-%d", shelf, s.r.IntN(12)))
		}
		if i%50 == 0 {
			o.Items = append(o.Items, fmt.Sprint("chance-", i))
		}
		orders = append(orders, o)
		place(o, "order_placed")
	}
	place(recseval.Order{At: now, Items: []string{"cancelled-1", "cancelled-2"}}, "order_cancelled")
	place(recseval.Order{At: now, Items: []string{"cancelled-1", "cancelled-2"}}, "order_cancelled")
	if _, err := a.DeliverOutbox(t.Context(), &sliceList{list: []api.OutboxSlice{slice}}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*recommend.OrderParams){
		"the shop's": func(*recommend.OrderParams) {},
		"where limits matter": func(p *recommend.OrderParams) {
			p.Neighbours, p.Orders, p.OrderItems, p.Together, p.Alpha, p.Shrink, p.Length, p.Decay = 4, 60, 4, 5, 0.75, 2, 1, 0.3
		},
	} {
		p := recommend.DefaultOrders()
		change(&p)
		got, err := a.Tables(t.Context(), "v", time.Unix(0, 0), always, recommend.Default(), p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := recseval.BoughtReference(orders, p)
		if err != nil {
			t.Fatal(err)
		}
		if got.Pairs() != want.Pairs() || got.Len() != want.Len() || got.Pairs() == 0 {
			t.Errorf("%s: %d pairs of %d products instead of %d of %d", name, got.Pairs(), got.Len(), want.Pairs(), want.Len())
		}
		for _, o := range orders {
			for _, item := range o.Items {
				if strings.HasPrefix(item, "chance-") && len(got.Neighbours(recommend.Bought, item)) > 0 {
					t.Fatalf("%s: one order speaks for %s", name, item)
				}
				if x, y := got.Neighbours(recommend.Bought, item), want.Neighbours(recommend.Bought, item); !sameNeighbours(x, y) {
					t.Fatalf("%s: %s has %v instead of %v", name, item, x, y)
				}
			}
		}
	}
}

// sameNeighbours reports whether the first twenty are the same but for the order of those that are as good as equal, and
// have the same scores.
func sameNeighbours(a, b []recommend.Neighbour) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range min(20, len(a)) {
		if d := a[i].Score/b[i].Score - 1; d > 1e-4 || d < -1e-4 {
			return false
		}
		if a[i].Item != b[i].Item && !slices.ContainsFunc(b, func(n recommend.Neighbour) bool {
			return n.Item == a[i].Item && n.Score/a[i].Score > 0.9999 && n.Score/a[i].Score < 1.0001
		}) &&
			b[len(b)-1].Score/a[i].Score < 0.9999 {
			return false
		}
	}
	return true
}

// TestQualityThroughClickHouse: events, SQL, file and combination together do what recseval.TestQuality asks of the reference.
func TestQualityThroughClickHouse(t *testing.T) {
	a := imported(t, toySessions(t, "train"))
	made, err := a.Tables(t.Context(), "v", time.Unix(0, 0), always, recommend.Default(), recommend.DefaultOrders())
	if err != nil {
		t.Fatal(err)
	}
	m, err := recommend.Parse(made.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	standard, newOnly := recseval.Measure(toySessions(t, "test"), m)
	if standard.HR < 0.66 || standard.MRR < 0.34 || newOnly.HR < 0.52 || newOnly.MRR < 0.255 {
		t.Errorf("all next items %v, new ones only %v", standard, newOnly)
	}
}

// TestNeighboursOfWhom: bots, people who did not agree, other kinds of events, other times and lonely views are not learned from; where
// nothing is left, that is said.
func TestNeighboursOfWhom(t *testing.T) {
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	ctx := t.Context()
	eventually(t, "connected", func() bool { return a.Stats().Connected || a.warehouse.Load() != nil })
	make := func(from, to time.Time) (*recommend.Model, error) {
		return a.Tables(ctx, "v", from, to, recommend.Default(), recommend.DefaultOrders())
	}
	if _, err := make(time.Unix(0, 0), always); !errors.Is(err, ErrNothingToLearn) {
		t.Errorf("an empty table: %v", err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	visit := func(n int, end time.Time, items ...string) []api.Event {
		return recseval.Session{End: end, Items: items}.Events(n)
	}
	people := append(visit(1, now, "mug", "plate"), visit(2, now.Add(-90*24*time.Hour), "mug", "bowl")...)
	carts := visit(3, now, "mug", "cart")
	for i := range carts {
		carts[i].Type = "add_to_cart"
	}
	if err := a.Import(ctx, append(append(people, carts...), visit(4, now, "alone")...)); err != nil {
		t.Fatal(err)
	}
	if err := a.Record(ctx, api.EventBatch{Events: visit(5, now, "mug", "trap")}, Client{UserAgent: "Googlebot"}); err != nil {
		t.Fatal(err)
	}
	anonymous := append(visit(6, now, "mug", "stranger"), visit(8, now, "plate", "bowl")...)
	for i := range anonymous {
		anonymous[i].Session = api.AnonymousSession + anonymous[i].Session
	}
	if err := a.Import(ctx, anonymous); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	m, err := make(now.Add(-180*24*time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Neighbours(recommend.Viewed, "mug"); len(got) != 2 || got[0].Item != "plate" || got[1].Item != "bowl" || len(m.Neighbours(recommend.Viewed, "plate")) != 1 || m.Len() != 3 {
		t.Errorf("%+v, and beside a plate %+v, of %d products", got, m.Neighbours(recommend.Viewed, "plate"), m.Len())
	}
	if m, err = make(now.Add(-24*time.Hour), now.Add(time.Hour)); err != nil || len(m.Neighbours(recommend.Viewed, "mug")) != 1 {
		t.Errorf("of the last day: %v", err)
	}
	// The same visit of somebody who agreed counts.
	if err := a.Import(ctx, visit(7, now, "mug", "stranger")); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	if m, err = make(now.Add(-24*time.Hour), now.Add(time.Hour)); err != nil || len(m.Neighbours(recommend.Viewed, "mug")) != 2 {
		t.Errorf("with somebody who agreed: %v", err)
	}
}

// TestRecommendationsKnowNobody: the file of a table that was made from visits holds products and numbers, in no bytes of it a visitor, a session, or a hash of these.
func TestRecommendationsKnowNobody(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	s, now := newShopper(t), time.Now().UTC().Truncate(time.Second)
	var events []api.Event
	var people []string
	for range 20 {
		visitor, session := s.id(), s.id()
		people = append(people, visitor, session)
		for _, item := range []string{"mug", "plate", "bowl"} {
			events = append(events, api.Event{ID: s.id(), Type: "view_item", At: now.Format(time.RFC3339), Session: session, Visitor: visitor, Items: []api.EventItem{{ItemID: item}}})
		}
	}
	if err := a.Import(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	m, err := a.Tables(t.Context(), "v", now.Add(-time.Hour), now.Add(time.Hour), recommend.Default(), recommend.DefaultOrders())
	if err != nil {
		t.Fatal(err)
	}
	file := m.Append(nil)
	if parsed, err := recommend.Parse(file); err != nil || parsed.Len() != 3 || !bytes.Contains(file, []byte("plate")) {
		t.Fatalf("%d products, %v", parsed.Len(), err)
	}
	for _, id := range people {
		hash := traceOf(id)
		for _, needle := range [][]byte{[]byte(id), e.cityHash(id), hash[:8]} {
			if bytes.Contains(file, needle) {
				t.Errorf("the file has %x, which is of %s", needle, id)
			}
		}
	}
}

// TestImportRefuses: what is not an event is refused, and named.
func TestImportRefuses(t *testing.T) {
	a := openTest(t, Config{})
	events := recseval.Session{End: time.Now(), Items: []string{"mug", "NO ITEM"}}.Events(1)
	if err := a.Import(t.Context(), events); err == nil || a.Stats().Accepted != 0 {
		t.Errorf("%v, %d are accepted", err, a.Stats().Accepted)
	}
}

package analytics

import (
	"errors"
	"slices"
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
			got, err := a.Neighbours(t.Context(), "v", time.Unix(0, 0), always, p)
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
				if sameNeighbours(got.Neighbours(item), want.Neighbours(item)) {
					same++
				}
			}
			if share := float64(same) / float64(len(all)); share < 0.99 || got.Pairs() == 0 {
				t.Errorf("%.2f %% of %d products have the neighbours of the reference", 100*share, len(all))
			}
		})
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
	made, err := a.Neighbours(t.Context(), "v", time.Unix(0, 0), always, recommend.Default())
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

// TestNeighboursOfWhom: bots, other kinds of events, other times and lonely views are not learned from; where nothing is left, that is said.
func TestNeighboursOfWhom(t *testing.T) {
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	ctx := t.Context()
	eventually(t, "connected", func() bool { return a.Stats().Connected || a.warehouse.Load() != nil })
	make := func(from, to time.Time) (*recommend.Model, error) {
		return a.Neighbours(ctx, "v", from, to, recommend.Default())
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
	drained(t, a)
	m, err := make(now.Add(-180*24*time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Neighbours("mug"); len(got) != 2 || got[0].Item != "plate" || got[1].Item != "bowl" || m.Len() != 3 {
		t.Errorf("%+v of %d products", got, m.Len())
	}
	if m, err = make(now.Add(-24*time.Hour), now.Add(time.Hour)); err != nil || len(m.Neighbours("mug")) != 1 {
		t.Errorf("of the last day: %v", err)
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

package analytics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// looked is a session that looked at a product or put it into the cart.
type looked struct {
	region, product, kind string
	at                    time.Time
}

// trending is the recount: the same ranking in plain Go.
func trending(all []looked, region string, now time.Time) []string {
	hour := now.Truncate(time.Hour)
	type interest struct{ recent, usual float64 }
	here, elsewhere, total := map[string]interest{}, map[string]interest{}, 0.0
	products := map[string]bool{}
	for _, l := range all {
		back := int(hour.Sub(l.at.Truncate(time.Hour)) / time.Hour)
		if back < 0 || back >= 14*24 || back%24 > 5 {
			continue
		}
		worth := map[string]float64{"view_item": 1, "add_to_cart": 3}[l.kind]
		to := elsewhere
		if l.region == region {
			to = here
		} else {
			total += worth
		}
		in := to[l.product]
		if back <= 5 {
			in.recent += worth
		} else {
			in.usual += worth / 14
		}
		to[l.product], products[l.product] = in, true
	}
	share := 0.0
	if total > 0 {
		share = min(1, elsewhereMost/total)
	}
	type ranked struct {
		product       string
		score, recent float64
	}
	var list []ranked
	for p := range products {
		recent, usual := here[p].recent+share*elsewhere[p].recent, here[p].usual+share*elsewhere[p].usual
		list = append(list, ranked{p, (recent - usual) / math.Sqrt(usual+3), recent})
	}
	slices.SortFunc(list, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.recent, a.recent), cmp.Compare(a.product, b.product))
	})
	out := []string{}
	for _, r := range list {
		out = append(out, r.product)
	}
	return out
}

// TestTrendingByRegion: each region has its own list, that of the recount in Go, before and after days are counted; one with few visits has the shop's.
func TestTrendingByRegion(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	s, now := newShopper(t), time.Now().UTC().Truncate(time.Millisecond)
	regions := map[string]*Analytics{}
	for _, region := range []string{"eu", "us", "far"} {
		regions[region] = openTest(t, Config{Addr: e.url(), Region: region, Edge: "edge-" + region})
		eventually(t, "connected", func() bool { return regions[region].Stats().Connected })
	}
	var all []looked
	look := func(region string, n int) {
		var rows []Row
		for i := range n {
			l := looked{region: region, product: fmt.Sprintf("mug-%d", s.r.IntN(40)), kind: "view_item", at: now.Add(-time.Duration(s.r.Int64N(int64(40 * time.Hour)))).Truncate(time.Millisecond)}
			switch {
			case i%7 == 0:
				l.kind = "add_to_cart"
			case i%3 == 0: // what this region likes
				l.product, l.at = region+"-hit", now.Add(-time.Duration(s.r.Int64N(int64(time.Hour)))).Truncate(time.Millisecond)
			}
			all = append(all, l)
			id := uuid.MustParse(s.id())
			rows = append(rows, Row{ID: id, Type: l.kind, At: l.at, Received: now, StatedDay: dayOf(l.at), Session: id.String(), Results: -1, Items: []Item{{Handle: l.product}}})
		}
		if err := regions[region].spool.Append(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		drained(t, regions[region])
	}
	look("eu", 3000)
	look("us", 2000)
	look("far", 4)
	compare := func(when string) {
		t.Helper()
		lists := map[string][]string{}
		for region, a := range regions {
			a.now = func() time.Time { return now }
			got, err := a.Trending(t.Context(), trendsMax)
			if err != nil {
				t.Fatal(err)
			}
			if want := trending(all, region, now); !sameButForTies(got, want) {
				t.Errorf("%s, %s:\n%v instead of\n%v", when, region, got, want)
			}
			lists[region] = got
		}
		if lists["eu"][0] != "eu-hit" || lists["us"][0] != "us-hit" || !slices.Contains(lists["far"][:3], "eu-hit") || !slices.Contains(lists["far"][:3], "us-hit") {
			t.Errorf("%s: %v", when, lists)
		}
	}
	compare("counted from the events")
	w := e.warehouse()
	w.margin = 0
	k, err := w.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.roll(t.Context(), &k, now); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	for _, a := range regions { // what they knew may be a second old
		w := a.warehouse.Load()
		w.knownMu.Lock()
		w.knownAt = time.Time{}
		w.knownMu.Unlock()
	}
	compare("out of the counts")
}

// sameButForTies compares lists whose scores are sums of floats: neighbours may have changed places.
func sameButForTies(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !slices.Contains(b[max(0, i-1):min(len(b), i+2)], a[i]) {
			return false
		}
	}
	return true
}

// TestCountsOfBeforeAMigrationGo: days that a migration lets be counted again leave nothing behind, and are counted once.
func TestCountsOfBeforeAMigrationGo(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	s, now := newShopper(t), time.Now().UTC()
	rows := s.rows(t, 50)
	for i := range rows {
		rows[i].At = now.Add(-26 * time.Hour)
	}
	if err := a.spool.Append(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	if err := a.Close(); err != nil { // it counts days, too
		t.Fatal(err)
	}
	w, day := e.warehouse(), dayOf(now.Add(-26*time.Hour))
	count := func() (rows, unread uint64) {
		t.Helper()
		if err := w.rollDay(t.Context(), day, time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		if err := w.conn.QueryRow(t.Context(), "SELECT count(), countIf((day, made_at) NOT IN (SELECT day, max(made_at) FROM rolled GROUP BY day)) FROM interest_hours WHERE day = '"+day.Format(time.DateOnly)+"'").Scan(&rows, &unread); err != nil {
			t.Fatal(err)
		}
		return rows, unread
	}
	before, _ := count()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range all[slices.IndexFunc(all, func(m migration) bool { return m.name == "009_interest_by_region" })].statements {
		if err := w.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	k, err := w.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k.holds(day, 0, now) {
		t.Error("the day holds as it was counted before")
	}
	if rows, unread := count(); rows == 0 || before == 0 || unread > 0 {
		t.Errorf("%d rows, of which nobody reads %d; %d before", rows, unread, before)
	}
}

package analytics

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// TestReportsAreTheRecount: whatever of a period has been counted before, its reports are the same as without any counts, and as a
// recount in Go. What comes late is in them at once, also for days that are counted.
func TestReportsAreTheRecount(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	w, s := e.warehouse(), newShopper(t)
	w.margin = 0 // one clock
	now := time.Now().UTC().Truncate(time.Millisecond)
	from, to := dayOf(now.Add(-2*aDay)), dayOf(now).Add(aDay)
	var all []Row
	add := func(n int, after, before time.Time) {
		t.Helper()
		var rows []Row
		for len(rows) < n {
			rows = append(rows, s.rows(t, 100)...)
		}
		for i := range rows {
			rows[i].At = after.Add(time.Duration(s.r.Int64N(int64(before.Sub(after))))).Truncate(time.Millisecond)
			rows[i].Device = Devices[len(rows[i].Session)%2]
			if r := &rows[i]; r.Type == "rec_impression" && i%2 == 0 {
				r.Type, r.Algorithm, r.Version = "rec_exposure", []string{"table", "holdout"}[len(r.Session)%2], "1"
			}
		}
		if err := a.spool.Append(t.Context(), append(rows, rows[:n/10]...)); err != nil { // some twice
			t.Fatal(err)
		}
		all = append(all, rows...)
		drained(t, a)
	}
	orders, seq := &sliceList{}, uint64(0)
	sell := func(n int, after, before time.Time) {
		t.Helper()
		slice := api.OutboxSlice{Slice: seq + 1, Timeline: 1}
		for range n {
			seq++
			at := after.Add(time.Duration(s.r.Int64N(int64(before.Sub(after)))))
			slice.Entries = append(slice.Entries, order(seq, at, fmt.Sprintf("s%d", s.r.IntN(40)), fmt.Sprintf("mug-%d", s.r.IntN(9)), 2, 500))
		}
		orders.list = append(orders.list, slice)
		if got, err := a.DeliverOutbox(t.Context(), orders); got != n || err != nil {
			t.Fatal(got, err)
		}
	}
	run := func(k *known, name string, p Params) [][]any {
		t.Helper()
		bucket, err := p.check()
		if err != nil {
			t.Fatal(err)
		}
		query, err := reportQuery(name, bucket, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range a.Reports().List() {
			if r.Name == name {
				rows, err := w.table(t.Context(), k, query, r.Columns, p, now)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return rows
			}
		}
		t.Fatal(name)
		return nil
	}
	differences := func(k *known) (n int) {
		t.Helper()
		for _, r := range a.Reports().List() {
			for _, p := range []Params{{From: from, To: to, Interval: "hour"}, {From: from, To: to, Interval: "day"}, {From: from.Add(5 * time.Hour), To: now, Interval: "week"}, {From: from, To: to, Device: "mobile", Region: "eu"}} {
				if got, want := run(k, r.Name, p), run(&known{}, r.Name, p); !reflect.DeepEqual(got, want) {
					if n++; n > 1 {
						continue
					}
					for i := range min(len(got), len(want)) {
						if !reflect.DeepEqual(got[i], want[i]) {
							t.Logf("%s %+v: %v instead of %v", r.Name, p, got[i], want[i])
							break
						}
					}
				}
			}
		}
		return n
	}
	look := func() *known {
		t.Helper()
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return &k
	}

	add(400, from, now)
	sell(30, from, now)
	if n := differences(look()); n != 0 {
		t.Errorf("with nothing counted %d reports differ", n)
	}
	roll := func() {
		t.Helper()
		time.Sleep(10 * time.Millisecond) // later than what was inserted, to the millisecond
		if _, err := w.roll(t.Context(), look(), time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
	}
	roll()
	counted := look()
	if !counted.holds(from, 0, now) || counted.holds(dayOf(now), 0, now) {
		t.Fatalf("counted: %v, dirty: %v", counted.counted, counted.dirty)
	}
	if n := differences(counted); n != 0 {
		t.Errorf("with the days that are over counted %d reports differ", n)
	}

	sessions := map[string]map[string]bool{}
	for _, r := range all {
		day := r.At.Format(time.DateOnly)
		if sessions[day] == nil {
			sessions[day] = map[string]bool{}
		}
		if !r.Bot {
			sessions[day][r.Session] = true
		}
	}
	for _, row := range run(counted, "overview", Params{From: from, To: to, Interval: "day"}) {
		if day := row[0].(string)[:10]; row[1] != int64(len(sessions[day])) {
			t.Errorf("%s: %v sessions, counted %d", day, row[1], len(sessions[day]))
		}
	}

	add(100, from, dayOf(now))
	sell(10, from, dayOf(now))
	if n := differences(counted); n == 0 {
		t.Error("counts of before and late events make no difference: this test shows nothing")
	}
	if n := differences(look()); n != 0 {
		t.Errorf("with late events %d reports differ", n)
	}
	roll()
	if k := look(); !k.holds(from, 0, now) || !k.lookedAt(time.Now()) {
		t.Errorf("late events were not counted: %+v", k)
	} else if n := differences(k); n != 0 {
		t.Errorf("after late events were counted %d reports differ", n)
	}

	counted = look()
	w.settles = 2 * time.Second
	if found, err := w.erase(t.Context(), []trace{traceOf("v3")}, time.Time{}); !found || err != nil {
		t.Fatal(found, err)
	}
	if n := e.number("SELECT count() FROM events WHERE visitor = 'v3'"); n != 0 {
		t.Errorf("%d events of an erased visitor", n)
	}
	if n := differences(counted); n == 0 {
		t.Error("counts of before and an erasure make no difference: this test shows nothing")
	}
	if k := look(); k.holds(from, 0, now) {
		t.Error("a day of which something was erased counts as before")
	} else if n := differences(k); n != 0 {
		t.Errorf("after an erasure %d reports differ", n)
	}
	if err := w.purge(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := differences(look()); n != 0 {
		t.Errorf("when counts of before have left the disk %d reports differ", n)
	}
	time.Sleep(w.settles)
	roll()
	if k := look(); !k.holds(from, 0, now) {
		t.Errorf("a day of which something was erased was not counted again: %+v", k)
	} else if n := differences(k); n != 0 {
		t.Errorf("after the days were counted again %d reports differ", n)
	}
}

func TestWhenADayIsDue(t *testing.T) {
	day := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return day.Add(time.Duration(hours) * time.Hour) }
	for _, c := range []struct {
		name            string
		counted, now    int // hours after the day's beginning; 0: never
		dirty           bool
		due, holds, old bool // old: holds in a rollup that takes a day to settle
	}{
		{"not over", 0, 23, false, false, false, false},
		{"over", 0, 24, false, true, false, false},
		{"counted", 24, 25, false, false, true, false},
		{"counted before its end by a wrong clock", 23, 25, false, true, false, false},
		{"something came", 25, 26, true, true, false, false},
		{"settled", 25, 48, false, true, true, false},
		{"counted again", 48, 49, false, false, true, true},
		{"something came for the day after", 48, 49, false, true, true, false},
	} {
		k := known{counted: map[time.Time]time.Time{}}
		if c.counted > 0 {
			k.counted[day] = at(c.counted)
		}
		if c.dirty {
			k.dirty = days{day}
		}
		if strings.Contains(c.name, "day after") {
			k.dirty = days{day.AddDate(0, 0, 1)}
		}
		if due, holds, old := k.due(day, at(c.now)), k.holds(day, 0, at(c.now)), k.holds(day, 1, at(c.now)); due != c.due || holds != c.holds || old != c.old {
			t.Errorf("%s: due %v, holds %v and %v", c.name, due, holds, old)
		}
	}
}

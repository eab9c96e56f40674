package analytics

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

// compared is a comparison of made-up visits: how many of each arm there are, and what share of them clicks and orders.
type compared struct {
	slot                    string
	table, heldOut          int
	clicks, clicksHeldOut   float64
	orders, ordersHeldOut   float64
	spend, spendOfHeldOuts  float64 // the mean of what an order costs, in minor units
	exposedOften, bothArms  bool
	botsAmong, ordersBefore bool
}

// liftWorld makes events and orders of comparisons, and keeps what is to be counted of them.
type liftWorld struct {
	r      *rand.Rand
	at     time.Time
	visits int
	rows   []Row
	orders []api.OutboxEntry
	// counted is, by place and arm, what each visit came to.
	counted map[string]map[string][]outcome
}

type outcome struct {
	clicked, ordered bool
	spent            float64
}

func (w *liftWorld) event(kind, slot, arm, session string, at time.Time) Row {
	var id [16]byte
	for i := range id {
		id[i] = byte(w.r.Uint32())
	}
	r := Row{ID: uuid.UUID(id), Type: kind, At: at.Truncate(time.Millisecond), Received: at, StatedDay: dayOf(at), Session: session, Results: -1, Slot: slot, Algorithm: arm, Version: "1"}
	if kind == "rec_click" {
		r.Algorithm, r.Version = "item-to-item+trending", "v7"
	}
	return r
}

// run plays the visits of one comparison.
func (w *liftWorld) run(c compared) {
	w.arm(c, "table", c.table, c.clicks, c.orders, c.spend)
	w.arm(c, "holdout", c.heldOut, c.clicksHeldOut, c.ordersHeldOut, c.spendOfHeldOuts)
}

func (w *liftWorld) arm(c compared, arm string, n int, clicks, orders, spend float64) {
	for i := range n {
		w.visits++
		session, at := fmt.Sprintf("visit-%d", w.visits), w.at.Add(time.Duration(w.visits)*time.Millisecond)
		got := outcome{clicked: w.r.Float64() < clicks, ordered: w.r.Float64() < orders}
		w.rows = append(w.rows, w.event("rec_exposure", c.slot, arm, session, at))
		if c.exposedOften {
			w.rows = append(w.rows, w.event("rec_exposure", c.slot, arm, session, at.Add(time.Minute)))
		}
		if got.clicked {
			w.rows = append(w.rows, w.event("rec_click", c.slot, "", session, at.Add(2*time.Second)))
		}
		if got.ordered {
			cents := math.Ceil(-spend * math.Log(1-w.r.Float64()))
			w.orders = append(w.orders, order(uint64(len(w.orders)+1), at.Add(time.Hour), session, "mug", 1, int64(cents)))
			got.spent = cents + 490 // with shipping
		}
		switch {
		case c.bothArms && i%10 == 0: // it does not count
			other := map[string]string{"table": "holdout", "holdout": "table"}[arm]
			w.rows = append(w.rows, w.event("rec_exposure", c.slot, other, session, at.Add(time.Minute)))
			continue
		case c.botsAmong && i%10 == 1:
			robot := w.event("rec_exposure", c.slot, arm, session+"-robot", at)
			robot.Bot = true
			w.rows = append(w.rows, robot)
		case c.ordersBefore && i%10 == 2 && !got.ordered: // and what was ordered and clicked before, or much later, is not of it
			w.orders = append(w.orders, order(uint64(len(w.orders)+1), at.Add(-time.Hour), session, "mug", 1, 700), order(uint64(len(w.orders)+2), at.Add(25*time.Hour), session, "mug", 1, 700))
			if !got.clicked {
				w.rows = append(w.rows, w.event("rec_click", c.slot, "", session, at.Add(-time.Second)), w.event("rec_click", "recent", "", session, at.Add(time.Second)))
			}
		}
		for _, place := range []string{c.slot, "all"} {
			if w.counted[place] == nil {
				w.counted[place] = map[string][]outcome{}
			}
			w.counted[place][arm] = append(w.counted[place][arm], got)
		}
	}
}

// lift is the recount: the ratio of both arms and its interval.
func lift(measure string, table, heldOut []outcome) (total, totalHeldOut, ratio, low, high float64) {
	value := func(o outcome) float64 {
		switch {
		case measure == "revenue":
			return o.spent
		case measure == "clicked" && o.clicked, measure == "ordered" && o.ordered:
			return 1
		}
		return 0
	}
	moments := func(all []outcome) (sum, mean, variance float64) {
		for _, o := range all {
			sum += value(o)
		}
		mean = sum / float64(len(all))
		for _, o := range all {
			variance += (value(o) - mean) * (value(o) - mean)
		}
		return sum, mean, variance / float64(len(all)-1)
	}
	const z = 1.959963984540054
	n, m := float64(len(table)), float64(len(heldOut))
	x, meanX, varX := moments(table)
	y, meanY, varY := moments(heldOut)
	ratio = meanX / meanY
	if measure == "revenue" {
		off := ratio * math.Sqrt(varX/(n*meanX*meanX)+varY/(m*meanY*meanY))
		return x, y, ratio, ratio - z*off, ratio + z*off
	}
	off := math.Sqrt(1/x - 1/n + 1/y - 1/m)
	return x, y, ratio, ratio * math.Exp(-z*off), ratio * math.Exp(z*off)
}

// deliver brings everything to ClickHouse.
func (w *liftWorld) deliver(t *testing.T, a *Analytics) {
	t.Helper()
	for at := 0; at < len(w.rows); at += 10_000 {
		if err := a.spool.Append(t.Context(), w.rows[at:min(at+10_000, len(w.rows))]); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, a)
	box := &sliceList{}
	for at := 0; at < len(w.orders); at += 5000 {
		box.list = append(box.list, api.OutboxSlice{Slice: uint64(at + 1), Timeline: 1, Entries: w.orders[at:min(at+5000, len(w.orders))]})
	}
	for len(box.list) > 0 {
		if _, err := a.DeliverOutbox(context.WithoutCancel(t.Context()), box); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLift: the report is the recount of every visit in Go, its interval holds the true lift in 95 of a hundred comparisons, and where both
// arms are equal it says in as many that it cannot tell.
func TestLift(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	now := time.Now().UTC().Truncate(time.Millisecond)
	w := &liftWorld{r: rand.New(rand.NewPCG(20261122, 3)), at: now.Add(-28 * time.Hour), counted: map[string]map[string][]outcome{}}
	const runs = 100
	better := compared{table: 700, heldOut: 300, clicks: 0.30, clicksHeldOut: 0.20, orders: 0.24, ordersHeldOut: 0.16, spend: 5000, spendOfHeldOuts: 5000}
	equal := compared{table: 700, heldOut: 300, clicks: 0.2, clicksHeldOut: 0.2, orders: 0.16, ordersHeldOut: 0.16, spend: 5000, spendOfHeldOuts: 5000}
	for i := range runs {
		better.slot, equal.slot = fmt.Sprintf("better-%d", i), fmt.Sprintf("equal-%d", i)
		w.run(better)
		w.run(equal)
	}
	w.run(compared{slot: "odd", table: 300, heldOut: 200, clicks: 0.3, clicksHeldOut: 0.2, orders: 0.3, ordersHeldOut: 0.2, spend: 900, spendOfHeldOuts: 900, exposedOften: true, bothArms: true, botsAmong: true, ordersBefore: true})
	w.run(compared{slot: "silent", table: 30, heldOut: 20, clicks: 0.3})
	w.deliver(t, a)
	began := time.Now()
	table, err := a.Reports().Run(t.Context(), "lift", Params{From: now.Add(-48 * time.Hour), To: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d visits compared in %v", w.visits, time.Since(began))
	held := map[string]int{} // by measure, how often the interval holds the truth, and how often it cannot tell
	truth := map[string]float64{"clicked": 1.5, "ordered": 1.5, "revenue": 1.5}
	seen := map[string]bool{}
	for _, row := range table.Rows {
		slot, measure, verdict := row[0].(string), row[1].(string), row[12].(string)
		seen[slot+" "+measure] = true
		arms := w.counted[slot]
		x, y, ratio, low, high := lift(measure, arms["table"], arms["holdout"])
		if row[3] != int64(len(arms["table"])) || row[6] != int64(len(arms["holdout"])) || row[4] != int64(x) || row[7] != int64(y) {
			t.Errorf("%v; counted %d and %d sessions, %v and %v", row, len(arms["table"]), len(arms["holdout"]), x, y)
			continue
		}
		if y == 0 || x == 0 {
			if !reflect.DeepEqual(row[9:12], []any{nil, nil, nil}) || verdict != "cannot be told yet: in an arm there is none" {
				t.Errorf("%v", row)
			}
			continue
		}
		for i, want := range []float64{ratio, low, high} {
			if got := row[9+i].(float64)/100 + 1; math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s %s: %v instead of %v", slot, measure, got, want)
			}
		}
		untold := len(verdict) > 18 && verdict[:18] == "cannot be told yet"
		if untold != (row[10].(float64) <= 0 && row[11].(float64) >= 0) {
			t.Errorf("%v", row)
		}
		switch {
		case slot[:2] == "be" && low <= truth[measure] && truth[measure] <= high:
			held["better "+measure]++
		case slot[:2] == "eq" && low <= 1 && 1 <= high:
			held["equal "+measure]++
		}
		if slot[:2] == "be" && !untold {
			held["told "+measure]++
		}
	}
	t.Log(held)
	for _, measure := range []string{"clicked", "ordered", "revenue"} {
		for _, kind := range []string{"better ", "equal "} {
			if n := held[kind+measure]; n < 88 || n == runs {
				t.Errorf("%s%s: %d of %d intervals hold the truth", kind, measure, n, runs)
			}
		}
		if measure == "clicked" && held["told "+measure] < runs/2 {
			t.Errorf("%s: a lift of a half was told in %d of %d only", measure, held["told "+measure], runs)
		}
		if !seen["all "+measure] {
			t.Errorf("no %s over all places", measure)
		}
	}
}

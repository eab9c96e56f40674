package analytics

import (
	"context"
	"embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/internal/pause"
)

//go:embed rollups/*.sql
var rollupFiles embed.FS

//go:embed cohorts.sql
var cohorts string

// rollup is a table of counts by the day. Its file in rollups/ counts them from events and orders; the table holds the same rows and a last
// column made_at. It is not a materialized view: what is counted from what readers see is right however often and in whatever order
// something was delivered.
type rollup struct {
	name string
	// settles is after how many more days a day's rows do not change any more by themselves.
	settles int
	query   string
}

var rollups = readRollups(map[string]int{
	"traffic_hours": 0, "traffic_days": 0, "funnel_days": 0, "interest_hours": 0, "interest_days": 0, "product_interest_days": 0, "sales_hours": 0, "product_sales_days": 0, "sku_sales_days": 0,
	"search_days": 0, "recommendation_days": 0, "attribution_days": 0,
	"cart_days": 1, // a cart is abandoned a day after it began
	"lift_days": 1, // what came of a visit counts for a day
})

func readRollups(settles map[string]int) []rollup {
	var all []rollup
	for name, days := range settles {
		text, err := rollupFiles.ReadFile("rollups/" + name + ".sql")
		if err != nil {
			panic(err) // a file of the program itself is missing
		}
		all = append(all, rollup{name, days, string(text)})
	}
	slices.SortFunc(all, func(a, b rollup) int { return strings.Compare(a.name, b.name) })
	return all
}

const (
	// rollEvery is how often an edge looks for days to count, and rollTimeout bounds the count of one.
	rollEvery   = time.Minute
	rollTimeout = 10 * time.Minute
	// cohortsEvery is how often visitors are counted by cohort while no day ends.
	cohortsEvery = time.Hour
	// knownFor is how long what is known serves reports: a page asks for a dozen at once.
	knownFor = time.Second
	// rollMargin is how far the clocks of edges may be apart, together with the time of an insert: what came so shortly before the last
	// look counts as not looked at.
	rollMargin = 10 * time.Minute
	// lateDays are the days after that of an event on which it may have been stored, and the one before, since clocks differ.
	lateDays = 3
	aDay     = 24 * time.Hour
)

// buyers are the region and the device of each session that ordered; of several the first by name.
const buyers = `(SELECT session, min(region) AS region, min(device) AS device FROM events
	WHERE bot = 0 AND type IN ('add_to_cart', 'begin_checkout') AND toDate(stored_at) IN (@stored)
	  AND session IN (SELECT session FROM sales WHERE @orders AND session != '') GROUP BY session)`

// over is a rollup's query for the events and orders of some days, within from and to.
func (r rollup) over(d days) string {
	inside, stored := "at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')} AND toDate(at) IN ("+d.list()+")", d.stored().list()
	return strings.NewReplacer(
		"@events", inside+" AND toDate(stored_at) IN ("+stored+") AND bot = 0",
		"@orders", inside,
		"@stored", stored,
	).Replace(strings.ReplaceAll(r.query, "@buyers", buyers))
}

// look counts the days that are due, unless somebody has just done so. On a replica it first waits for all that the others have: what came
// there before now and is not here yet would be left out, and nothing would ever say so.
func (w *warehouse) look(ctx context.Context, now time.Time) (n int, err error) {
	if err := w.catchUp(ctx, rolledFrom...); err != nil {
		return 0, err
	}
	k, err := w.known(ctx)
	if err != nil || k.lookedAt(now) {
		return 0, err
	}
	return w.roll(ctx, &k, now)
}

// roll counts the days that are over and have not been counted as they are now, and says how many.
func (w *warehouse) roll(ctx context.Context, k *known, now time.Time) (n int, err error) {
	first, err := w.firstDay(ctx)
	if err != nil {
		return 0, err
	}
	for day := first; day.Before(now); day = day.Add(aDay) {
		if !k.due(day, now) {
			continue
		}
		if err := w.rollDay(ctx, day, now); err != nil {
			return n, fmt.Errorf("count %s: %w", day.Format(time.DateOnly), err)
		}
		n++
	}
	if err := w.noteRolled(ctx, time.Unix(0, 0).UTC(), now); err != nil {
		return n, err
	}
	var made time.Time
	if err := w.conn.QueryRow(ctx, "SELECT max(made_at) FROM cohort_weeks").Scan(&made); err != nil || n == 0 && now.Sub(made) < cohortsEvery {
		return n, err
	}
	if err := w.makeCohorts(ctx, first, made, now); err != nil {
		return n, fmt.Errorf("count cohorts: %w", err)
	}
	return n, nil
}

// makeCohorts counts visitors by cohort, over all days until now. What was made before the last time goes.
func (w *warehouse) makeCohorts(ctx context.Context, first, before, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, rollTimeout)
	defer cancel()
	k, err := w.known(ctx)
	if err != nil {
		return err
	}
	insert := "INSERT INTO cohort_weeks SELECT *, toDateTime64('" + milliseconds(now) + "', 3, 'UTC') FROM (" + k.expand(cohorts, first, dayOf(now).Add(aDay), now) + ")"
	if err := w.conn.Exec(ctx, insert, clickhouse.Named("from", milliseconds(first)), clickhouse.Named("to", milliseconds(dayOf(now).Add(aDay)))); err != nil {
		return err
	}
	return w.change(ctx, ownReplica, "DELETE FROM cohort_weeks WHERE made_at < '"+milliseconds(before)+"'")
}

// firstDay is the first day of which there may be anything. Its answer is in the parts' names, not in their rows.
func (w *warehouse) firstDay(ctx context.Context) (time.Time, error) {
	var events, orders uint64
	var stored, ordered time.Time
	if err := w.conn.QueryRow(ctx, "SELECT count(), min(stored_at) FROM events").Scan(&events, &stored); err != nil {
		return stored, err
	}
	if err := w.conn.QueryRow(ctx, "SELECT count(), min(at) FROM orders").Scan(&orders, &ordered); err != nil {
		return stored, err
	}
	first := time.Now().UTC()
	if events > 0 {
		first = stored.AddDate(0, 0, -lateDays)
	}
	if orders > 0 && ordered.Before(first) {
		first = ordered
	}
	return dayOf(first), nil
}

// rollDay counts one day into every rollup and then says that these counts hold. Counts that were replaced before go; those
// that held until now stay for who is reading them.
func (w *warehouse) rollDay(ctx context.Context, day, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, rollTimeout)
	defer cancel()
	var before time.Time
	if err := w.conn.QueryRow(ctx, "SELECT max(made_at) FROM rolled WHERE day = '"+day.Format(time.DateOnly)+"'").Scan(&before); err != nil {
		return err
	}
	from, to := clickhouse.Named("from", milliseconds(day)), clickhouse.Named("to", milliseconds(day.Add(aDay)))
	for _, r := range rollups {
		insert := "INSERT INTO " + r.name + " SELECT *, toDateTime64('" + milliseconds(now) + "', 3, 'UTC') FROM (" + r.over(days{day}) + ")"
		if err := w.conn.Exec(ctx, insert, from, to); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if err := w.noteRolled(ctx, day, now); err != nil {
		return err
	}
	if before.Unix() <= 0 {
		before = now // what else there is of the day was counted before a migration, and nobody reads it
	}
	for _, r := range rollups {
		var left uint64
		if err := w.conn.QueryRow(ctx, "SELECT count() FROM "+r.name+" WHERE day = '"+day.Format(time.DateOnly)+"' AND made_at < '"+milliseconds(before)+"'").Scan(&left); err != nil {
			return fmt.Errorf("%s, counts of before: %w", r.name, err)
		}
		if left == 0 {
			continue
		}
		if err := w.change(ctx, ownReplica, "DELETE FROM "+r.name+" WHERE day = '"+day.Format(time.DateOnly)+"' AND made_at < '"+milliseconds(before)+"'"); err != nil {
			return fmt.Errorf("%s, counts of before: %w", r.name, err)
		}
	}
	return nil
}

func (w *warehouse) noteRolled(ctx context.Context, day, at time.Time) error {
	return w.conn.Exec(ctx, "INSERT INTO rolled (day, made_at) SELECT '"+day.Format(time.DateOnly)+"', '"+milliseconds(at)+"'")
}

// watchRollups keeps the rollups true until ctx ends. While it fails, reports count what they need themselves, which takes longer.
func (a *Analytics) watchRollups(ctx context.Context) {
	for {
		w := a.connected(ctx)
		if w == nil {
			return
		}
		began := time.Now()
		n, err := w.look(ctx, a.now().UTC())
		switch {
		case err != nil && !ended(ctx, err):
			a.log.Warn("analytics: days are not counted; reports take longer", "err", err)
			a.failed(w, err)
		case n > 0:
			a.log.Info("analytics: days counted", "days", n, "took", time.Since(began).Round(time.Millisecond))
		}
		if pause.For(ctx, rollEvery/2+rand.N(rollEvery)) != nil {
			return
		}
	}
}

package analytics

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// known is what has been counted already.
type known struct {
	// counted says when a day was counted; since then events of the dirty days came.
	counted map[time.Time]time.Time
	dirty   days
	// distrusted says until when counts of a day were made that do not hold, since something of it was erased.
	distrusted map[time.Time]time.Time
	// until is when somebody last looked.
	until time.Time
	// newest bounds the counts that are read, on a cluster: a later one may not have come to this replica whole.
	newest time.Time
}

// known asks what has been counted.
func (w *warehouse) known(ctx context.Context) (k known, err error) {
	rows, err := w.conn.Query(ctx, `
		WITH (SELECT max(made_at) FROM rolled WHERE day = '1970-01-01') - INTERVAL `+seconds(w.margin)+` SECOND AS since
		SELECT day, max(made_at) AS made, toUInt8(0) AS dirty FROM rolled GROUP BY day
		UNION ALL
		SELECT DISTINCT toDate(at) AS day, toDateTime64(0, 3, 'UTC') AS made, toUInt8(1) AS dirty FROM events WHERE inserted_at >= since
		UNION ALL
		SELECT DISTINCT toDate(at) AS day, toDateTime64(0, 3, 'UTC') AS made, toUInt8(1) AS dirty FROM orders WHERE inserted_at >= since
		UNION ALL
		SELECT day, max(recounts.until) AS made, toUInt8(2) AS dirty FROM recounts GROUP BY day`)
	if err != nil {
		return k, err
	}
	defer func() { _ = rows.Close() }()
	k.counted, k.distrusted = map[time.Time]time.Time{}, map[time.Time]time.Time{}
	for rows.Next() {
		var day, at time.Time
		var dirty uint8
		if err := rows.Scan(&day, &at, &dirty); err != nil {
			return k, err
		}
		day = dateOf(day)
		switch {
		case dirty == 2:
			k.distrusted[day] = at
		case dirty == 1:
			k.dirty = append(k.dirty, day)
		case day.Unix() == 0:
			k.until = at
		default:
			k.counted[day] = at
		}
	}
	for day, until := range k.distrusted {
		if !k.counted[day].After(until) {
			delete(k.counted, day)
		}
	}
	slices.SortFunc(k.dirty, time.Time.Compare)
	k.dirty = slices.CompactFunc(k.dirty, time.Time.Equal)
	if err := rows.Err(); err != nil {
		return k, err
	}
	w.only(ctx, &k)
	return k, nil
}

// knownNow is known, as it was at most a second ago.
func (w *warehouse) knownNow(ctx context.Context) (known, error) {
	w.knownMu.Lock()
	defer w.knownMu.Unlock()
	if time.Since(w.knownAt) < knownFor {
		return w.lastKnown, nil
	}
	k, err := w.known(ctx)
	if err == nil {
		w.lastKnown, w.knownAt = k, time.Now()
	}
	return k, err
}

func seconds(d time.Duration) string { return fmt.Sprint(int64(d / time.Second)) }

// holds says whether the rows of a day hold at now, in a rollup that settles after so many days.
func (k *known) holds(day time.Time, settles int, now time.Time) bool {
	at, ok := k.counted[day]
	for n := 1; n <= settles; n++ {
		ok = ok && !k.dirty.has(day.AddDate(0, 0, n))
	}
	return ok && !k.dirty.has(day) && !now.Before(day.Add(aDay)) && !at.Before(day.AddDate(0, 0, 1+settles))
}

// due says whether a day is to be counted at now.
func (k *known) due(day time.Time, now time.Time) bool {
	if now.Before(day.Add(aDay)) {
		return false // it is not over
	}
	if !now.After(k.distrusted[day]) {
		return false // the count would not hold
	}
	at, ok := k.counted[day]
	if !ok || k.dirty.has(day) {
		return true
	}
	for _, r := range rollups {
		for n := 1; n <= r.settles; n++ { // what comes late for one of these days changes this one
			if next := day.AddDate(0, 0, n); k.dirty.has(next) && !now.Before(next.Add(aDay)) {
				return true
			}
		}
		if settled := day.AddDate(0, 0, 1+r.settles); at.Before(settled) && !now.Before(settled) {
			return true
		}
	}
	return false
}

var rollupName = regexp.MustCompile(`@[a-z_]+_(hours|days)`)

// expand makes a query over @NAME one over the rows of that rollup for [from, to): those that hold from its table, and what else there is
// counted now. Days that lie only in part in the period are counted, too.
func (k *known) expand(query string, from, to, now time.Time) string {
	return rollupName.ReplaceAllStringFunc(query, func(name string) string {
		i := slices.IndexFunc(rollups, func(r rollup) bool { return r.name == name[1:] })
		if i < 0 {
			return name // ClickHouse says what is wrong
		}
		r := rollups[i]
		var count, held days
		for day := dayOf(from); day.Before(to); day = day.Add(aDay) {
			if day.Before(from) || day.Add(aDay).After(to) || !k.holds(day, r.settles, now) {
				count = append(count, day)
			} else {
				held = append(held, day)
			}
		}
		bound := ""
		if !k.newest.IsZero() {
			bound = "WHERE made_at <= '" + milliseconds(k.newest) + "' "
		}
		table := "SELECT * EXCEPT (made_at) FROM " + r.name + " WHERE day IN (" + held.list() + ") AND (day, made_at) IN (SELECT day, max(made_at) FROM rolled " + bound + "GROUP BY day)"
		switch {
		case len(count) == 0:
			return "(" + table + ")"
		case len(held) == 0:
			return "(" + r.over(count) + ")"
		}
		return "(" + table + " UNION ALL SELECT * FROM (" + r.over(count) + "))"
	})
}

// lookedAt says whether an edge has just looked for days to count.
func (k *known) lookedAt(now time.Time) bool { return now.Sub(k.until).Abs() < rollEvery/2 }

package analytics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// purgeDue are the days whose distrusted counts have to leave the disk, with the time until which counts were made that are distrusted. They leave it
// twice: at once, and when nobody can be writing any more who began to count before.
func (w *warehouse) purgeDue(ctx context.Context, now time.Time) (map[time.Time]time.Time, error) {
	rows, err := w.conn.Query(ctx, "SELECT day, max(recounts.until) AS last, max(purged_at) AS purged FROM recounts GROUP BY day")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	due := map[time.Time]time.Time{}
	for rows.Next() {
		var day, until, purged time.Time
		if err := rows.Scan(&day, &until, &purged); err != nil {
			return nil, err
		}
		began, last := until.Add(-w.settles), until.Add(w.settles/2)
		if purged.Before(began) || purged.Before(last) && !now.Before(last) {
			due[dateOf(day)] = until
		}
	}
	return due, rows.Err()
}

// purge takes distrusted counts off the disk: some hold hashes of visitors, and the words of a search may be a person's own. Counts that were
// deleted before are still in their parts, too, only hidden; the deleted mask is applied.
func (w *warehouse) purge(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	due, err := w.purgeDue(ctx, now)
	if err != nil || len(due) == 0 {
		return err
	}
	var old, done []string
	for day, until := range due {
		old = append(old, "(day = '"+day.Format(time.DateOnly)+"' AND made_at <= '"+milliseconds(until)+"')")
		done = append(done, "('"+day.Format(time.DateOnly)+"', '"+milliseconds(now)+"')")
	}
	for _, r := range rollups {
		for _, what := range []string{"DELETE WHERE " + strings.Join(old, " OR "), "APPLY DELETED MASK"} {
			if e := w.conn.Exec(ctx, "ALTER TABLE "+r.name+" "+what+" SETTINGS mutations_sync = 1"); e != nil {
				err = errors.Join(err, fmt.Errorf("%s, counts that hold no more: %w", r.name, e))
			}
		}
	}
	if err != nil {
		return err
	}
	return w.conn.Exec(ctx, "INSERT INTO recounts (day, purged_at) VALUES "+strings.Join(done, ", "))
}

package analytics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"meridian/internal/pause"
)

const (
	// eraseTimeout bounds a run; another edge begins one when none has begun within it.
	eraseTimeout = 10 * time.Minute
	// eraseSettles is how long after a run began counts of its days are not trusted: they may be of rows that it was about to erase. It
	// covers the run, and clocks of edges that are apart.
	eraseSettles = eraseTimeout + rollMargin
	// mutationPoll is how often it is looked whether a mutation is done.
	mutationPoll = 100 * time.Millisecond
)

// trace is the SHA-256 hash of an identifier of a visitor or a session.
type trace [32]byte

// matches is a condition on rows whose visitor or session is in a run. Identifiers are in no statement: ClickHouse writes those to its logs and to files.
func matches(run uint64) string {
	in := fmt.Sprintf("IN (SELECT hash FROM erasing WHERE run = %d)", run)
	return "(visitor != '' AND SHA256(visitor) " + in + " OR session != '' AND SHA256(session) " + in + ")"
}

// spots are the days of rows that match: of events and of orders, and those on which the events were stored.
type spots struct{ events, stored, orders days }

func (s *spots) none() bool { return len(s.events)+len(s.orders) == 0 }

// erase removes what was recorded under these traces from rows inserted since a time, and says whether there was anything. It can be
// repeated, also by several edges at once: each has a run of its own.
func (w *warehouse) erase(ctx context.Context, traces []trace, since time.Time) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	run := uint64(time.Now().UnixMicro())
	defer func() { err = errors.Join(err, w.endRuns(context.WithoutCancel(ctx), run)) }()
	if err := w.beginRun(ctx, run, traces, since); err != nil {
		return false, fmt.Errorf("say what is to be erased: %w", err)
	}
	at, err := w.spots(ctx, run, since)
	if err != nil {
		return false, fmt.Errorf("look for what is to be erased: %w", err)
	}
	if at.none() {
		return false, nil
	}
	// Before anything changes, no report trusts the counts of these days any more.
	if err := w.distrust(ctx, at, time.Now().Add(w.settles)); err != nil {
		return true, err
	}
	if err := pause.For(ctx, 2*knownFor); err != nil {
		return true, err
	}
	return true, w.mutateAll(ctx, run, at)
}

// beginRun notes the traces, and those of the sessions that the visitors among them had: what a browser did before it had a visitor's name.
func (w *warehouse) beginRun(ctx context.Context, run uint64, traces []trace, since time.Time) error {
	batch, err := w.conn.PrepareBatch(ctx, "INSERT INTO erasing (run, hash)")
	if err != nil {
		return err
	}
	for i := range traces {
		if err := batch.Append(run, string(traces[i][:])); err != nil {
			return errors.Join(err, batch.Abort())
		}
	}
	if err := batch.Send(); err != nil {
		return err
	}
	for _, table := range []string{"events", "orders"} {
		insert := fmt.Sprintf("INSERT INTO erasing (run, hash) SELECT DISTINCT %d, SHA256(session) FROM %s WHERE %s session != '' AND visitor != '' AND SHA256(visitor) IN (SELECT hash FROM erasing WHERE run = %d)",
			run, table, insertedSince(since), run)
		if err := w.conn.Exec(ctx, insert); err != nil {
			return err
		}
	}
	return nil
}

func insertedSince(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return "inserted_at >= '" + milliseconds(since) + "' AND "
}

func (w *warehouse) spots(ctx context.Context, run uint64, since time.Time) (s spots, err error) {
	where := " WHERE " + insertedSince(since) + matches(run)
	rows, err := w.conn.Query(ctx, "SELECT DISTINCT toUInt8(0), toDate(at), toDate(stored_at) FROM events"+where+" UNION ALL SELECT DISTINCT toUInt8(1), toDate(at), toDate(at) FROM orders"+where)
	if err != nil {
		return s, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var ordered uint8
		var day, stored time.Time
		if err := rows.Scan(&ordered, &day, &stored); err != nil {
			return s, err
		}
		if ordered == 1 {
			s.orders = append(s.orders, dateOf(day))
		} else {
			s.events, s.stored = append(s.events, dateOf(day)), append(s.stored, dateOf(stored))
		}
	}
	for _, d := range []*days{&s.events, &s.stored, &s.orders} {
		slices.SortFunc(*d, time.Time.Compare)
		*d = slices.CompactFunc(*d, time.Time.Equal)
	}
	return s, rows.Err()
}

// distrust notes that counts made until then do not hold for these days.
func (w *warehouse) distrust(ctx context.Context, s spots, until time.Time) error {
	var rows []string
	for _, day := range slices.Concat(s.events, s.orders) {
		rows = append(rows, "('"+day.Format(time.DateOnly)+"', '"+milliseconds(until)+"')")
	}
	if err := w.conn.Exec(ctx, "INSERT INTO recounts (day, until) VALUES "+strings.Join(rows, ", ")); err != nil {
		return fmt.Errorf("note days to be counted again: %w", err)
	}
	return nil
}

// mutateAll rewrites the parts. Rows that came to other days since they were looked for are the next run's: of their days nobody has been told.
func (w *warehouse) mutateAll(ctx context.Context, run uint64, at spots) error {
	if len(at.events) > 0 {
		if err := w.mutate(ctx, "events", run, "DELETE WHERE toDate(stored_at) IN ("+at.stored.list()+") AND toDate(at) IN ("+at.events.list()+") AND "+matches(run)); err != nil {
			return err
		}
	}
	if len(at.orders) > 0 {
		if err := w.mutate(ctx, "orders", run, "UPDATE session = '', visitor = '' WHERE toDate(at) IN ("+at.orders.list()+") AND "+matches(run)); err != nil {
			return err
		}
	}
	// A merchandiser may have asked for somebody by their identifier.
	return w.mutate(ctx, "asked", run, fmt.Sprintf("DELETE WHERE hasAny(arrayMap(word -> SHA256(word), extractAll(query, '[A-Za-z0-9_.:-]+')), (SELECT groupArray(hash) FROM erasing WHERE run = %d))", run))
}

// mutate begins a mutation and waits until every part is rewritten. It does not wait within the statement: an engine that answers one at a time
// would take no events meanwhile.
func (w *warehouse) mutate(ctx context.Context, table string, run uint64, what string) error {
	if err := w.conn.Exec(ctx, "ALTER TABLE "+table+" "+what+" SETTINGS mutations_sync = 0"); err != nil {
		return fmt.Errorf("erase from %s: %w", table, err)
	}
	mine := fmt.Sprintf("database = currentDatabase() AND table = '%s' AND NOT is_done AND position(command, 'run = %d)') > 0", table, run)
	for {
		var left uint64
		var failed string
		if err := w.conn.QueryRow(ctx, "SELECT count(), max(latest_fail_reason) FROM system.mutations WHERE "+mine).Scan(&left, &failed); err != nil {
			return fmt.Errorf("erase from %s: %w", table, err)
		}
		if left == 0 {
			return nil
		}
		if failed != "" { // ClickHouse would try it for ever, and every later one would wait for it
			return errors.Join(fmt.Errorf("erase from %s: %s", table, failed), w.conn.Exec(ctx, "KILL MUTATION WHERE "+mine+" FORMAT Null"))
		}
		if err := pause.For(ctx, mutationPoll); err != nil {
			return err
		}
	}
}

// endRuns drops the traces of a run, and those of runs whose edges died.
func (w *warehouse) endRuns(ctx context.Context, mine uint64) error {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	runs, err := w.runs(ctx)
	if err != nil {
		return err
	}
	old := uint64(time.Now().Add(-2 * eraseTimeout).UnixMicro())
	for _, run := range runs {
		if run == mine || run < old {
			err = errors.Join(err, w.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE erasing DROP PARTITION %d", run)))
		}
	}
	return err
}

// runs are those that have begun and not ended.
func (w *warehouse) runs(ctx context.Context) (all []uint64, err error) {
	rows, err := w.conn.Query(ctx, "SELECT DISTINCT run FROM erasing")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var run uint64
		if err := rows.Scan(&run); err != nil {
			return nil, err
		}
		all = append(all, run)
	}
	return all, rows.Err()
}

// busy says whether an edge is erasing.
func (w *warehouse) busy(ctx context.Context) (bool, error) {
	runs, err := w.runs(ctx)
	young := uint64(time.Now().Add(-eraseTimeout).UnixMicro())
	return slices.ContainsFunc(runs, func(run uint64) bool { return run >= young }), err
}

// erasedUntil is when each erasure was carried out last.
func (w *warehouse) erasedUntil(ctx context.Context) (map[erasureID]time.Time, error) {
	var rows driver.Rows
	rows, err := w.conn.Query(ctx, "SELECT timeline, seq, max(done_at) FROM erased GROUP BY timeline, seq")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	done := map[erasureID]time.Time{}
	for rows.Next() {
		var id erasureID
		var at time.Time
		if err := rows.Scan(&id.timeline, &id.seq, &at); err != nil {
			return nil, err
		}
		done[id] = at
	}
	return done, rows.Err()
}

func (w *warehouse) noteErased(ctx context.Context, ids []erasureID, at time.Time) error {
	batch, err := w.conn.PrepareBatch(ctx, "INSERT INTO erased (timeline, seq, done_at)")
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := batch.Append(id.timeline, id.seq, at); err != nil {
			return errors.Join(err, batch.Abort())
		}
	}
	return batch.Send()
}

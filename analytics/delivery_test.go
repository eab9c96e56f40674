package analytics

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
)

// once checks that what readers see and what is stored agree on every event being there once.
func once(t *testing.T, e *engine, want uint64) {
	t.Helper()
	for _, table := range []string{"events", "clickstream"} {
		rows, ids := e.number("SELECT count() FROM "+table), e.number("SELECT uniqExact(id) FROM "+table)
		if rows != want || ids != want {
			t.Errorf("%s: %d rows, %d ids, want %d", table, rows, ids, want)
		}
	}
}

// recounts checks every aggregate against the events and orders it was made of.
func recounts(t *testing.T, e *engine) {
	t.Helper()
	for name, query := range map[string]string{
		"product_hours": `SELECT count() FROM (
			SELECT hour, product, uniqMerge(viewers) AS v, uniqMerge(carters) AS c FROM product_hours GROUP BY hour, product HAVING v + c > 0
			EXCEPT SELECT toStartOfHour(toDateTime(at, 'UTC'), 'UTC') AS hour, arrayJoin(item_ids) AS product,
				uniqIf(session, type = 'view_item') AS v, uniqIf(session, type = 'add_to_cart') AS c
			FROM clickstream WHERE bot = 0 AND type IN ('view_item', 'add_to_cart') GROUP BY hour, product)`,
		"product_hours, all there": `SELECT abs(toInt64((SELECT count() FROM (SELECT DISTINCT hour, product FROM product_hours)))
			- (SELECT count() FROM (SELECT DISTINCT toStartOfHour(toDateTime(at, 'UTC'), 'UTC'), arrayJoin(item_ids) FROM clickstream WHERE type IN ('view_item', 'add_to_cart') AND bot = 0)))`,
		"funnel_hours": `SELECT count() FROM (
			SELECT hour, uniqMerge(sessions), uniqMerge(viewers), uniqMerge(carters), uniqMerge(checkouts) FROM funnel_hours GROUP BY hour
			EXCEPT SELECT toStartOfHour(toDateTime(at, 'UTC'), 'UTC') AS hour, uniq(session), uniqIf(session, type = 'view_item'),
				uniqIf(session, type = 'add_to_cart'), uniqIf(session, type = 'begin_checkout') FROM clickstream WHERE bot = 0 GROUP BY hour)`,
	} {
		if n := e.number(query); n != 0 {
			t.Errorf("%s: %d rows differ from a recount", name, n)
		}
	}
}

// sealedFiles makes n segments in a directory of their own.
func sealedFiles(t *testing.T, s *shopper, dir string, n, rows int) {
	t.Helper()
	for range n {
		spool, err := OpenSpool(SpoolConfig{Dir: dir, Edge: "edge-a", Region: "eu", MaxBytes: 1 << 30, Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		if err := spool.Append(t.Context(), s.rows(t, rows)); err != nil {
			t.Fatal(err)
		}
		if err := spool.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplay sends the same segments from two processes at once: an edge whose disk was copied, or
// one that was killed between the acknowledgement and the removal.
func TestReplay(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	s, dir, copied := newShopper(t), t.TempDir(), t.TempDir()
	sealedFiles(t, s, dir, 5, 60)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	first := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	second := openTest(t, Config{Addr: e.url(), Dir: copied, Edge: "edge-a"})
	drained(t, first)
	drained(t, second)
	once(t, e, 300)
	recounts(t, e)
}

func TestClickHouseIsDownForAWhile(t *testing.T) {
	t.Parallel()
	e := reserveEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	s := newShopper(t)
	for range 4 {
		if err := a.Record(t.Context(), s.batch(50, time.Now()), Client{}); err != nil {
			t.Fatal(err) // callers do not notice
		}
	}
	if st := a.Stats(); st.Connected || st.Accepted != 200 || st.SpoolBytes == 0 {
		t.Fatalf("%+v", st)
	}
	if _, err := a.Reports().Run(t.Context(), "funnel", Params{From: time.Now().Add(-time.Hour), To: time.Now()}); api.CodeOf(err) != api.CodeUnavailable {
		t.Fatalf("a report without ClickHouse: %v", err)
	}
	e.start()
	drained(t, a)
	once(t, e, 200)
	e.kill()
	if err := a.Record(t.Context(), s.batch(50, time.Now()), Client{}); err != nil {
		t.Fatal(err)
	}
	e.start()
	drained(t, a)
	once(t, e, 250)
	e.kill()
	if err := os.RemoveAll(e.dir); err != nil { // a new, empty server: the schema comes back by itself
		t.Fatal(err)
	}
	e.start()
	if err := a.Record(t.Context(), s.batch(10, time.Now()), Client{}); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	once(t, e, 10)
}

// TestSameEventAtTwoEdges: a browser that changed the edge repeats a batch there.
func TestSameEventAtTwoEdges(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Edge: "edge-a", Region: "eu"})
	b := openTest(t, Config{Addr: e.url(), Edge: "edge-b", Region: "eu"})
	batch := newShopper(t).batch(80, time.Now())
	late := newShopper(t).event(time.Now().Add(-60 * time.Hour)) // clamped differently by each
	batch.Events = append(batch.Events, late)
	for _, edge := range []*Analytics{a, b, a} {
		if err := edge.Record(t.Context(), batch, Client{}); err != nil {
			t.Fatal(err)
		}
		drained(t, edge)
	}
	if st := a.Stats(); st.Repeats != 81 || st.Accepted != 81 {
		t.Errorf("edge-a: %+v", st)
	}
	if rows, ids := e.number("SELECT count() FROM clickstream"), e.number("SELECT uniqExact(id) FROM clickstream"); rows != 81 || ids != 81 {
		t.Errorf("readers see %d rows of %d events", rows, ids)
	}
	if hidden := e.number("SELECT count() FROM (SELECT batch FROM events GROUP BY batch HAVING count() != uniqExact(id))"); hidden != 0 {
		t.Errorf("%d batches hold an event twice", hidden)
	}
	recounts(t, e)
}

func TestMigrationsAreIdempotent(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	cfg := Config{Addr: e.url(), Database: "shop", Dir: t.TempDir(), Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 4 { // several edges start at once
		work.Go(func() {
			w, err := openWarehouse(context.Background(), &cfg)
			if err != nil {
				t.Error(err)
				return
			}
			w.close()
		})
	}
	work.Wait()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if n := e.number("SELECT uniqExact(version) FROM shop.schema_migrations"); n != uint64(len(all)) {
		t.Errorf("%d migrations noted, want %d", n, len(all))
	}
	w, err := openWarehouse(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, m := range all { // a process killed before it noted its work does it again
		for _, statement := range m.statements {
			if err := w.conn.Exec(t.Context(), statement); err != nil {
				t.Errorf("%s again: %v", m.name, err)
			}
		}
	}
	for _, name := range []string{"async_insert", "insert_deduplicate", "deduplicate_insert", "deduplicate_blocks_in_dependent_materialized_views"} {
		if _, ok := w.insert[name]; !ok {
			t.Errorf("this engine should know %s", name)
		}
	}
}

func TestPoisonIsSetAside(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	dir := t.TempDir()
	s := newShopper(t)
	sealedFiles(t, s, dir, 1, 10)
	bad := filepath.Join(dir, segmentName("edge-a", 1)+sealedSuffix)
	if err := os.WriteFile(bad, []byte("MSPL\x01 nothing that was ever written"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	eventually(t, "the good batch passed the bad one", func() bool { return a.Stats().DeliveredRows == 10 })
	once(t, e, 10)
	if st := a.Stats(); st.DeadBatches != 1 || st.DeadBytes == 0 || st.SpoolSegments != 0 {
		t.Errorf("%+v", st)
	}
	reason, err := os.ReadFile(filepath.Join(dir, deadDir, filepath.Base(bad)+".reason"))
	if err != nil || !strings.Contains(string(reason), "not a segment") {
		t.Errorf("reason %q, %v", reason, err)
	}

	e.exec("ALTER TABLE events ADD CONSTRAINT no_more CHECK bot = 9") // ClickHouse refuses the data itself
	if err := a.Record(t.Context(), s.batch(5, time.Now()), Client{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "constraint", func() bool { return a.Stats().Retries > 0 })
	if st := a.Stats(); st.DeadBatches != 1 {
		t.Errorf("a constraint is not poison, it can be lifted: %+v", st)
	}
	e.exec("ALTER TABLE events DROP CONSTRAINT no_more")
	drained(t, a)
	once(t, e, 15)
}

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

// recounts lets everything be counted, as if all days were over, and checks the counts against a recount of what readers see.
func recounts(t *testing.T, e *engine) {
	t.Helper()
	w := e.warehouse()
	k, err := w.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.roll(t.Context(), &k, time.Now().UTC().Add(4*aDay)); err != nil {
		t.Fatal(err)
	}
	for name, queries := range map[string][2]string{
		"sessions": {"SELECT day, region, toUInt64(sessions), toUInt64(carters) FROM traffic_days",
			"SELECT toDate(at), region, uniqExact(session), uniqExactIf(session, type = 'add_to_cart') FROM clickstream WHERE bot = 0 GROUP BY ALL"},
		"sessions by the hour": {"SELECT hour, region, sessions FROM traffic_hours", "SELECT toStartOfHour(toDateTime(at, 'UTC')), region, uniqExact(session) FROM clickstream WHERE bot = 0 GROUP BY ALL"},
		"interest": {"SELECT day, toString(product), region, viewers, carters FROM interest_days",
			`SELECT toDate(at), toString(arrayJoin(arrayDistinct(item_ids))) AS product, region, uniqExactIf(session, type = 'view_item'), uniqExactIf(session, type = 'add_to_cart')
			FROM clickstream WHERE bot = 0 AND type IN ('view_item', 'add_to_cart') GROUP BY ALL`},
		"searches":        {"SELECT day, words, region, searches, without_results FROM search_days", "SELECT toDate(at), lower(trimBoth(query)), region, count(), countIf(results = 0) FROM clickstream WHERE bot = 0 AND type = 'search' GROUP BY ALL"},
		"recommendations": {"SELECT day, toString(slot), region, impressions, clicks FROM recommendation_days", "SELECT toDate(at), toString(slot), region, countIf(type = 'rec_impression'), countIf(type = 'rec_click') FROM clickstream WHERE bot = 0 AND slot != '' GROUP BY ALL"},
		"carts":           {"SELECT day, sum(carts) FROM cart_days GROUP BY ALL", "SELECT toDate(at), uniqExact(session) FROM clickstream WHERE bot = 0 AND type = 'add_to_cart' GROUP BY ALL"},
	} {
		held := " WHERE (day, made_at) IN (SELECT day, max(made_at) FROM rolled GROUP BY day)"
		counted := queries[0] + held
		if before, after, ok := strings.Cut(queries[0], " GROUP BY"); ok {
			counted = before + held + " GROUP BY" + after
		}
		rows := e.number("SELECT count() FROM (" + queries[1] + ")")
		less, more := e.number("SELECT count() FROM ("+queries[1]+" EXCEPT "+counted+")"), e.number("SELECT count() FROM ("+counted+" EXCEPT "+queries[1]+")")
		if rows == 0 && name != "carts" || less+more > 0 {
			t.Errorf("%s: of %d rows %d are not in the counts, and %d are there that should not be", name, rows, less, more)
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
			w, err := openWarehouse(context.Background(), &cfg, 0)
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
	w, err := openWarehouse(t.Context(), &cfg, 0)
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

package analytics

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

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

// TestExactlyOnceUnderKills kills the engine at random moments while batches are being inserted, and
// every write is retried until it is acknowledged.
func TestExactlyOnceUnderKills(t *testing.T) {
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	s := newShopper(t)
	eventually(t, "connected", func() bool { return a.Stats().Connected })

	const kills, each = 12, 20
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for range kills {
			time.Sleep(time.Duration(30+s.r.IntN(300)) * time.Millisecond) // the moment of the kill
			e.kill()
			e.start()
		}
	}()
	shop, segments := newShopper(t), uint64(0)
	for going := true; going; segments++ {
		if err := a.spool.Append(t.Context(), shop.rows(t, each)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the backlog is short", func() bool { return a.Stats().SpoolSegments < 4 })
		select {
		case <-finished:
			going = false
		default:
		}
	}
	drained(t, a)
	st := a.Stats()
	if st.Retries == 0 {
		t.Fatal("no kill hit an insert: the test has shown nothing")
	}
	once(t, e, segments*each)
	recounts(t, e)
	t.Logf("%d kills, %d batches, %d retries, %d reinserted", kills, st.DeliveredBatch, st.Retries, st.Reinserted)
}

// TestKilledBetweenWriteAndAcknowledgement puts a proxy before the engine that lets every INSERT
// through once, waits until the engine has answered, kills it and swallows the answer.
func TestKilledBetweenWriteAndAcknowledgement(t *testing.T) {
	e := startEngine(t)
	var mu sync.Mutex
	swallowed := map[string]bool{}
	target, err := url.Parse(e.url())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: log.New(io.Discard, "", 0),
		ModifyResponse: func(r *http.Response) error {
			token := r.Request.URL.Query().Get("insert_deduplication_token")
			mu.Lock()
			defer mu.Unlock()
			if token == "" || r.StatusCode != http.StatusOK || swallowed[token] {
				return nil
			}
			swallowed[token] = true
			e.kill()
			e.start()
			return errors.New("the engine was killed")
		},
	})
	defer proxy.Close()
	a := openTest(t, Config{Addr: proxy.URL})
	s := newShopper(t)
	const segments, each = 5, 30
	for i := range segments {
		if err := a.spool.Append(t.Context(), s.rows(t, each)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "delivered", func() bool { return a.Stats().DeliveredBatch == int64(i+1) })
	}
	box := &sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, time.Now(), "s1", "mug", 2, 2500), order(2, time.Now(), "s2", "jug", 1, 900)}}}}
	if _, err := a.DeliverOutbox(t.Context(), box); err == nil || len(box.done) != 0 {
		t.Fatalf("the answer was not swallowed: %v", err)
	}
	if n, err := a.DeliverOutbox(t.Context(), box); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if len(swallowed) != segments+1 {
		t.Errorf("%d answers were swallowed", len(swallowed))
	}
	once(t, e, segments*each)
	recounts(t, e)
	if rows, ids := e.number("SELECT count() FROM orders"), e.number("SELECT uniqExact(id) FROM orders"); rows != 2 || ids != 2 {
		t.Errorf("orders: %d rows, %d ids", rows, ids)
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

// TestWithoutDeduplicationRowsDouble switches the deduplication off and must see the difference.
func TestWithoutDeduplicationRowsDouble(t *testing.T) {
	e := startEngine(t)
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 1, 50)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	content, err := readSegment(files[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Addr: e.url(), Dir: dir, Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := openWarehouse(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	e.exec("SYSTEM STOP MERGES") // a merge would collapse the copies before they are counted
	send := func(mode string) {
		t.Helper()
		w.insert["deduplicate_insert"] = mode
		if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
			t.Fatal(err)
		}
	}
	send("enable")
	send("enable")
	if n := e.number("SELECT count() FROM events"); n != 50 {
		t.Fatalf("with deduplication: %d rows", n)
	}
	send("disable")
	if n := e.number("SELECT count() FROM events"); n != 100 {
		t.Fatalf("without deduplication: %d rows, want 100: the control shows nothing", n)
	}
	if n := e.number("SELECT count() FROM clickstream"); n != 50 {
		t.Fatalf("readers see %d rows", n)
	}
}

// TestAcknowledgedButNotThere is what a kill leaves between ClickHouse's note of a token and the part
// itself: the repeat is acknowledged, and there are no rows.
func TestAcknowledgedButNotThere(t *testing.T) {
	e := startEngine(t)
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 1, 50)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	content, err := readSegment(files[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Addr: e.url(), Dir: t.TempDir(), Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := openWarehouse(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
		t.Fatal(err)
	}
	e.exec("DELETE FROM events WHERE 1") // the rows go, the token stays
	if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
		t.Fatal(err)
	}
	if n := e.number("SELECT count() FROM events"); n != 0 {
		t.Fatalf("the token was forgotten: %d rows", n)
	}
	a := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	drained(t, a)
	once(t, e, 50)
	if st := a.Stats(); st.Reinserted != 1 {
		t.Errorf("reinserted %d", st.Reinserted)
	}
}

func TestClickHouseIsDownForAWhile(t *testing.T) {
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

// TestRepeatAfterTheWindow: the token of a batch is forgotten, and then the batch comes again.
func TestRepeatAfterTheWindow(t *testing.T) {
	e := startEngine(t)
	dir, copied := t.TempDir(), t.TempDir()
	sealedFiles(t, newShopper(t), dir, 3, 40)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	first := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	drained(t, first)
	e.exec("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 0")
	e.exec("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 10000")
	second := openTest(t, Config{Addr: e.url(), Dir: copied, Edge: "edge-a"})
	drained(t, second)
	once(t, e, 120)
	recounts(t, e)
}

// TestAggregatesAreHealed: a kill between a target's note of the token and its part leaves the target
// short, and a repeat alone does not mend it.
func TestAggregatesAreHealed(t *testing.T) {
	e := startEngine(t)
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 1, 50)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	content, err := readSegment(files[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Addr: e.url(), Dir: t.TempDir(), Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := openWarehouse(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"product_hours", "funnel_hours"} {
		e.exec("DELETE FROM " + target + " WHERE 1") // the rows go, the token stays
	}
	if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
		t.Fatal(err)
	}
	if n := e.number("SELECT uniqMerge(sessions) FROM funnel_hours"); n != 0 {
		t.Errorf("a repeat alone mended the target, so this test shows nothing (%d sessions)", n)
	}
	a := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	drained(t, a)
	if n := e.number("SELECT uniqMerge(sessions) FROM funnel_hours"); n == 0 {
		t.Error("funnel_hours stayed empty")
	}
	once(t, e, 50)
	recounts(t, e)
}

// TestSameEventAtTwoEdges: a browser that changed the edge repeats a batch there.
func TestSameEventAtTwoEdges(t *testing.T) {
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

func TestOutboxIsExactlyOnce(t *testing.T) {
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Edge: "edge-a"})
	b := openTest(t, Config{Addr: e.url(), Edge: "edge-b"})
	now := time.Now()
	list := []api.OutboxSlice{
		{Slice: 1, Entries: []api.OutboxEntry{order(1, now, "s1", "mug", 2, 2500), order(2, now, "s2", "jug", 1, 900)}},
		{Slice: 2, Entries: []api.OutboxEntry{order(3, now, "s3", "mug", 1, 1250)}},
	}
	back := order(4, now, "s1", "mug", 2, 2500)
	back.Type, back.Refunded = "order_refunded", &api.Money{Amount: 2500, Currency: "EUR"}
	list[1].Entries = append(list[1].Entries, back)
	for _, edge := range []*Analytics{a, b} { // the second never heard of the first's acknowledgement
		box := &sliceList{list: list}
		for _, want := range []int{2, 2, 0} {
			if n, err := edge.DeliverOutbox(t.Context(), box); err != nil || n != want {
				t.Fatal(n, err)
			}
		}
		if len(box.done) != 2 {
			t.Fatalf("acknowledged %v", box.done)
		}
	}
	for _, table := range []string{"orders", "sales"} {
		if rows, ids := e.number("SELECT count() FROM "+table), e.number("SELECT uniqExact(id) FROM "+table); rows != 4 || ids != 4 {
			t.Errorf("%s: %d rows, %d ids", table, rows, ids)
		}
	}
	if n := e.number("SELECT sum(total) FROM sales WHERE kind = 'order_placed'"); n != 2500+900+1250+3*490 {
		t.Errorf("revenue %d", n)
	}
	if got, again := orderID(1, 7), orderID(1, 7); got != again || got == orderID(2, 7) || got == orderID(1, 8) || got.Version() != 8 || got.Variant() != uuid.RFC4122 {
		t.Errorf("ids: %v %v", got, again)
	}
	broken := &sliceList{list: []api.OutboxSlice{{Slice: 3, Entries: []api.OutboxEntry{{Seq: 9, At: "yesterday"}}}}}
	if _, err := a.DeliverOutbox(t.Context(), broken); err == nil || len(broken.done) != 0 {
		t.Errorf("an entry without a time: %v, done %v", err, broken.done)
	}
}

func TestRunOutboxStopsWithItsContext(t *testing.T) {
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	box := &failing{sliceList: sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, time.Now(), "s", "mug", 1, 5)}}}}, fails: 3}
	go func() { a.RunOutbox(ctx, box); close(finished) }()
	eventually(t, "delivered despite a failing source", func() bool { return a.Stats().OutboxSlices == 1 })
	cancel()
	<-finished
	if n := e.number("SELECT count() FROM orders"); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// failing is an outbox behind a core that is not there at first.
type failing struct {
	sliceList
	fails int
}

func (f *failing) Next(ctx context.Context) (api.OutboxSlice, error) {
	if f.fails > 0 {
		f.fails--
		return api.OutboxSlice{}, errors.New("no leader")
	}
	return f.sliceList.Next(ctx)
}

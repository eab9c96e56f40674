package analytics

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/api"
)

// replicasEnv names a cluster of two replicas to run these tests on: NAME=http://HOST:PORT,http://HOST:PORT. Each test makes a database of its
// own there and drops it.
const replicasEnv = "MERIDIAN_CLICKHOUSE_REPLICAS"

// replicas are two hosts of one cluster, and a database on it.
type replicas struct {
	t              *testing.T
	name, database string
	hosts          []string
}

var replicaDatabases atomic.Uint64

func testReplicas(t *testing.T) *replicas {
	t.Helper()
	name, list, _ := strings.Cut(os.Getenv(replicasEnv), "=")
	if list == "" {
		t.Skip("needs a ClickHouse cluster of two replicas, which the embedded engine is not: set " + replicasEnv + "=NAME=http://HOST:PORT,http://HOST:PORT")
	}
	r := &replicas{t: t, name: name, hosts: strings.Split(list, ",")}
	if len(r.hosts) != 2 {
		t.Fatalf("%s names %d hosts, not two", replicasEnv, len(r.hosts))
	}
	r.database = fmt.Sprintf("meridian_test_%d_%d", time.Now().UnixNano(), replicaDatabases.Add(1))
	t.Cleanup(func() {
		w, err := dial(&Config{Cluster: r.name}, r.host(0), "default")
		if err == nil {
			err = w.conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+r.database+" ON CLUSTER `"+r.name+"` SYNC")
			w.close()
		}
		if err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return r
}

func (r *replicas) host(i int) *url.URL {
	u, err := url.Parse(r.hosts[i])
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

func (r *replicas) config(addrs ...string) Config {
	scheme, _, _ := strings.Cut(addrs[0], "://")
	list := scheme + "://"
	for i, a := range addrs {
		if i > 0 {
			list += ","
		}
		_, host, _ := strings.Cut(a, "://")
		list += host
	}
	return Config{Addr: list, Cluster: r.name, Database: r.database, Edge: "edge-a", Dir: r.t.TempDir()}
}

// open is a connection to one replica, as an edge has it.
func (r *replicas) open(i int) *warehouse {
	r.t.Helper()
	cfg := r.config(r.hosts[i])
	if err := cfg.Validate(); err != nil {
		r.t.Fatal(err)
	}
	w, err := openWarehouse(r.t.Context(), &cfg, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(w.close)
	w.margin = 0 // one clock
	return w
}

func number(t *testing.T, w *warehouse, query string) (n uint64) {
	t.Helper()
	if err := w.conn.QueryRow(t.Context(), "SELECT toUInt64(("+query+"))").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func execOn(t *testing.T, w *warehouse, query string) {
	t.Helper()
	if err := w.conn.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// alone lets INSERTs be acknowledged by one replica, as when the other is cut off later.
func alone(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_quorum": 0}))
}

func segmentOf(t *testing.T, rows []Row) segment {
	t.Helper()
	return segment{Stored: time.Now().UTC().Truncate(time.Second), Edge: "edge-a", Token: fmt.Sprintf("edge-a-%d", time.Now().UnixNano()), Rows: rows}
}

// TestReplicasMigrate migrates over both hosts at once, and then finds the same tables on both.
func TestReplicasMigrate(t *testing.T) {
	r := testReplicas(t)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			cfg := r.config(r.hosts[i%2])
			if err := cfg.Validate(); err != nil {
				t.Error(err)
				return
			}
			var last error
			for range 5 { // an edge tries until it has connected
				w, err := openWarehouse(t.Context(), &cfg, 0)
				if last = err; err == nil {
					w.close()
					return
				}
				t.Log(err)
			}
			t.Error(last)
		})
	}
	wait.Wait()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	names, err := tablesOf(all)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.hosts {
		w := r.open(i)
		if n := number(t, w, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name IN ('"+strings.Join(names, "', '")+"')"); n != uint64(len(names)) {
			t.Errorf("host %d has %d of %d tables", i, n, len(names))
		}
		if n := number(t, w, "SELECT count() FROM system.replicas WHERE database = currentDatabase() AND total_replicas = 2 AND NOT is_readonly"); n < 15 {
			t.Errorf("host %d has %d replicated tables", i, n)
		}
	}
	// A host that has lost its tables, or is new, gets them as they are today, though the notes say that everything is applied.
	w := r.open(1)
	for _, name := range append(names, "schema_migrations") {
		execOn(t, w, "DROP TABLE "+name+" SYNC")
	}
	cfg := r.config(r.hosts...)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	again, err := openWarehouse(t.Context(), &cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.host != r.host(1).Host {
		t.Fatalf("opened %s", again.host)
	}
	if err := again.catchUp(t.Context(), rolledFrom...); err != nil {
		t.Fatal(err)
	}
	if n := number(t, again, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name IN ('"+strings.Join(names, "', '")+"')"); n != uint64(len(names)) {
		t.Errorf("%d of %d tables are there again", n, len(names))
	}
}

func TestReplicasRefusals(t *testing.T) {
	r := testReplicas(t)
	w := r.open(0)
	refused := func(cfg Config, want string) {
		t.Helper()
		w, err := openWarehouse(t.Context(), &cfg, 0)
		if err == nil {
			w.close()
			t.Errorf("not refused: %s", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %q", err, want)
		}
	}
	cfg := r.config(r.hosts[0])
	cfg.Cluster = "nobody-has-this"
	refused(cfg, "knows no cluster")
	cfg.Cluster = ""
	refused(cfg, "name its cluster")
	plain := testReplicas(t)
	cfg = plain.config(plain.hosts[0])
	cfg.Cluster = ""
	if w, err := openWarehouse(t.Context(), &cfg, 0); err != nil {
		t.Fatal(err)
	} else {
		w.close()
	}
	refused(plain.config(plain.hosts[0]), "on one host only")
	execOn(t, w, "DROP TABLE funnel_days SYNC")
	execOn(t, w, "CREATE TABLE funnel_days (day Date, made_at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY day")
	refused(r.config(r.hosts[0]), "on one host only")
	if n := number(t, w, "SELECT countDistinct(cluster) FROM (SELECT cluster FROM system.clusters GROUP BY cluster HAVING uniqExact(shard_num) > 1)"); n > 0 {
		var sharded string
		if err := w.conn.QueryRow(t.Context(), "SELECT cluster FROM system.clusters GROUP BY cluster HAVING uniqExact(shard_num) > 1 LIMIT 1").Scan(&sharded); err != nil {
			t.Fatal(err)
		}
		cfg := r.config(r.hosts[0])
		cfg.Cluster = sharded
		refused(cfg, "shards")
	}
}

// TestReplicasOnce sends one batch to both replicas. Without deduplication it is there twice.
func TestReplicasOnce(t *testing.T) {
	r := testReplicas(t)
	a, b := r.open(0), r.open(1)
	both := func() (n [2]uint64) {
		t.Helper()
		for i, w := range []*warehouse{a, b} {
			if err := w.catchUp(t.Context(), "events"); err != nil {
				t.Fatal(err)
			}
			n[i] = number(t, w, "SELECT count() FROM events")
		}
		return n
	}
	s := segmentOf(t, newShopper(t).rows(t, 50))
	execOn(t, a, "SYSTEM STOP MERGES events")
	execOn(t, b, "SYSTEM STOP MERGES events")
	for _, w := range []*warehouse{a, b, b, a} {
		if err := w.sendSegment(t.Context(), s, s.Token); err != nil {
			t.Fatal(err)
		}
	}
	if n := both(); n != [2]uint64{50, 50} {
		t.Fatalf("%v rows", n)
	}
	b.insert["deduplicate_insert"] = "disable"
	if err := b.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	if n := both(); n != [2]uint64{100, 100} {
		t.Fatalf("without deduplication %v rows: the control shows nothing", n)
	}
}

// TestReplicasMutate deletes over one replica and looks at the other one at once.
func TestReplicasMutate(t *testing.T) {
	r := testReplicas(t)
	a, b := r.open(0), r.open(1)
	rows := newShopper(t).rows(t, 30)
	for i := range rows {
		rows[i].Visitor = fmt.Sprint("v", i%3)
	}
	s := segmentOf(t, rows)
	if err := a.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	if err := b.catchUp(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	for i, statement := range []string{"ALTER TABLE events DELETE WHERE visitor = 'v0'", "DELETE FROM events WHERE visitor = 'v1'", "ALTER TABLE events UPDATE visitor = '' WHERE visitor = 'v2'"} {
		if err := a.change(t.Context(), allReplicas, statement); err != nil {
			t.Fatal(err)
		}
		if n := number(t, b, fmt.Sprintf("SELECT count() FROM events WHERE visitor = 'v%d'", i)); n != 0 {
			t.Errorf("%s: the other replica still has %d", statement, n)
		}
	}
	if n := number(t, b, "SELECT count() FROM events WHERE visitor = ''"); n != 10 {
		t.Errorf("%d rows are left", n)
	}
}

// TestReplicasFailOver loses the answer of the first replica, and then the replica: the edge goes on with the other one, and everything is
// there once.
func TestReplicasFailOver(t *testing.T) {
	r := testReplicas(t)
	target := r.host(0)
	var lost atomic.Bool
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target); p.Out.Host = target.Host },
		ModifyResponse: func(p *http.Response) error {
			if token := p.Request.URL.Query().Get("insert_deduplication_token"); token != "" && p.StatusCode == http.StatusOK {
				lost.Store(true)
			}
			if lost.Load() {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
	})
	defer front.Close()
	a := openTest(t, r.config(front.URL, r.hosts[1]))
	const segments, each = 5, 30
	s := newShopper(t)
	for range segments {
		if err := a.spool.Append(t.Context(), s.rows(t, each)); err != nil {
			t.Fatal(err)
		}
	}
	box := &sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, time.Now(), "s1", "mug", 2, 2500), order(2, time.Now(), "s2", "jug", 1, 900)}}}}
	eventually(t, "orders are delivered", func() bool { _, err := a.DeliverOutbox(t.Context(), box); return err == nil && len(box.done) == 1 })
	drained(t, a)
	if !lost.Load() {
		t.Fatal("no answer was lost: this test shows nothing")
	}
	for i := range r.hosts {
		w := r.open(i)
		if err := w.catchUp(t.Context(), "events", "orders"); err != nil {
			t.Fatal(err)
		}
		if rows, ids := number(t, w, "SELECT count() FROM events"), number(t, w, "SELECT uniqExact(id) FROM events"); rows != segments*each || ids != rows {
			t.Errorf("host %d: %d rows, %d ids", i, rows, ids)
		}
		if n := number(t, w, "SELECT count() FROM orders"); n != 2 {
			t.Errorf("host %d: %d orders", i, n)
		}
	}
}

// restartEnv names a program that kills the replica with the number of its argument, 0 or 1, without warning, starts it again and waits for it.
const restartEnv = "MERIDIAN_CLICKHOUSE_RESTART"

// TestReplicasUnderKills kills one replica after the other while batches and orders are delivered.
func TestReplicasUnderKills(t *testing.T) {
	r := testReplicas(t)
	restart := os.Getenv(restartEnv)
	if restart == "" {
		t.Skip("needs a way to kill a replica: set " + restartEnv + " to a program")
	}
	a := openTest(t, r.config(r.hosts...))
	eventually(t, "connected", func() bool { return a.Stats().Connected })
	const kills, each = 6, 20
	finished := make(chan struct{})
	s := newShopper(t)
	go func() {
		defer close(finished)
		for i := range kills {
			time.Sleep(time.Duration(100+s.r.IntN(900)) * time.Millisecond) // the moment of the kill
			if out, err := exec.Command(restart, fmt.Sprint(i%2)).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}()
	shop, segments, box := newShopper(t), uint64(0), &sliceList{}
	for going := true; going; segments++ {
		if err := a.spool.Append(t.Context(), shop.rows(t, each)); err != nil {
			t.Fatal(err)
		}
		box.list = append(box.list, api.OutboxSlice{Slice: segments + 1, Timeline: 1, Entries: []api.OutboxEntry{order(segments+1, time.Now(), "s1", "mug", 1, 500)}})
		deliver := func() bool { _, err := a.DeliverOutbox(t.Context(), box); return err == nil }
		for deadline := time.Now().Add(time.Minute); !deliver(); {
			if time.Now().After(deadline) {
				t.Fatal("orders are not delivered")
			}
		}
		for deadline := time.Now().Add(time.Minute); a.Stats().SpoolSegments >= 4; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the backlog does not shrink: %s", a.Stats().LastError)
			}
		}
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
	for i := range r.hosts {
		w := r.open(i)
		if err := w.catchUp(t.Context(), "events", "orders"); err != nil {
			t.Fatal(err)
		}
		if rows, ids := number(t, w, "SELECT count() FROM events"), number(t, w, "SELECT uniqExact(id) FROM events"); rows != segments*each || ids != rows {
			t.Errorf("host %d: %d rows and %d ids of %d", i, rows, ids, segments*each)
		}
		if rows, ids := number(t, w, "SELECT count() FROM orders"), number(t, w, "SELECT uniqExact(id) FROM orders"); rows != segments || ids != rows {
			t.Errorf("host %d: %d orders and %d ids of %d", i, rows, ids, segments)
		}
	}
	t.Logf("%d kills, %d batches, %d retries, %d reinserted", kills, st.DeliveredBatch, st.Retries, st.Reinserted)
}

// TestReplicaThatLags asks a replica that does not get what the other one has. It must not say that something is not there, and not count.
func TestReplicaThatLags(t *testing.T) {
	r := testReplicas(t)
	a, b := r.open(0), r.open(1)
	now := time.Now().UTC().Truncate(time.Millisecond)
	yesterday := dayOf(now).AddDate(0, 0, -1)
	rows := newShopper(t).rows(t, 80)
	for i := range rows {
		rows[i].At, rows[i].Bot, rows[i].Session = yesterday.Add(time.Hour), false, fmt.Sprint("s", i)
	}
	s := segmentOf(t, rows)
	a.insert["insert_quorum"] = 0
	execOn(t, b, "SYSTEM STOP FETCHES events")
	if err := a.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if there, err := b.holdsSegment(soon, s); err == nil {
		t.Errorf("a replica that lags says %v", there)
	}
	soon, cancel = context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if n, err := b.look(soon, now); err == nil {
		t.Errorf("a replica that lags has counted %d days", n)
	}
	sessions := func(w *warehouse) uint64 {
		t.Helper()
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		query := k.expand("SELECT sum(sessions) FROM @traffic_days", yesterday, yesterday.Add(aDay), now)
		var n uint64
		if err := w.conn.QueryRow(t.Context(), query, clickhouse.Named("from", milliseconds(yesterday)), clickhouse.Named("to", milliseconds(yesterday.Add(aDay)))).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sessions(a); n != 80 {
		t.Fatalf("%d sessions", n)
	}

	// The counts of a day are on the other replica, and only the note of them is here.
	execOn(t, b, "SYSTEM START FETCHES events")
	if there, err := b.holdsSegment(t.Context(), s); err != nil || !there {
		t.Fatal(there, err)
	}
	execOn(t, b, "SYSTEM STOP FETCHES traffic_days")
	time.Sleep(10 * time.Millisecond) // later than what was inserted, to the millisecond
	if n, err := a.look(alone(t.Context()), time.Now().UTC()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if err := b.catchUp(t.Context(), "rolled"); err != nil {
		t.Fatal(err)
	}
	if n := sessions(b); n != 80 {
		t.Errorf("with the note but not the counts: %d sessions", n)
	}
	b.cluster = ""
	if n := sessions(b); n == 80 {
		t.Error("without looking for the counts they were there: the control shows nothing")
	}
	b.cluster = r.name
	execOn(t, b, "SYSTEM START FETCHES traffic_days")
	eventually(t, "the counts are trusted", func() bool {
		k, err := b.known(t.Context())
		return err == nil && k.holds(yesterday, 0, time.Now().UTC())
	})
	if a, b := sessions(a), sessions(b); a != 80 || b != 80 {
		t.Errorf("%d and %d sessions", a, b)
	}

	// Control: what a replica counts without having caught up stays wrong.
	late := newShopper(t).rows(t, 20)
	for i := range late {
		late[i].At, late[i].Bot, late[i].Session = yesterday.Add(2*time.Hour), false, fmt.Sprint("late", i)
	}
	execOn(t, b, "SYSTEM STOP FETCHES events")
	s = segmentOf(t, late)
	if err := a.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	k, err := b.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.roll(alone(t.Context()), &k, time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	execOn(t, b, "SYSTEM START FETCHES events")
	if err := b.catchUp(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	if n := sessions(b); n != 80 {
		t.Errorf("a replica that counts without having caught up has %d sessions, want the wrong 80: the control shows nothing", n)
	}
}

// TestReplicasReports: counts made over one replica and then over the other are those of a recount, on both.
func TestReplicasReports(t *testing.T) {
	r := testReplicas(t)
	hosts := []*warehouse{r.open(0), r.open(1)}
	s, from := newShopper(t), dayOf(time.Now()).AddDate(0, 0, -2)
	sent := 0
	for round := range 4 {
		w := hosts[round%2]
		rows := s.rows(t, 100)
		for i := range rows {
			rows[i].At = from.Add(time.Duration(s.r.Int64N(int64(2 * aDay)))).Truncate(time.Millisecond)
		}
		seg := segmentOf(t, rows)
		for _, to := range hosts { // one batch, whoever is asked to take it
			if err := to.sendSegment(t.Context(), seg, seg.Token); err != nil {
				t.Fatal(err)
			}
		}
		sent += len(rows)
		time.Sleep(10 * time.Millisecond)
		if err := w.catchUp(t.Context(), rolledFrom...); err != nil { // as look does, which would say that somebody has just looked
			t.Fatal(err)
		}
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.roll(t.Context(), &k, time.Now().UTC()); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	}
	to, now := dayOf(time.Now()), time.Now().UTC()
	for i, w := range hosts {
		if err := w.catchUp(t.Context(), append(rollupTables(), rolledFrom...)...); err != nil {
			t.Fatal(err)
		}
		if n := number(t, w, "SELECT count() FROM events"); n != uint64(sent) {
			t.Errorf("host %d: %d events of %d", i, n, sent)
		}
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !k.holds(from, 0, now) {
			t.Errorf("host %d: nothing is counted: this test shows nothing", i)
		}
		for _, report := range (Reports{}).List() {
			p := Params{From: from, To: to, Interval: "day"}
			bucket, err := p.check()
			if err != nil {
				t.Fatal(err)
			}
			query, err := reportQuery(report.Name, bucket, p)
			if err != nil {
				t.Fatal(err)
			}
			counted, err := w.table(t.Context(), &k, query, report.Columns, p, now)
			if err != nil {
				t.Fatal(err)
			}
			recount, err := w.table(t.Context(), &known{}, query, report.Columns, p, now)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(counted) != fmt.Sprint(recount) {
				t.Errorf("host %d, %s: %v instead of %v", i, report.Name, counted, recount)
			}
		}
	}
}

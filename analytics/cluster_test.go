package analytics

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

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

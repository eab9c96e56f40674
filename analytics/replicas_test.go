package analytics

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
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

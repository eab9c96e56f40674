package analytics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/internal/pause"
)

// Waits on replicas.
const (
	// catchUpTimeout bounds how long a replica may take to get what the others have.
	catchUpTimeout = 30 * time.Second
	// trustTimeout is the same for a report, which can do without.
	trustTimeout = 2 * time.Second
	// quorumTimeout is how long an INSERT waits for the majority: less than insertTimeout, so that ClickHouse says what is the matter.
	quorumTimeout = 30 * time.Second
	// ddlTimeout is how long a statement waits for the hosts of the cluster that are up.
	ddlTimeout = 30 * time.Second
	// inactiveTimeout is how long ALTER waits for a replica that is down.
	inactiveTimeout = time.Second
)

// clusterSettings hold for every statement on a cluster. An INSERT is acknowledged when most replicas have it, or the loss of one could take
// with it what the spool has deleted. A host that is down does not hold up a migration; it finds it in Keeper when it comes back.
func clusterSettings(cluster string) clickhouse.Settings {
	if cluster == "" {
		return nil
	}
	return clickhouse.Settings{
		"insert_quorum":          "auto",
		"insert_quorum_parallel": 1,
		"insert_quorum_timeout":  quorumTimeout.Milliseconds(),

		"distributed_ddl_output_mode":  "throw_only_active",
		"distributed_ddl_task_timeout": int(ddlTimeout / time.Second),

		"alter_sync": int(allReplicas), // the next statement may need on every host what this one adds
		"replication_wait_for_inactive_replica_timeout": int(inactiveTimeout / time.Second),
	}
}

// alter runs a statement that makes or changes tables, on every host of the cluster.
func (w *warehouse) alter(ctx context.Context, statement string) error {
	if w.cluster != "" {
		changed, err := onCluster(w.cluster, w.database, statement)
		if err != nil {
			return err
		}
		statement = changed
	}
	for {
		err := w.conn.Exec(ctx, statement)
		if code(err) == codeUnfinished && w.cluster != "" {
			return nil // a replica that is down does it when it comes back
		}
		if code(err) != codeAlteredElsewhere || pause.For(ctx, alterPause) != nil {
			return err
		}
	}
}

// alterPause is how long a replica gets to hear of what another one has altered.
const alterPause = 200 * time.Millisecond

// Codes of ClickHouse's errors.
const (
	codeUnfinished       = 341 // some replicas are down
	codeAlteredElsewhere = 517 // this replica has not heard yet of what another one altered
)

// code is ClickHouse's code of an error, 0 for none.
func code(err error) int32 {
	var ex *clickhouse.Exception
	if errors.As(err, &ex) {
		return ex.Code
	}
	return 0
}

// adopt makes the tables that this replica lacks as another host of the cluster has them: a table joins its replicas only with the columns
// that they have today, which no single migration names. Without any such host it does nothing.
func (w *warehouse) adopt(ctx context.Context, cfg *Config, names []string) error {
	hosts, err := cfg.hosts()
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if host.Host == w.host {
			continue
		}
		statements, err := statementsOf(ctx, cfg, host, names)
		if err != nil || len(statements) < len(names) {
			continue // it is down, or lacks some itself
		}
		for _, statement := range statements {
			if err := w.conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("make a table of %s on %s: %w", host.Host, w.host, err)
			}
		}
		return nil
	}
	return nil
}

// statementsOf are what makes these tables as a host has them; tables first, since views read them.
func statementsOf(ctx context.Context, cfg *Config, host *url.URL, names []string) (all []string, err error) {
	w, err := dial(cfg, host, cfg.Database)
	if err != nil {
		return nil, err
	}
	defer w.close()
	rows, err := w.conn.Query(ctx, "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name IN ('"+strings.Join(names, "', '")+
		"') ORDER BY engine LIKE '%View', name")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return nil, err
		}
		for _, kind := range []string{"CREATE TABLE ", "CREATE VIEW ", "CREATE MATERIALIZED VIEW "} {
			if rest, ok := strings.CutPrefix(statement, kind); ok {
				all = append(all, kind+"IF NOT EXISTS "+rest)
			}
		}
	}
	return all, rows.Err()
}

// waitFor is the value of mutations_sync and lightweight_deletes_sync.
type waitFor int

const (
	ownReplica  waitFor = 1
	allReplicas waitFor = 2
)

// change runs ALTER … DELETE, ALTER … UPDATE or DELETE and waits until it is done. It needs no ON CLUSTER: a replicated table does it on all
// replicas. With allReplicas a replica that is down is an error, and does its part when it comes back.
func (w *warehouse) change(ctx context.Context, wait waitFor, statement string, args ...any) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": int(wait), "lightweight_deletes_sync": int(wait)}))
	return w.conn.Exec(ctx, statement, args...)
}

// catchUp waits until this replica has every part of these tables that any replica had. What is not there afterwards has not been anywhere.
func (w *warehouse) catchUp(ctx context.Context, tables ...string) error {
	if w.cluster == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	for _, table := range tables {
		deadline, _ := ctx.Deadline()
		most := max(1, int(time.Until(deadline)/time.Second)-1) // ClickHouse gives up before the driver does
		wait := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"receive_timeout": most}))
		if err := w.conn.Exec(wait, "SYSTEM SYNC REPLICA "+table+" LIGHTWEIGHT"); err != nil {
			return fmt.Errorf("wait until replica %s has all of %s: %w", w.host, table, err)
		}
	}
	return nil
}

// rolledFrom are the tables that counts are made from.
var rolledFrom = []string{"events", "orders", "abandoned", "rolled", "cohort_weeks"}

func rollupTables() []string {
	var names []string
	for _, r := range rollups {
		names = append(names, r.name)
	}
	return names
}

// trust remembers which counts have come to this replica with all their rows.
type trust struct {
	mu      sync.Mutex
	counted map[time.Time]time.Time
}

// only leaves in k the counts whose rows are on this replica. The note that a day was counted is replicated beside the counts, and can be
// there before them. A day that is left out is counted by the report itself.
func (w *warehouse) only(ctx context.Context, k *known) {
	if w.cluster == "" {
		return
	}
	w.trust.mu.Lock()
	defer w.trust.mu.Unlock()
	if !maps.EqualFunc(k.counted, w.trust.counted, time.Time.Equal) {
		ctx, cancel := context.WithTimeout(ctx, trustTimeout)
		defer cancel()
		if w.catchUp(ctx, rollupTables()...) == nil {
			w.trust.counted = maps.Clone(k.counted)
		} else {
			maps.DeleteFunc(k.counted, func(day, at time.Time) bool { return !at.Equal(w.trust.counted[day]) })
		}
	}
	for _, at := range k.counted {
		if at.After(k.newest) {
			k.newest = at
		}
	}
}

// checkCluster refuses clusters that the tables cannot live on.
func (w *warehouse) checkCluster(ctx context.Context, _ *Config) error {
	if w.cluster == "" {
		return nil
	}
	var shards, replicas, macros uint64
	if err := w.conn.QueryRow(ctx, "SELECT uniqExact(shard_num), count() FROM system.clusters WHERE cluster = '"+w.cluster+"'").Scan(&shards, &replicas); err != nil {
		return fmt.Errorf("read ClickHouse's clusters: %w", err)
	}
	switch {
	case shards == 0:
		return fmt.Errorf("ClickHouse on %s knows no cluster %s: name one of system.clusters, or add it to remote_servers", w.host, w.cluster)
	case shards > 1:
		return fmt.Errorf("the cluster %s has %d shards: reports count sessions and events where they are all together; name a cluster of one shard with replicas", w.cluster, shards)
	}
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM system.macros WHERE macro = 'replica' AND substitution != ''").Scan(&macros); err != nil {
		return fmt.Errorf("read ClickHouse's macros: %w", err)
	}
	if macros == 0 {
		return fmt.Errorf("ClickHouse on %s has no macro replica: set <macros><replica> to a name that no other replica has", w.host)
	}
	return nil
}

// checkTables refuses tables that were made with another setting: on a cluster those of one server, which no replica would get, and the
// other way round those of a cluster, which would be read without waiting for other replicas.
func (w *warehouse) checkTables(ctx context.Context, _ *Config) error {
	wrong := "startsWith(engine, 'Replicated')"
	if w.cluster != "" {
		wrong = "NOT startsWith(engine, 'Replicated')"
	}
	all, err := migrations()
	if err != nil {
		return err
	}
	names, err := tablesOf(all)
	if err != nil {
		return err
	}
	var table, engine string
	err = w.conn.QueryRow(ctx, "SELECT min(name), argMin(engine, name) FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND "+wrong+
		" AND name IN ('schema_migrations', '"+strings.Join(names, "', '")+"')").Scan(&table, &engine)
	switch {
	case err != nil:
		return fmt.Errorf("read ClickHouse's tables: %w", err)
	case table == "":
		return nil
	case w.cluster == "":
		return fmt.Errorf("table %s of database %s is a %s: name its cluster", table, w.database, engine)
	}
	return fmt.Errorf("table %s of database %s is a %s, which is on one host only: give another database, or convert it (ATTACH TABLE … AS REPLICATED)", table, w.database, engine)
}

// hostFailed says that another host may do what this one did not.
func hostFailed(err error) bool {
	var poison *poisonError
	if err == nil || errors.As(err, &poison) || errors.Is(err, context.Canceled) {
		return false
	}
	switch code(err) {
	case 0: // no answer
		return true
	case 159, 209, 210, // it, or what it asked, does not answer
		225, 242, 999, // it is without Keeper
		285, 286, 319: // it does not reach the majority
		return true
	}
	return false
}

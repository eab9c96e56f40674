package analytics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// openTimeout bounds how long one host may take to be ready, which includes the migrations.
const openTimeout = 60 * time.Second

// warehouse is a migrated ClickHouse database on one host.
type warehouse struct {
	conn driver.Conn
	host string
	// cluster and database are the Config's.
	cluster, database string
	// insert holds the deduplication settings that this engine knows.
	insert clickhouse.Settings
	// margin is rollMargin, but in tests.
	margin    time.Duration
	askFor    time.Duration // askTimeout, but in tests
	settles   time.Duration // eraseSettles, but in tests
	eraseRest time.Duration // the constant, but in tests
	knownMu   sync.Mutex
	lastKnown known
	knownAt   time.Time
	trust     trust
	// abandoned are the api.Abandoned that were noted over this connection.
	abandoned sync.Map
}

// insertSettings are set on every INSERT, since their defaults differ between versions of
// ClickHouse. Those an engine does not know are left out. deduplicate_insert is newer than
// insert_deduplicate and overrules it.
func insertSettings() clickhouse.Settings {
	return clickhouse.Settings{
		"async_insert":       0,
		"insert_deduplicate": 1,
		"deduplicate_insert": "enable",
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		// Rows come sorted and merges collapse copies: what the engine would do with a block otherwise takes six times as long as to write it.
		"optimize_on_insert": 0,
	}
}

// openWarehouse connects to the first host that can be used, makes the database, brings the schema up to date and learns which settings the
// engine knows. Hosts are tried in their order, from the host with the number first on.
func openWarehouse(ctx context.Context, cfg *Config, first int) (*warehouse, error) {
	hosts, err := cfg.hosts()
	if err != nil {
		return nil, err
	}
	var failed error
	for i := range hosts {
		w, err := openHost(ctx, cfg, hosts[(first+i)%len(hosts)])
		if err == nil {
			return w, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func openHost(ctx context.Context, cfg *Config, host *url.URL) (*warehouse, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := makeDatabase(ctx, cfg, host); err != nil {
		return nil, err
	}
	w, err := dial(cfg, host, cfg.Database)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, *Config) error{w.checkCluster, w.checkTables, w.migrate, w.learnSettings} {
		if err := step(ctx, cfg); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func dial(cfg *Config, host *url.URL, database string) (*warehouse, error) {
	options, err := cfg.options(host, database)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	return &warehouse{conn: conn, host: host.Host, cluster: cfg.Cluster, database: cfg.Database, margin: rollMargin, askFor: askTimeout, settles: eraseSettles, eraseRest: eraseRest}, nil
}

// makeDatabase needs no right to make databases where there is one.
func makeDatabase(ctx context.Context, cfg *Config, host *url.URL) error {
	if cfg.Database == "default" {
		return nil
	}
	w, err := dial(cfg, host, "default")
	if err != nil {
		return err
	}
	defer w.close()
	var n uint64
	err = w.conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = '"+cfg.Database+"'").Scan(&n)
	if err == nil && n == 0 {
		err = w.alter(ctx, "CREATE DATABASE IF NOT EXISTS `"+cfg.Database+"`")
	}
	if err != nil {
		return fmt.Errorf("make database %s: %w", cfg.Database, err)
	}
	return nil
}

func (w *warehouse) learnSettings(ctx context.Context, _ *Config) error {
	wanted := insertSettings()
	var names []string
	for name := range wanted {
		names = append(names, "'"+name+"'")
	}
	rows, err := w.conn.Query(ctx, "SELECT name FROM system.settings WHERE name IN ("+strings.Join(names, ", ")+")")
	if err != nil {
		return fmt.Errorf("read ClickHouse's settings: %w", err)
	}
	defer func() { _ = rows.Close() }()
	w.insert = clickhouse.Settings{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("read ClickHouse's settings: %w", err)
		}
		w.insert[name] = wanted[name]
	}
	return rows.Err()
}

func (w *warehouse) close() { _ = w.conn.Close() }

// send is one INSERT under a token. The batch is never flushed in parts: a driver that closes a
// half-sent batch commits it, and the retry would then be taken for a duplicate.
func (w *warehouse) send(ctx context.Context, statement, token string, add func(driver.Batch) error) error {
	settings := clickhouse.Settings{"insert_deduplication_token": token}
	for k, v := range w.insert {
		settings[k] = v
	}
	batch, err := w.conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), statement)
	if err != nil {
		return fmt.Errorf("prepare an insert: %w", err)
	}
	if err := add(batch); err != nil {
		_ = batch.Abort()
		return &poisonError{err}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert batch %s: %w", token, err)
	}
	return nil
}

// poisonError is a batch that does not fit the table, whoever tries.
type poisonError struct{ cause error }

func (e *poisonError) Error() string { return "the batch does not fit the table: " + e.cause.Error() }
func (e *poisonError) Unwrap() error { return e.cause }

// refusedData says that ClickHouse read the batch and will refuse it again.
func refusedData(err error) bool {
	var poison *poisonError
	if errors.As(err, &poison) {
		return true
	}
	var ex *clickhouse.Exception
	if !errors.As(err, &ex) {
		return false
	}
	switch ex.Code {
	case 6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 131, 349: // does not parse, does not fit a type
		return true
	}
	return false
}

// schemaGone says that the tables are missing: someone dropped them, or the data directory is new.
func schemaGone(err error) bool {
	var ex *clickhouse.Exception
	return errors.As(err, &ex) && (ex.Code == 60 || ex.Code == 81)
}

const insertEvents = `INSERT INTO events (id, type, at, received_at, stated_day, stored_at, inserted_at, batch, edge, region, device, session, visitor, bot,
	item_ids, skus, quantities, prices, currencies, query, results, slot, algorithm, version)`

// sendSegment inserts a segment under its token, in the order of the table, so that the engine need not sort it.
func (w *warehouse) sendSegment(ctx context.Context, s segment, token string) error {
	return w.send(ctx, insertEvents, token, func(b driver.Batch) error {
		var lists itemLists
		for _, r := range inTableOrder(s.Rows) {
			if err := appendEvent(b, &s, r, &lists); err != nil {
				return err
			}
		}
		return nil
	})
}

// inTableOrder sorts rows by the key of the table events; those with one key stay as they were.
func inTableOrder(rows []Row) []*Row {
	all := make([]*Row, len(rows))
	for i := range rows {
		all[i] = &rows[i]
	}
	slices.SortStableFunc(all, tableOrder)
	return all
}

// tableOrder compares rows by the key of the table events. ClickHouse compares the second half of a UUID first.
func tableOrder(a, b *Row) int {
	if c := a.StatedDay.Compare(b.StatedDay); c != 0 {
		return c
	}
	if c := strings.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	if c := bytes.Compare(a.ID[8:], b.ID[8:]); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:8], b.ID[:8])
}

// itemLists are the columns of one row's items. The driver copies what it is given, so that a batch needs one of them.
type itemLists struct {
	handles, skus, currencies []string
	quantities                []uint32
	prices                    []int64
}

func (l *itemLists) fill(items []Item) {
	l.handles, l.skus, l.currencies, l.quantities, l.prices = l.handles[:0], l.skus[:0], l.currencies[:0], l.quantities[:0], l.prices[:0]
	for i := range items {
		it := &items[i]
		l.handles, l.skus, l.currencies = append(l.handles, it.Handle), append(l.skus, it.SKU), append(l.currencies, it.Currency)
		l.quantities, l.prices = append(l.quantities, it.Quantity), append(l.prices, it.Price)
	}
}

func appendEvent(b driver.Batch, s *segment, r *Row, l *itemLists) error {
	l.fill(r.Items)
	var bot uint8
	if r.Bot {
		bot = 1
	}
	return b.Append(r.ID, r.Type, r.At, r.Received, r.StatedDay, s.Stored, time.Now(), s.Token, s.Edge, s.Region, r.Device, r.Session, r.Visitor, bot,
		l.handles, l.skus, l.quantities, l.prices, l.currencies, r.Query, r.Results, r.Slot, r.Algorithm, r.Version)
}

// holdsSegment asks whether the batch is there. ClickHouse notes a token just before it puts the
// part in place; a kill between the two makes it answer a repeat with success and no rows. A replica is asked only when it has
// what the others have.
func (w *warehouse) holdsSegment(ctx context.Context, s segment) (bool, error) {
	if err := w.catchUp(ctx, "events"); err != nil {
		return false, err
	}
	var n uint64
	err := w.conn.QueryRow(ctx, "SELECT count() FROM events WHERE stored_at = {at:DateTime('UTC')} AND batch = {batch:String}",
		clickhouse.Named("at", s.Stored.Format(time.DateTime)), clickhouse.Named("batch", s.Token)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for batch %s: %w", s.Token, err)
	}
	return n > 0, nil
}

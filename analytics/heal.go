package analytics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// healer adds one batch of events to one aggregate again.
type healer struct {
	target, query string
}

const (
	viewPrefix = "CREATE MATERIALIZED VIEW IF NOT EXISTS "
	fromEvents = "\nFROM events\n"
	fromBatch  = "\nFROM (SELECT * FROM events WHERE stored_at = {at:DateTime('UTC')} AND batch = {batch:String})\n"
)

// healers are the materialized views over events, read from the schema so that there is one text of
// each. A view's target notes tokens like a table does, and a kill can leave it with the note and
// without the part; a repeat is then taken for a duplicate there. The aggregates hold sets, so adding
// a batch to them once too often changes nothing.
func healers() ([]healer, error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	var found []healer
	for _, m := range all {
		for _, statement := range m.statements {
			i := strings.Index(statement, viewPrefix)
			if i < 0 {
				continue
			}
			head, query, ok := strings.Cut(statement[i+len(viewPrefix):], " AS\n")
			_, target, named := strings.Cut(head, " TO ")
			if !ok || !named || strings.Count(query, fromEvents) != 1 {
				return nil, fmt.Errorf("schema %s: a view must read `TO target AS` and `FROM events`, each on its line", m.name)
			}
			found = append(found, healer{target: target, query: strings.Replace(query, fromEvents, fromBatch, 1)})
		}
	}
	return found, nil
}

// heal brings every aggregate up to date with a batch that may have been sent more than once.
func (w *warehouse) heal(ctx context.Context, s segment) error {
	all, err := healers()
	if err != nil {
		return err
	}
	settings := clickhouse.Settings{}
	for k, v := range w.insert {
		settings[k] = v
	}
	settings["insert_deduplicate"] = 0
	if _, known := settings["deduplicate_insert"]; known {
		settings["deduplicate_insert"] = "disable"
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings))
	for _, h := range all {
		err := w.conn.Exec(ctx, "INSERT INTO "+h.target+" "+h.query,
			clickhouse.Named("at", s.Stored.Format(time.DateTime)), clickhouse.Named("batch", s.Token))
		if err != nil {
			return fmt.Errorf("bring %s up to date with batch %s: %w", h.target, s.Token, err)
		}
	}
	return nil
}

package analytics

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
)

//go:embed schema/*.sql
var schema embed.FS

// migration is one numbered file. Its statements end with a semicolon at the end of a line, and each
// can be repeated without harm: several edges may migrate at once, and any of them may be killed.
type migration struct {
	version    uint32
	name       string
	statements []string
}

func migrations() ([]migration, error) {
	files, err := fs.Glob(schema, "schema/*.sql") // in the order of names
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "schema/"), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil || int(version) != len(all)+1 {
			return nil, fmt.Errorf("schema file %s: numbers run from 001 without a gap", f)
		}
		text, err := schema.ReadFile(f)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version: uint32(version), name: name, statements: splitStatements(string(text))})
	}
	return all, nil
}

func splitStatements(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, strings.TrimSuffix(part, ";"))
		}
	}
	return out
}

const migrationsTable = `CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, applied_at DateTime('UTC') DEFAULT now('UTC'))
	ENGINE = ReplacingMergeTree ORDER BY version SETTINGS fsync_after_insert = 1`

// migrate applies what the database does not have yet. What is noted holds for the host that is asked only if its tables are there.
func (w *warehouse) migrate(ctx context.Context, cfg *Config) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	newest, err := w.migrated(ctx)
	if schemaGone(err) && w.cluster != "" {
		if err = w.adopt(ctx, cfg, []string{"schema_migrations"}); err == nil {
			newest, err = w.migrated(ctx)
		}
	}
	if schemaGone(err) {
		newest, err = 0, w.alter(ctx, migrationsTable)
	}
	if err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	whole, err := w.holdsTables(ctx, cfg, all[:min(int(newest), len(all))])
	if err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	if !whole {
		newest = 0
	}
	for _, m := range all {
		if m.version <= newest {
			continue
		}
		for _, statement := range m.statements {
			if err := w.alter(ctx, statement); err != nil {
				return fmt.Errorf("migrate ClickHouse to %s: %w", m.name, err)
			}
		}
		if err := w.conn.Exec(ctx, fmt.Sprintf("INSERT INTO schema_migrations (version, name) SELECT %d, '%s'", m.version, m.name)); err != nil {
			return fmt.Errorf("note migration %s: %w", m.name, err)
		}
	}
	return nil
}

// migrated is the version of the newest migration that was noted, by any replica.
func (w *warehouse) migrated(ctx context.Context) (newest uint32, err error) {
	if err := w.catchUp(ctx, "schema_migrations"); err != nil {
		return 0, err
	}
	err = w.conn.QueryRow(ctx, "SELECT max(version) FROM schema_migrations").Scan(&newest)
	return newest, err
}

// holdsTables says whether every table and view that the migrations leave behind is there. On a cluster, those that are missing are first
// made as another host has them.
func (w *warehouse) holdsTables(ctx context.Context, cfg *Config, all []migration) (bool, error) {
	names, err := tablesOf(all)
	if err != nil {
		return false, err
	}
	whole := func() (bool, error) {
		var n uint64
		err = w.conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name IN ('"+strings.Join(names, "', '")+"')").Scan(&n)
		return n == uint64(len(names)), err
	}
	if ok, err := whole(); ok || err != nil || w.cluster == "" {
		return ok, err
	}
	if err := w.adopt(ctx, cfg, names); err != nil {
		return false, err
	}
	return whole()
}

// tablesOf are the tables and views that these migrations leave behind.
func tablesOf(all []migration) ([]string, error) {
	there := map[string]bool{}
	for _, m := range all {
		for _, statement := range m.statements {
			words, err := lexSQL(statement)
			if err != nil {
				return nil, err
			}
			p := ddl{words: words}
			if err := p.read(); err != nil {
				return nil, err
			}
			switch p.at(0).text {
			case "CREATE":
				there[p.name] = true
			case "DROP":
				delete(there, p.name)
			}
		}
	}
	return slices.Sorted(maps.Keys(there)), nil
}

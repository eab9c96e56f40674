package analytics

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
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

// migrate applies what the database does not have yet.
func migrate(ctx context.Context, conn driver.Conn) error {
	if err := conn.Exec(ctx, migrationsTable); err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	var newest uint32
	if err := conn.QueryRow(ctx, "SELECT max(version) FROM schema_migrations").Scan(&newest); err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	all, err := migrations()
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.version <= newest {
			continue
		}
		for _, statement := range m.statements {
			if err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("migrate ClickHouse to %s: %w", m.name, err)
			}
		}
		if err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO schema_migrations (version, name) SELECT %d, '%s'", m.version, m.name)); err != nil {
			return fmt.Errorf("note migration %s: %w", m.name, err)
		}
	}
	return nil
}

package analytics

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// statementsOfAll are all statements that the program runs on every host of a cluster.
func statementsOfAll(t testing.TB) []string {
	t.Helper()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{migrationsTable, "CREATE DATABASE IF NOT EXISTS `shop`"}
	for _, m := range all {
		statements = append(statements, m.statements...)
	}
	return statements
}

var undone = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(" ON CLUSTER `?main`?"), ""},
	{regexp.MustCompile("`?shop`?\\."), ""},
	{regexp.MustCompile(`Replicated(\w*MergeTree)`), "$1"},
	{regexp.MustCompile(`\('/clickhouse/tables/main/shop/\w+', '\{replica\}'\)`), ""},
	{regexp.MustCompile(`'/clickhouse/tables/main/shop/\w+', '\{replica\}'(, )?`), ""},
	{regexp.MustCompile(`replicated_deduplication_window_seconds = 604800, replicated_dedup`), "non_replicated_dedup"},
	{regexp.MustCompile(`(?s)^((?:\s|--[^\n]*\n)*DROP TABLE .*) SYNC$`), "$1"},
}

// undo takes out what onCluster puts in.
func undo(statement string) string {
	for _, u := range undone {
		statement = u.pattern.ReplaceAllString(statement, u.by)
	}
	return statement
}

// passedOn says that a replicated table passes the statement on to its replicas itself.
func passedOn(statement string) bool {
	words, err := lexSQL(statement)
	return err == nil && len(words) > 0 && (words[0].is("ALTER") || words[0].is("DELETE") || words[0].is("TRUNCATE"))
}

// TestOnCluster looks at every statement of every migration: nothing of it is lost, and what matters on a cluster is there.
func TestOnCluster(t *testing.T) {
	tables := 0
	for _, statement := range statementsOfAll(t) {
		got, err := onCluster("main", "shop", statement)
		if err != nil {
			t.Errorf("%s: %v", firstLine(statement), err)
			continue
		}
		if n := strings.Count(got, " ON CLUSTER `main`"); passedOn(statement) != (n == 0) || n > 1 {
			t.Errorf("%d times ON CLUSTER: %s", n, got)
		}
		if undo(got) != statement {
			t.Errorf("%s\nbecame\n%s", statement, got)
		}
		if strings.Contains(got, "non_replicated") {
			t.Errorf("a setting for one server: %s", got)
		}
		if words, _ := lexSQL(statement); passedOn(statement) {
			for _, w := range words {
				if w.is("today") || w.is("yesterday") || w.is("now") || w.is("now64") || w.is("rand") {
					t.Errorf("a replicated table refuses to delete or update by %s(): %s", w.text, statement)
				}
			}
		}
		if passedOn(statement) && got != statement {
			t.Errorf("every host would be told: %s", got)
		}
		if strings.Contains(statement, "ENGINE") {
			tables++
			if !regexp.MustCompile(`ENGINE = Replicated\w*MergeTree\('/clickhouse/tables/main/shop/\w+', '\{replica\}'`).MatchString(got) {
				t.Errorf("not replicated: %s", got)
			}
		}
	}
	if tables < 15 {
		t.Errorf("%d tables: this test has seen nothing", tables)
	}
}

func TestOnClusterCases(t *testing.T) {
	const path = "'/clickhouse/tables/main/shop/"
	for _, c := range []struct{ in, out string }{
		{"CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a", "CREATE TABLE t ON CLUSTER `main` (a String) ENGINE = ReplicatedMergeTree(" + path + "t', '{replica}') ORDER BY a"},
		{"CREATE TABLE t (a String) ENGINE = MergeTree() ORDER BY a", "CREATE TABLE t ON CLUSTER `main` (a String) ENGINE = ReplicatedMergeTree(" + path + "t', '{replica}') ORDER BY a"},
		{"create table if not exists `t` (a String) engine=ReplacingMergeTree(a) order by a", "create table if not exists `t` ON CLUSTER `main` (a String) engine=ReplicatedReplacingMergeTree(" + path + "t', '{replica}', a) order by a"},
		{"CREATE TABLE t (engine String DEFAULT 'ENGINE = MergeTree', non_replicated_deduplication_window String) ENGINE = Memory",
			"CREATE TABLE t ON CLUSTER `main` (engine String DEFAULT 'ENGINE = MergeTree', non_replicated_deduplication_window String) ENGINE = Memory"},
		{"ALTER TABLE t MODIFY SETTING non_replicated_deduplication_window = 5",
			"ALTER TABLE t ON CLUSTER `main` MODIFY SETTING replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 5"},
		{"-- why\nDROP TABLE IF EXISTS t", "-- why\nDROP TABLE IF EXISTS t ON CLUSTER `main` SYNC"},
		{"DELETE FROM t WHERE a = 'x'", "DELETE FROM t WHERE a = 'x'"},
		{"ALTER TABLE t DELETE WHERE a = 'x'", "ALTER TABLE t DELETE WHERE a = 'x'"},
		{"TRUNCATE TABLE IF EXISTS t", "TRUNCATE TABLE IF EXISTS t"},
		{"CREATE MATERIALIZED VIEW v TO t AS SELECT * FROM s", "CREATE MATERIALIZED VIEW v ON CLUSTER `main` TO `shop`.t AS SELECT * FROM `shop`.s"},
		{"CREATE VIEW v AS SELECT 'FROM x', (SELECT max(a) FROM s FINAL) FROM d.t JOIN numbers(3) ON 1", "CREATE VIEW v ON CLUSTER `main` AS SELECT 'FROM x', (SELECT max(a) FROM `shop`.s FINAL) FROM d.t JOIN numbers(3) ON 1"},
		{"CREATE VIEW v AS WITH x AS (SELECT 1) SELECT * FROM x", ""},
		{"INSERT INTO t SELECT 1", "INSERT INTO t SELECT 1"},
		{"RENAME TABLE a TO b", ""},
		{"CREATE TABLE t ENGINE = MergeTree ORDER BY a AS SELECT 1 AS a", ""},
		{"CREATE TABLE t ON CLUSTER other (a String) ENGINE = MergeTree ORDER BY a", ""},
		{"CREATE TABLE d.t (a String) ENGINE = MergeTree ORDER BY a", ""},
		{"CREATE FUNCTION f AS x -> x", ""},
		{"DROP DATABASE shop", ""},
		{"CREATE TABLE `a'b` (a String) ENGINE = MergeTree ORDER BY a", ""},
		{"CREATE TABLE t (a String", ""},
		{"CREATE TABLE", ""},
		{"", ""},
	} {
		got, err := onCluster("main", "shop", c.in)
		if got != c.out || (err != nil) != (c.out == "") {
			t.Errorf("%s\nbecame %q, %v", c.in, got, err)
		}
	}
}

// TestOnClusterParses lets ClickHouse's own parser read what onCluster makes: it is the same statement but for what was put in.
func TestOnClusterParses(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	format := func(statement string) (text string) {
		t.Helper()
		if err := e.conn().QueryRow(t.Context(), "SELECT formatQuery({s:String})", clickhouse.Named("s", statement)).Scan(&text); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		return text
	}
	for _, statement := range statementsOfAll(t) {
		changed, err := onCluster("main", "shop", statement)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := undo(format(changed)), format(statement); got != want {
			t.Errorf("%s\nwas read as\n%s\nand not as\n%s", changed, got, want)
		}
	}
}

func TestTablesOf(t *testing.T) {
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	names, err := tablesOf(all)
	if err != nil {
		t.Fatal(err)
	}
	got := " " + strings.Join(names, " ") + " "
	for _, there := range []string{"events", "orders", "clickstream", "sales", "rolled", "asked"} {
		if !strings.Contains(got, " "+there+" ") {
			t.Errorf("%s is missing in%s", there, got)
		}
	}
	for _, gone := range []string{"product_hours", "funnel_hours_events"} {
		if strings.Contains(got, " "+gone+" ") {
			t.Errorf("%s was dropped, and is in%s", gone, got)
		}
	}
	if before, err := tablesOf(all[:4]); err != nil || !strings.Contains(strings.Join(before, " "), "product_hours_events") {
		t.Errorf("%v, %v", before, err)
	}
}

// FuzzOnCluster: of no statement anything is lost, and what was changed once is not changed again.
func FuzzOnCluster(f *testing.F) {
	for _, statement := range statementsOfAll(f) {
		f.Add(statement)
	}
	for _, s := range []string{"DROP TABLE a", "DELETE FROM a WHERE b", "CREATE TABLE t (a String) ENGINE = MergeTree() ORDER BY a", "CREATE TABLE `a` /* ' */ (b String) ENGINE=Log", "ALTER TABLE t DELETE WHERE x = 'it''s'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, statement string) {
		got, err := onCluster("main", "shop", statement)
		if err != nil {
			return
		}
		if got == statement {
			return // it is for one host
		}
		plain := func(s string) string { return strings.ReplaceAll(s, "MergeTree()", "MergeTree") } // undo cannot tell them apart
		if undo(statement) == statement && plain(undo(got)) != plain(statement) {
			t.Fatalf("%q became %q", statement, got)
		}
		if again, err := onCluster("main", "shop", got); err == nil {
			t.Fatalf("%q was changed again: %q", got, again)
		}
	})
}

package analytics

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	if err := a.Record(t.Context(), newShopper(t).batch(20, time.Now()), Client{}); err != nil {
		t.Fatal(err)
	}
	drained(t, a)
	a.warehouse.Load().askFor = time.Second
	ask := func(query string) (Table, bool, error) {
		t.Helper()
		return a.Reports().Ask(t.Context(), "m@example.com", query, 5)
	}
	table, cut, err := ask(" SELECT 'n' AS name, count() AS events, 1.5 AS half, [1, 2] AS list, toNullable(count()) AS maybe, toDate('2026-03-04') AS day FROM clickstream ; ")
	if err != nil || cut || len(table.Rows) != 1 || table.Rows[0][1] != int64(20) || table.Rows[0][2] != 1.5 || table.Rows[0][3] != "[1 2]" || table.Rows[0][4] != int64(20) || table.Rows[0][5] != "2026-03-04" || table.Columns[1].Type != "integer" {
		t.Errorf("%+v %v %v", table, cut, err)
	}
	if table, cut, err = ask("SELECT number FROM numbers(1000000)"); err != nil || !cut || len(table.Rows) != 5 {
		t.Errorf("%d rows, cut %v: %v", len(table.Rows), cut, err)
	}
	for query, want := range map[string]string{
		"":                         "Write a query",
		strings.Repeat("x", 8_001): "at most 8000 bytes",
		"SELECT":                   "one SELECT",
		"SELECT 1; SELECT 2":       "semicolon",
		"SELECT * FROM remote('127.0.0.1:9', system.one)":                 "only read",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'LineAsString')": "only read",
		"SELECT 1) INTO OUTFILE '/var/x' --":                              "bracket",
		"SELECT 1) FORMAT CSV --":                                         "bracket",
		"SELECT (1":                                                       "bracket",
		"SELECT 'x":                                                       "quote",
		"SELECT 1 /* /* */ */":                                            "comment",
		"SELECT 1 AS a, ‘x’":                                              "character",
		"SELECT nothing FROM events":                                      "nothing",
		"SELECT * FROM nowhere":                                           "nowhere",
		"SELECT 1 FORMAT CSV":                                             "",
		"SELECT sum(sleepEachRow(0.5)) FROM numbers(100) SETTINGS max_block_size = 1": "without SETTINGS",
		"SELECT * FROM (SELECT 1 SETTINGS/**/readonly = 0)":                           "without SETTINGS",
		"SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1":       "too long",
		"SELECT groupArray(number) FROM numbers(1000000000)":                          "",
		"DROP TABLE events": "", "TRUNCATE TABLE events": "", "INSERT INTO asked (who) VALUES ('x')": "", "CREATE TABLE x (a UInt8) ENGINE = Memory": "", "ALTER TABLE events DELETE WHERE 1": "",
		"SET readonly = 0": "", "SELECT 1 SETTINGS readonly = 0": "", "SYSTEM SHUTDOWN": "", "KILL QUERY WHERE 1": "",
		"SELECT * FROM file('/etc/hostname', 'LineAsString')":          "only read",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')":     "only read",
		"INSERT INTO FUNCTION file('/var/x', 'CSV', 'a Int') SELECT 1": "",
		"SELECT 1 INTO OUTFILE '/var/meridian-outfile'":                "",
	} {
		if _, _, err := ask(query); err == nil || api.CodeOf(err) != api.CodeInvalid || !strings.Contains(err.Error(), want) && !strings.Contains(fieldOf(err), want) {
			t.Errorf("%.60s: %v (%s)", query, err, fieldOf(err))
		}
	}
	if n := e.number("SELECT count() FROM events"); n != 20 {
		t.Errorf("%d events are left", n)
	}
	asked, err := a.Reports().Asked(t.Context(), "m@example.com")
	if err != nil || len(asked) < 10 || asked[0].At.IsZero() {
		t.Errorf("%d questions are remembered: %v", len(asked), err)
	}
	if other, err := a.Reports().Asked(t.Context(), "n@example.com"); err != nil || len(other) != 0 {
		t.Errorf("somebody else asked %+v: %v", other, err)
	}
}

// fieldOf is what an error says of its field.
func fieldOf(err error) string {
	if e := api.AsError(err); e != nil && len(e.Errors) > 0 {
		return e.Errors[0].Message
	}
	return ""
}

// FuzzOneSelect: whatever passes, its brackets hold in a simpler reading, too: with quoted texts and comments taken out.
func FuzzOneSelect(f *testing.F) {
	f.Add("SELECT ')' AS a, (1) -- )\n FROM t /* ( */")
	f.Add("SELECT 'it''s \\' )'")
	plainText := regexp.MustCompile("(?s)'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"|`(?:[^`\\\\]|\\\\.)*`|--[^\n]*|/\\*.*?\\*/")
	f.Fuzz(func(t *testing.T, query string) {
		if oneSelect(query) != nil {
			return
		}
		rest, depth := plainText.ReplaceAllString(query, " "), 0
		for _, c := range rest {
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			case ';', '\'', '"', '`', '#', '$':
				t.Fatalf("%q passed, and has %q outside of quotes", query, c)
			}
			if depth < 0 {
				t.Fatalf("%q passed, and leaves its brackets", query)
			}
		}
		if depth != 0 {
			t.Fatalf("%q passed with open brackets", query)
		}
	})
}

package analytics

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/api"
)

// Bounds of a question in SQL.
const (
	askLength  = 8_000
	askTimeout = 15 * time.Second
	askMemory  = 2 << 30
	// AskRows is how many rows a question is answered with at most.
	AskRows   = 100_000
	askedMax  = 30
	noteLimit = 5 * time.Second
)

// Asked is a question that somebody asked before. Error is empty if it had an answer.
type Asked struct {
	At    time.Time
	Query string
	Rows  int
	Took  time.Duration
	Error string
}

// Ask runs a query of somebody's own, which can only read, and gives up to rows of its answer; cut says that there are more. What ClickHouse
// says against it is an *api.Error with the code invalid.
func (r Reports) Ask(ctx context.Context, who, query string, rows int) (table Table, cut bool, err error) {
	query = strings.TrimRight(strings.TrimSpace(query), "; \n\t")
	switch {
	case query == "":
		return table, false, api.Invalid("sql", "Write a query, such as SELECT count() FROM clickstream.")
	case len(query) > askLength || !utf8.ValidString(query) || strings.ContainsRune(query, 0):
		return table, false, api.Invalid("sql", "A query is text of at most %d bytes.", askLength)
	}
	if err := oneSelect(query); err != nil {
		return table, false, err
	}
	w, err := r.a.reader()
	if err != nil {
		return table, false, err
	}
	began := time.Now()
	table, cut, err = w.ask(ctx, query, min(rows, AskRows))
	w.noteAsked(ctx, who, Asked{At: began, Query: query, Rows: len(table.Rows), Took: time.Since(began)}, err)
	return table, cut, err
}

func (w *warehouse) ask(ctx context.Context, query string, most int) (table Table, cut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.askFor+noteLimit)
	defer cancel()
	// The statement cannot take these back: in readonly mode no setting can be changed, and nothing is read but tables.
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"readonly": 1, "max_execution_time": int(w.askFor / time.Second), "max_memory_usage": askMemory,
		"max_result_rows": most + 1, "result_overflow_mode": "break"}))
	rows, err := w.conn.Query(ctx, "SELECT * FROM (\n"+query+"\n)")
	if err != nil {
		return table, false, refusal(err)
	}
	defer func() { _ = rows.Close() }()
	types := rows.ColumnTypes()
	table.Rows = [][]any{}
	for _, t := range types {
		c := Column{Name: t.Name(), Type: "text"}
		switch t.ScanType().Kind() {
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			c.Type = "integer"
		case reflect.Float32, reflect.Float64:
			c.Type = "number"
		}
		table.Columns = append(table.Columns, c)
	}
	for rows.Next() {
		if len(table.Rows) == most {
			return table, true, nil
		}
		cells := make([]any, len(types))
		for i := range types {
			cells[i] = reflect.New(types[i].ScanType()).Interface()
		}
		if err := rows.Scan(cells...); err != nil {
			return table, false, refusal(err)
		}
		row := make([]any, len(cells))
		for i, c := range cells {
			row[i] = plain(c)
			if day, ok := c.(*time.Time); ok && strings.HasPrefix(types[i].DatabaseTypeName(), "Date") && !strings.HasPrefix(types[i].DatabaseTypeName(), "DateTime") {
				row[i] = day.Format(time.DateOnly)
			}
		}
		table.Rows = append(table.Rows, row)
	}
	return table, false, refusal(rows.Err())
}

// oneSelect refuses what could end the brackets that a query is put into, where it could be a second statement or name a file for its answer. It knows
// the quotes and comments of ClickHouse's lexer that are common, and refuses the others.
func oneSelect(query string) error {
	refuse := func(what string) error { return api.Invalid("sql", "Write one SELECT: %s.", what) }
	depth := 0
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case c == '\'' || c == '"' || c == '`':
			end := closing(query[i+1:], c)
			if end < 0 {
				return refuse("a quote is not closed")
			}
			i += 1 + end
		case strings.HasPrefix(query[i:], "--"):
			end := strings.IndexByte(query[i:], '\n')
			if end < 0 {
				end = len(query) - i
			}
			i += end
		case strings.HasPrefix(query[i:], "/*"):
			end := strings.Index(query[i+2:], "*/")
			if end < 0 || strings.Contains(query[i+2:i+2+end], "/*") {
				return refuse("a comment is not closed, or holds another")
			}
			i += 3 + end
		case c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			end := i + 1
			for end < len(query) && wordByte(query[end]) {
				end++
			}
			switch strings.ToUpper(query[i:end]) {
			case "OUTFILE", "FORMAT", "SETTINGS": // inside brackets ClickHouse takes settings that it refuses outside, and files before it looks at readonly
				return refuse("without " + strings.ToUpper(query[i:end]))
			}
			i = end - 1
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return refuse("a bracket is closed that was not opened")
			}
		case c == ';':
			return refuse("there is a semicolon in the middle")
		case c == '#' || c == '$' || c == '\\' || c >= utf8.RuneSelf:
			return refuse("outside of quotes there is a character that SQL does not need")
		}
	}
	if depth != 0 {
		return refuse("a bracket is not closed")
	}
	return nil
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// closing is where a quoted text ends; a backslash keeps what follows it.
func closing(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return -1
}

// refusal says what is wrong with a query, and not where the program that ran it is.
func refusal(err error) error {
	var ex *clickhouse.Exception
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return api.Invalid("sql", "This takes too long. Ask for fewer days: name a time for stored_at.")
	case !errors.As(err, &ex):
		return unavailable(err)
	}
	switch ex.Code {
	case 159, 160:
		return api.Invalid("sql", "This takes too long. Ask for fewer days: name a time for stored_at.")
	case 241:
		return api.Invalid("sql", "This needs more memory than a query may have. Ask for fewer days, or group by less.")
	case 164:
		return api.Invalid("sql", "Queries can only read tables. Write a SELECT without settings, files or addresses.")
	case 62:
		return api.Invalid("sql", "ClickHouse does not understand this, one SELECT without FORMAT: %s", firstSentence(ex.Message))
	}
	return api.Invalid("sql", "ClickHouse says: %s", firstSentence(ex.Message))
}

// firstSentence cuts what ClickHouse says to what people read.
func firstSentence(message string) string {
	message = strings.TrimPrefix(message, "DB::Exception: ")
	if i := strings.Index(message, ". Expected one of"); i > 0 {
		message = message[:i]
	}
	if i := strings.Index(message, ": While processing"); i > 0 {
		message = message[:i]
	}
	if r := []rune(message); len(r) > 400 {
		message = string(r[:400]) + "…"
	}
	return message
}

// noteAsked remembers a question. If it cannot, the answer is worth more.
func (w *warehouse) noteAsked(ctx context.Context, who string, q Asked, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	batch, err := w.conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0})), "INSERT INTO asked (at, who, query, rows, took_ms, error)")
	if err != nil {
		return
	}
	said := ""
	if failed != nil {
		said = failed.Error()
	}
	if batch.Append(q.At, who, q.Query, uint32(q.Rows), uint32(q.Took.Milliseconds()), said) != nil {
		_ = batch.Abort()
		return
	}
	_ = batch.Send()
}

// Asked lists what somebody asked before, the last first, each question once.
func (r Reports) Asked(ctx context.Context, who string) ([]Asked, error) {
	w, err := r.a.reader()
	if err != nil {
		return nil, err
	}
	rows, err := w.conn.Query(ctx, `SELECT max(at) AS last, query, argMax(rows, at), argMax(took_ms, at), argMax(error, at)
		FROM asked WHERE who = {who:String} GROUP BY query ORDER BY last DESC LIMIT {n:UInt32}`, clickhouse.Named("who", who), clickhouse.Named("n", askedMax))
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { _ = rows.Close() }()
	var all []Asked
	for rows.Next() {
		var q Asked
		var n, ms uint32
		if err := rows.Scan(&q.At, &q.Query, &n, &ms, &q.Error); err != nil {
			return nil, unavailable(err)
		}
		q.Rows, q.Took = int(n), time.Duration(ms)*time.Millisecond
		all = append(all, q)
	}
	return all, unavailable(rows.Err())
}

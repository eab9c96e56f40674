package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// exception is an error of the engine, with ClickHouse's error code.
type exception struct {
	code int
	text string
}

func (e *exception) Error() string { return e.text }

var exceptionCode = regexp.MustCompile(`Code:\s*(\d+)`)

// newException finds the code in the engine's text. 1001 is ClickHouse's code for an error of the
// standard library, which is what a text without a code is.
func newException(text string) *exception {
	e := &exception{code: 1001, text: text}
	if m := exceptionCode.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			e.code = n
		}
	}
	return e
}

var errEngineClosed = errors.New("the engine is closed")

// engine is the one connection to the library. The library allows one open statement per
// connection, so mu is held for the whole of a statement, including the settings around it.
type engine struct {
	lib *library

	mu       sync.Mutex
	handle   *unsafe.Pointer
	database string
}

// openEngine opens the data directory. limits are SET statements that bound every statement.
func openEngine(lib *library, dir string, limits []string) (*engine, error) {
	lib.setSignalHandlersEnabled(0)
	handle := lib.connectTo("clickhouse", "--path="+dir)
	if handle == nil {
		return nil, fmt.Errorf("the engine could not open %s: the directory may belong to another version or process", dir)
	}
	e := &engine{lib: lib, handle: handle, database: "default"}
	for _, s := range limits {
		if _, err := e.run(s, "TabSeparated", nil); err != nil {
			e.close()
			return nil, fmt.Errorf("limit the engine: %w", err)
		}
	}
	return e, nil
}

func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.handle == nil {
		return
	}
	e.lib.closeConn(e.handle)
	e.handle = nil
	e.lib.shutdown()
}

// scope is what a request brings beside its statement.
type scope struct {
	database string
	settings map[string]string
	params   map[string]string
}

// query runs a statement and returns its whole result in format.
func (e *engine) query(sql, format string, s scope) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.enter(s); err != nil {
		return nil, err
	}
	out, err := e.run(sql, format, s.params)
	return out, errors.Join(err, e.leave(s))
}

// insert runs an INSERT whose rows come as bytes of format. Settings travel in the statement, so
// that a deduplication token can never outlive it.
func (e *engine) insert(head, format string, data []byte, s scope) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.enter(scope{database: s.database}); err != nil {
		return err
	}
	q, f := []byte(head), []byte(format)
	stream := e.lib.streamInsert(*e.handle, &q[0], uintptr(len(q)), &f[0], uintptr(len(f)))
	defer e.lib.destroyInsertStream(stream)
	if text := e.lib.streamInsertError(stream); text != "" {
		return newException(text)
	}
	if len(data) > 0 && e.lib.streamAppend(stream, &data[0], uintptr(len(data))) != 0 {
		return newException(e.lib.streamInsertError(stream))
	}
	result := e.lib.streamDone(stream)
	defer e.lib.destroyQueryResult(result)
	runtime.KeepAlive(data)
	if text := e.lib.resultError(result); text != "" {
		return newException(text)
	}
	return nil
}

// enter sets the database and the settings of a statement. mu is held.
func (e *engine) enter(s scope) error {
	if e.handle == nil {
		return errEngineClosed
	}
	if s.database != "" && s.database != e.database {
		if _, err := e.run("USE "+quoteIdentifier(s.database), "TabSeparated", nil); err != nil {
			return err
		}
		e.database = s.database
	}
	if len(s.settings) == 0 {
		return nil
	}
	if _, err := e.run("SET "+settingList(s.settings), "TabSeparated", nil); err != nil {
		return errors.Join(err, e.leave(s))
	}
	return nil
}

// leave takes the settings of a statement back. mu is held.
func (e *engine) leave(s scope) error {
	if len(s.settings) == 0 {
		return nil
	}
	names := make([]string, 0, len(s.settings))
	for n := range s.settings {
		names = append(names, n+" = DEFAULT")
	}
	if _, err := e.run("SET "+strings.Join(names, ", "), "TabSeparated", nil); err != nil && !unknownSetting(err) {
		return err
	}
	return nil
}

// unknownSetting: the statement was refused for the same reason already.
func unknownSetting(err error) bool {
	var ex *exception
	return errors.As(err, &ex) && ex.code == 115
}

// run executes one statement. mu is held, or the engine is not shared yet.
func (e *engine) run(sql, format string, params map[string]string) ([]byte, error) {
	q, f := []byte(sql), []byte(format)
	if len(q) == 0 {
		return nil, newException("Code: 62. DB::Exception: Syntax error: empty query. (SYNTAX_ERROR)")
	}
	var result unsafe.Pointer
	if len(params) == 0 {
		result = e.lib.query(*e.handle, &q[0], uintptr(len(q)), &f[0], uintptr(len(f)))
	} else {
		result = e.lib.queryParams(*e.handle, q, f, params)
	}
	defer e.lib.destroyQueryResult(result)
	if text := e.lib.resultError(result); text != "" {
		return nil, newException(text)
	}
	n := e.lib.resultLength(result)
	if n == 0 {
		return nil, nil
	}
	return bytes.Clone(unsafe.Slice((*byte)(e.lib.resultBuffer(result)), n)), nil
}

// settingList renders settings as `name = 'value', …` in a fixed order.
func settingList(settings map[string]string) string {
	names := make([]string, 0, len(settings))
	for n := range settings {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = n + " = " + settingValue(settings[n])
	}
	return strings.Join(names, ", ")
}

var plainNumber = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,18})?$`)

// settingValue leaves numbers as they are; a token made of digits is text to the engine either way.
func settingValue(v string) string {
	if plainNumber.MatchString(v) {
		return v
	}
	return quoteString(v)
}

func quoteString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func quoteIdentifier(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

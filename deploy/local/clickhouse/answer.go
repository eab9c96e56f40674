package main

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// fail answers with the engine's text and, in a header, its code.
func fail(w http.ResponseWriter, status int, err error) {
	code := 1001
	var ex *exception
	if errors.As(err, &ex) {
		code = ex.code
	}
	h := w.Header()
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.TrimRight(err.Error(), "\n") + "\n"))
}

// statusOf maps the codes a caller is to blame for, as ClickHouse does; the rest is 500.
func statusOf(err error) int {
	if errors.Is(err, errTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, errEngineClosed) {
		return http.StatusServiceUnavailable
	}
	var ex *exception
	if !errors.As(err, &ex) {
		return http.StatusInternalServerError
	}
	switch ex.code {
	case 26, 27, 36, 38, 41, 43, 44, 46, 47, 53, 62, 70, 72, 117, 271, 457: // does not parse, or types that do not fit
		return http.StatusBadRequest
	case 16, 60, 81, 115: // no such column, table, database, setting
		return http.StatusNotFound
	case 48:
		return http.StatusNotImplemented
	case 164:
		return http.StatusMethodNotAllowed
	}
	return http.StatusInternalServerError
}

func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "TabSeparated"), strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "Pretty"), format == "Vertical", format == "Values":
		return "text/plain; charset=UTF-8"
	}
	return "application/octet-stream"
}

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// bodyMax bounds a request's body, packed and unpacked.
const bodyMax = 64 << 20

// inFlightMax bounds the requests that wait for the one connection.
const inFlightMax = 64

var errTooLarge = fmt.Errorf("the request body is larger than %d MiB", bodyMax>>20)

// server speaks ClickHouse's HTTP interface: statements by POST (or reading ones by GET) on /, and
// /ping, beside what operators look at.
type server struct {
	engine *engine
	log    *slog.Logger
	slots  chan struct{}
	ops    ops
}

func newServer(e *engine, log *slog.Logger) *server {
	return &server{engine: e, log: log, slots: make(chan struct{}, inFlightMax), ops: newOps()}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !localRequest(r) {
		http.Error(w, "This engine answers programs on its own machine only.", http.StatusForbidden)
		return
	}
	if s.operations(w, r) {
		return
	}
	switch {
	case r.URL.Path == "/ping" || r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.RawQuery == "":
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case r.URL.Path != "/":
		http.Error(w, "There is / for statements and /ping.", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "Use GET to read, POST for anything.", http.StatusMethodNotAllowed)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, newException("Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)"))
		return
	}
	s.answer(w, r)
}

// localRequest keeps web pages in a browser on this machine from talking to the engine, which knows
// no passwords.
func localRequest(r *http.Request) bool {
	if r.Header.Get("Origin") != "" {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// request is one parsed call.
type request struct {
	scope
	text     []byte // the whole statement, with rows when they are inside
	st       statement
	rows     []byte // of a streamed INSERT
	format   string // wanted when the statement names none
	revision uint64
	compress string // method of the answer's frames; empty: none
	queryID  string
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.ops.statements.Inc()
	req, err := readRequest(w, r)
	if err != nil {
		s.ops.refused.Inc()
		fail(w, statusOf(err), err)
		return
	}
	h := w.Header()
	h.Set("X-ClickHouse-Query-Id", req.queryID)
	h.Set("X-ClickHouse-Timezone", "UTC")
	if req.st.stream {
		if err := s.engine.insert(req.st.withSettings(req.settings), req.st.format, req.rows, req.scope); err != nil {
			s.refuse(w, req, err)
		}
		return
	}
	out, format, err := s.run(req)
	if err != nil {
		s.refuse(w, req, err)
		return
	}
	h.Set("X-ClickHouse-Format", format)
	h.Set("Content-Type", contentType(format))
	h.Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out)
}

func (s *server) refuse(w http.ResponseWriter, req request, err error) {
	s.ops.refused.Inc()
	s.log.Debug("statement refused", "query", req.queryID, "verb", req.st.verb, "err", err)
	fail(w, statusOf(err), err)
}

// hello is how clickhouse-go introduces itself. The library lacks two of the functions; the answer
// to revision() is the client's own, since blocks are encoded for it.
const hello = "SELECT displayName(), version(), revision(), timezone()"

func (s *server) run(req request) (out []byte, format string, err error) {
	text := string(req.text)
	if strings.TrimSpace(text) == hello {
		text = fmt.Sprintf("SELECT 'meridian-local', version(), toUInt32(%d), timezone()", req.revision)
	}
	format = req.format
	if req.st.format != "" {
		format = req.st.format
	}
	if out, err = s.engine.query(text, format, req.scope); err != nil {
		return nil, "", err
	}
	if strings.EqualFold(format, "Native") {
		if out, err = reencode(out, req.revision); err != nil {
			return nil, "", err
		}
	}
	if req.compress != "" {
		out, err = compressFrames(out, req.compress)
	}
	return out, format, err
}

func readRequest(w http.ResponseWriter, r *http.Request) (request, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return request{}, newException("Code: 36. DB::Exception: The query string cannot be read. (BAD_ARGUMENTS)")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" {
		return request{}, newException("Code: 48. DB::Exception: Content-Encoding is not supported here; use the compress and decompress parameters. (NOT_IMPLEMENTED)")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return request{}, errTooLarge
		}
		return request{}, fmt.Errorf("read the request: %w", err)
	}
	if q.Get("decompress") == "1" {
		if body, err = decompressFrames(body, bodyMax); err != nil {
			return request{}, err
		}
	}
	req := request{queryID: q.Get("query_id"), format: q.Get("default_format")}
	if req.queryID == "" {
		req.queryID = rand.Text()
	}
	if f := r.Header.Get("X-ClickHouse-Format"); f != "" {
		req.format = f
	}
	if req.format == "" {
		req.format = "TabSeparated"
	}
	if req.revision, err = revision(q.Get("client_protocol_version")); err != nil {
		return request{}, err
	}
	if q.Get("compress") == "1" {
		req.compress = "LZ4"
		if m := q.Get("network_compression_method"); m != "" {
			req.compress = m
		}
	}
	if req.scope, err = readScope(q, r.Header); err != nil {
		return request{}, err
	}
	return req.withStatement(q.Get("query"), body, r.Method)
}

func (req request) withStatement(query string, body []byte, method string) (request, error) {
	if query != "" {
		req.text = []byte(query)
		if req.st = parseStatement(req.text); req.st.stream {
			req.rows = append(req.st.data[:len(req.st.data):len(req.st.data)], body...)
		} else {
			req.text = append(append(req.text, '\n'), body...)
		}
	} else {
		req.text = body
		req.st = parseStatement(body)
		req.rows = req.st.data
	}
	if method == http.MethodGet && !req.st.reads() {
		return req, newException("Code: 164. DB::Exception: GET only reads; use POST to change something. (READONLY)")
	}
	return req, nil
}

// revisionMax is the newest protocol revision the block encoder knows how to leave out fields for.
const revisionMax = 100_000

func revision(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > revisionMax {
		return 0, newException("Code: 36. DB::Exception: client_protocol_version is not a protocol revision. (BAD_ARGUMENTS)")
	}
	return n, nil
}

var settingName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,127}$`)

// readScope splits the query string: param_NAME are parameters, what the interface itself uses is
// left out, everything else is a setting.
func readScope(q url.Values, h http.Header) (scope, error) {
	s := scope{database: q.Get("database"), settings: map[string]string{}, params: map[string]string{}}
	if s.database == "" {
		s.database = h.Get("X-ClickHouse-Database")
	}
	for name, values := range q {
		value := values[len(values)-1]
		if p, ok := strings.CutPrefix(name, "param_"); ok {
			s.params[p] = value
			continue
		}
		switch name {
		case "query", "database", "default_format", "client_protocol_version", "query_id", "quota_key", "user", "password",
			"compress", "decompress", "network_compression_method", "network_zstd_compression_level", "wait_end_of_query",
			"buffer_size", "enable_http_compression", "send_progress_in_http_headers", "stacktrace":
			continue
		case "session_id", "session_timeout", "session_check", "role":
			return s, newException("Code: 48. DB::Exception: " + name + " is not supported here. (NOT_IMPLEMENTED)")
		}
		if !settingName.MatchString(name) {
			return s, newException("Code: 115. DB::Exception: Unknown setting. (UNKNOWN_SETTING)")
		}
		s.settings[name] = value
	}
	return s, nil
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"meridian/deploy/local/clickhouse/fetch"
	"meridian/internal/flagenv"
)

// The test binary is the engine too, when asked: the engine is one per process and must be killed.
func TestMain(m *testing.M) {
	if os.Getenv("CLICKHOUSE_TEST_CHILD") != "" {
		err := run(os.Args[1:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "clickhouse: "+err.Error())
		}
		os.Exit(flagenv.ExitCode(err))
	}
	os.Exit(m.Run())
}

func libraryPath(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("MERIDIAN_LIBCHDB"); path != "" {
		return path
	}
	path, err := fetch.Library(t.Context(), fetch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

type child struct {
	cmd *exec.Cmd
	url string
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "CLICKHOUSE_TEST_CHILD=1")
	return cmd
}

var ready = regexp.MustCompile(`addr=(http://\S+)`)

func start(t *testing.T, dir string) *child {
	t.Helper()
	cmd := command(t, "--listen", "127.0.0.1:0", "--data", dir, "--lib", libraryPath(t))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd}
	t.Cleanup(func() { c.kill() })
	lines := bufio.NewScanner(stderr)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			c.url = m[1]
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return c
		}
	}
	t.Fatalf("the engine did not start:\n%s", said.String())
	return nil
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (c *child) open(t *testing.T, method clickhouse.CompressionMethod) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{strings.TrimPrefix(c.url, "http://")}, Protocol: clickhouse.HTTP,
		Compression: &clickhouse.Compression{Method: method},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// post sends a statement as curl would.
func (c *child) post(t *testing.T, query, body string) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Post(c.url+"/?"+query, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func fill(ctx context.Context, conn driver.Conn, token string, rows int) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": token, "deduplicate_insert": "enable", "async_insert": 0,
	}))
	b, err := conn.PrepareBatch(ctx, "INSERT INTO seen (n, at, kind, tags, ratio)")
	if err != nil {
		return err
	}
	defer b.Close()
	for i := range rows {
		n := uint64(i)
		at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
		if err := b.Append(n, at, "kind; '"+fmt.Sprint(i%7), map[string]string{"a": "b\x00\n"}, &[]float64{0.5}[0]); err != nil {
			return err
		}
	}
	return b.Send()
}

const seen = `CREATE TABLE IF NOT EXISTS seen (n UInt64, at DateTime64(3,'UTC'), kind LowCardinality(String),
	tags Map(LowCardinality(String), String), ratio Nullable(Float64))
	ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1`

func TestDriver(t *testing.T) {
	c := start(t, t.TempDir())
	for name, method := range map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD,
	} {
		t.Run(name, func(t *testing.T) {
			conn, ctx := c.open(t, method), t.Context()
			if err := conn.Ping(ctx); err != nil {
				t.Fatal(err)
			}
			if err := conn.Exec(ctx, "DROP TABLE IF EXISTS seen"); err != nil {
				t.Fatal(err)
			}
			if err := conn.Exec(ctx, seen); err != nil {
				t.Fatal(err)
			}
			const rows = 30_000
			for range 2 { // the second is a repeat
				if err := fill(ctx, conn, "one", rows); err != nil {
					t.Fatal(err)
				}
			}
			var n, kinds uint64
			var at time.Time
			var tags map[string]string
			err := conn.QueryRow(ctx, "SELECT count(), uniqExact(kind), max(at), any(tags) FROM seen WHERE kind != {k:String}",
				clickhouse.Named("k", "x'\t")).Scan(&n, &kinds, &at, &tags)
			if err != nil {
				t.Fatal(err)
			}
			if n != rows || kinds != 7 || tags["a"] != "b\x00\n" || !at.Equal(time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)) {
				t.Fatalf("read back count %d, kinds %d, tags %q, at %v", n, kinds, tags, at)
			}
			rowsOut, err := conn.Query(ctx, "SELECT n, ratio FROM seen ORDER BY n")
			if err != nil {
				t.Fatal(err)
			}
			var next uint64
			for rowsOut.Next() {
				var got uint64
				var ratio *float64
				if err := rowsOut.Scan(&got, &ratio); err != nil || got != next || ratio == nil || *ratio != 0.5 {
					t.Fatalf("row %d: %d %v %v", next, got, ratio, err)
				}
				next++
			}
			if err := rowsOut.Err(); err != nil || next != rows {
				t.Fatalf("%d rows, %v", next, err)
			}
			err = conn.Exec(ctx, "SELECT * FROM nowhere")
			var ex *clickhouse.Exception
			if !errors.As(err, &ex) || ex.Code != 60 {
				t.Fatalf("unknown table: %v", err)
			}
		})
	}
}

func TestAcknowledgedRowsSurviveKill(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	conn := c.open(t, clickhouse.CompressionNone)
	if err := conn.Exec(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), conn, "one", 1000); err != nil {
		t.Fatal(err)
	}
	c.kill()
	c = start(t, dir)
	conn = c.open(t, clickhouse.CompressionNone)
	if err := fill(t.Context(), conn, "one", 1000); err != nil { // the token must survive too
		t.Fatal(err)
	}
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM seen").Scan(&n); err != nil || n != 1000 {
		t.Fatalf("%d rows after kill, %v", n, err)
	}
}

func TestStopsGracefully(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	if code, out, _ := c.post(t, "", "SELECT 1"); code != 200 || out != "1\n" {
		t.Fatalf("%d %q", code, out)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("SIGTERM: %v", err)
	}
	start(t, dir) // the directory is free again
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	out, err := command(t, "--listen", "127.0.0.1:0", "--data", dir, "--lib", libraryPath(t)).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Fatalf("exit: %v", err)
	}
	if bytes.Count(out, []byte("\n")) != 1 || !bytes.Contains(out, []byte("in use by another engine process")) {
		t.Fatalf("said %q", out)
	}
}

func TestRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:1", "--data", "x"}, {"--listen", "nonsense", "--data", "x"}, {"--listen", "127.0.0.1:0"}, {"more"},
	} {
		if _, err := parse(args); flagenv.ExitCode(err) != 2 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	c := start(t, t.TempDir())
	do := func(query, body string, wantCode int, want string) {
		t.Helper()
		code, out, h := c.post(t, query, body)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%s %.60q: %d %q, want %d %q", query, body, code, out, wantCode, want)
		}
		if code != 200 && code != 413 && h.Get("X-ClickHouse-Exception-Code") == "" {
			t.Errorf("%s %.60q: no exception code", query, body)
		}
	}
	do("", "CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a", 200, "")
	do("", "INSERT INTO t VALUES (1,'a;b'),(2,'c')", 200, "")
	do("query=INSERT+INTO+t+FORMAT+TSV", "3\tx;y\n4\tz\n", 200, "")
	do("", "INSERT INTO t (a, s) FORMAT JSONEachRow\n{\"a\":5,\"s\":\"FORMAT x\"}\n", 200, "")
	do("", "INSERT INTO t SELECT a + 10, s FROM t WHERE a = 1", 200, "")
	do("", "SELECT * FROM t ORDER BY a", 200, "1\ta;b\n2\tc\n3\tx;y\n4\tz\n5\tFORMAT x\n11\ta;b\n")
	do("default_format=CSV", "SELECT s FROM t WHERE a = 2", 200, "\"c\"\n")
	do("", "SELECT s FROM t WHERE a = 2 FORMAT JSONEachRow", 200, `{"s":"c"}`)
	do("param_a=2&query=SELECT+s+FROM+t+WHERE+a+=+%7Ba:UInt32%7D", "", 200, "c\n")
	do("max_threads=3", "SELECT getSetting('max_threads')", 200, "3\n")
	before, after := "", ""
	_, before, _ = c.post(t, "", "SELECT getSetting('max_block_size')")
	do("max_block_size=17", "SELECT getSetting('max_block_size')", 200, "17\n")
	if _, after, _ = c.post(t, "", "SELECT getSetting('max_block_size')"); before != after {
		t.Errorf("a setting outlived its statement: %q then %q", before, after)
	}
	do("max_block_size=17&nosuch=1", "SELECT 1", 404, "UNKNOWN_SETTING")
	if _, after, _ = c.post(t, "", "SELECT getSetting('max_block_size')"); before != after {
		t.Errorf("a setting outlived a refused statement: %q then %q", before, after)
	}
	do("", "SELECT broken(", 400, "SYNTAX_ERROR")
	do("", "SELECT * FROM nix", 404, "UNKNOWN_TABLE")
	do("database=nix", "SELECT 1", 404, "UNKNOWN_DATABASE")
	do("", "SELECT 1", 200, "1\n")
	do("session_id=a", "SELECT 1", 501, "not supported")
	do("", "", 400, "empty query")
	do("", strings.Repeat(" ", bodyMax+1), 413, "larger than")
}

func TestRefusesWebPagesAndGetWrites(t *testing.T) {
	c := start(t, t.TempDir())
	get := func(set func(*http.Request)) int {
		req, err := http.NewRequest(http.MethodGet, c.url+"/?query=DROP+TABLE+IF+EXISTS+t", nil)
		if err != nil {
			t.Fatal(err)
		}
		set(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := get(func(*http.Request) {}); code != http.StatusMethodNotAllowed {
		t.Errorf("a GET that drops: %d", code)
	}
	if code := get(func(r *http.Request) { r.Header.Set("Origin", "https://shop.example") }); code != http.StatusForbidden {
		t.Errorf("a web page: %d", code)
	}
	if code := get(func(r *http.Request) { r.Host = "rebound.example:8140" }); code != http.StatusForbidden {
		t.Errorf("a rebound name: %d", code)
	}
}

func TestFetchSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	try := func(cfg fetch.Config) error {
		cfg.Dir, cfg.Progress = dir, io.Discard
		_, err := fetch.Library(t.Context(), cfg)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%+v: %v", cfg, err)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(left) > 1 || len(left) == 1 && filepath.Base(left[0]) != ".lock" {
			t.Fatalf("left behind: %v", left)
		}
		return err
	}
	if err := try(fetch.Config{Platform: "plan9/mips"}); !errors.Is(err, fetch.ErrUnsupported) {
		t.Error(err)
	}
	broken := filepath.Join(t.TempDir(), "npm")
	write := func(script string) {
		if err := os.WriteFile(broken, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("echo 'npm error code ENOTFOUND' >&2; exit 1")
	if err := try(fetch.Config{NPM: broken, Platform: "linux/amd64"}); !errors.Is(err, fetch.ErrDownload) || !strings.Contains(err.Error(), "ENOTFOUND") {
		t.Error(err)
	}
	write(`echo forged > "$4/chdb.tgz"`)
	if err := try(fetch.Config{NPM: broken, Platform: "linux/amd64"}); !errors.Is(err, fetch.ErrIntegrity) {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := try(fetch.Config{Platform: "linux/amd64"}); !errors.Is(err, fetch.ErrNoNPM) {
		t.Error(err)
	}
}

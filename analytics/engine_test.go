package analytics

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"meridian/deploy/local/clickhouse/fetch"
	"meridian/internal/loopback"
)

// TestMain removes what buildEngine made.
func TestMain(m *testing.M) {
	code := m.Run()
	if built := buildEngine.dir; built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// buildEngine makes the real engine once, when the first test needs it: the tests run it as a
// process, because they kill it.
var buildEngine struct {
	once                 sync.Once
	dir, binary, library string
	err                  error
}

func builtEngine(t *testing.T) (binary, library string) {
	t.Helper()
	b := &buildEngine
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "analytics-engine-"); b.err != nil {
			return
		}
		b.binary = filepath.Join(b.dir, "engine")
		if out, err := exec.Command("go", "build", "-o", b.binary, "meridian/deploy/local/clickhouse").CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build the engine: %w: %s", err, out)
			return
		}
		if b.library = os.Getenv("MERIDIAN_LIBCHDB"); b.library == "" {
			b.library, b.err = fetch.Library(context.Background(), fetch.Config{})
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.binary, b.library
}

// engine is a ClickHouse process on a data directory and a port of its own.
type engine struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
}

// reserveEngine picks a directory and a port and starts nothing.
func reserveEngine(t *testing.T) *engine {
	t.Helper()
	addr, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: t.TempDir(), addr: addr[0]}
	t.Cleanup(e.kill)
	return e
}

func startEngine(t *testing.T) *engine {
	t.Helper()
	e := reserveEngine(t)
	e.start()
	return e
}

func (e *engine) url() string { return "http://" + e.addr }

func (e *engine) start() {
	e.t.Helper()
	binary, library := builtEngine(e.t)
	e.cmd = exec.Command(binary, "--listen", e.addr, "--data", e.dir, "--lib", library)
	stderr, err := e.cmd.StderrPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if said += lines.Text() + "\n"; strings.Contains(said, "engine ready") {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return
		}
	}
	e.t.Fatalf("the engine did not start: %s", said)
}

// kill is kill -9.
func (e *engine) kill() {
	if e.cmd != nil {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
		e.cmd = nil
	}
}

func (e *engine) conn() driver.Conn {
	e.t.Helper()
	c, err := clickhouse.Open(&clickhouse.Options{Addr: []string{e.addr}, Protocol: clickhouse.HTTP})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = c.Close() })
	return c
}

// warehouse is a connection as an edge has it.
func (e *engine) warehouse() *warehouse {
	e.t.Helper()
	cfg := Config{Addr: e.url(), Dir: e.t.TempDir(), Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		e.t.Fatal(err)
	}
	w, err := openWarehouse(e.t.Context(), &cfg, 0)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(w.close)
	return w
}

func (e *engine) number(query string) uint64 {
	e.t.Helper()
	var n uint64
	if err := e.conn().QueryRow(e.t.Context(), "SELECT toUInt64(("+query+"))").Scan(&n); err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (e *engine) exec(query string) {
	e.t.Helper()
	if err := e.conn().Exec(e.t.Context(), query); err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func openTest(t *testing.T, cfg Config) *Analytics {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Edge == "" {
		cfg.Edge = "edge-test"
	}
	if cfg.RetryMax == 0 {
		cfg.RetryMax = 200 * time.Millisecond
	}
	var reads atomic.Int64
	begun := time.Now()
	cfg.now = func() time.Time { return begun.Add(time.Duration(reads.Add(1)) * segmentAge) } // a segment per fsync
	cfg.Logger, cfg.still = quiet(), true
	a, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// eventually polls; a condition that never holds fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// drained waits until everything accepted is in ClickHouse.
func drained(t *testing.T, a *Analytics) {
	t.Helper()
	eventually(t, "the spool is empty", func() bool { s := a.Stats(); return s.SpoolBytes == 0 && s.SpoolSegments == 0 })
}

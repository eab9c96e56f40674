package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"meridian/core"
	"meridian/deploy/local/payments/sandbox"
	"meridian/internal/pause"
	"meridian/replication"
)

// served is what a real core did with the state.
type served struct {
	cgroup          string // which limit held, or why none did
	open            time.Duration
	openCPU         time.Duration
	anonOpen        int64 // RssAnon when it answers /readyz
	anonIdle        int64 // and after it has idled
	anonLoad        int64 // and after clients wrote
	anonPeak        int64
	quiet, snapshot latencies
	snapshots       int
	idleCPU         float64 // share of a processor
}

// diskRest is how long the disk rests before the start that is measured.
const diskRest = 20 * time.Second

const clusterToken = "a token for the growth benchmark"

// running is a core under measurement.
type running struct {
	o    options
	cmd  *exec.Cmd
	pid  int
	peak int64
	done chan error
	// group is the cgroup's directory, empty without one.
	group string
}

func addr(o options, n int) string { return fmt.Sprintf("127.0.0.1:%d", o.portBase+n) }

// measure starts a real core on the state and lets clients write.
func measure(ctx context.Context, o options, r *report) error {
	s := &r.served
	if err := seedLog(o); err != nil {
		return err
	}
	stop, err := startProvider(o)
	if err != nil {
		return err
	}
	defer stop()
	// The first snapshot was written a moment ago, which no start of a core follows: the disk rests first.
	unix.Sync()
	if err := pause.For(ctx, diskRest); err != nil {
		return err
	}
	dropCache(filepath.Join(o.dir, "state.db"))
	progress("starting %s on %s, its pages not in memory", o.core, o.dir)
	c, err := start(ctx, o, s)
	if err != nil {
		return err
	}
	defer c.stop()
	progress("serving after %v, %v of CPU, RssAnon %d MiB", s.open.Round(time.Millisecond), s.openCPU, s.anonOpen>>20)
	cpu, began := cpuOf(c.pid), time.Now()
	if err := pause.For(ctx, 20*time.Second); err != nil {
		return err
	}
	s.idleCPU = float64(cpuOf(c.pid)-cpu) / float64(time.Since(began))
	s.anonIdle = rss(c.pid, "RssAnon")
	if err := c.load(ctx, s); err != nil {
		return errors.Join(err, c.failed())
	}
	s.anonLoad, s.anonPeak = rss(c.pid, "RssAnon"), max(c.peak, s.anonOpen)
	return nil
}

// machine fits the state machine to replication, for seeding only.
type machine struct{ *core.Machine }

func (m machine) Apply([]replication.Entry, uint64) [][]any {
	panic("nothing is applied while seeding")
}

func (m machine) Snapshot() (replication.Snapshot, error) { return m.Machine.Snapshot() }

// seedLog begins a log at the state's index, as after a restore.
func seedLog(o options) error {
	for _, name := range []string{"raft.db", "snapshots"} {
		if err := os.RemoveAll(filepath.Join(o.dir, name)); err != nil {
			return err
		}
	}
	m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(o.dir, "state.db")})
	if err != nil {
		return err
	}
	err = replication.Seed(replication.Config{ID: "core-1", Region: "eu", Dir: o.dir, Logger: slog.New(slog.DiscardHandler),
		Bootstrap: []replication.Member{{ID: "core-1", Region: "eu", Addr: addr(o, 0), Role: replication.RoleVoter}}}, machine{m})
	return errors.Join(err, m.Close())
}

func startProvider(o options) (stop func(), err error) {
	p, err := sandbox.New(sandbox.Config{Dir: filepath.Join(o.dir, "payments"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr(o, 3))
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	go p.Serve(ln)
	return func() { p.Close() }, nil
}

// dropCache asks the kernel to forget a file's pages, so that opening it reads the disk.
func dropCache(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	_ = f.Sync()
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint; a warm start is faster, never slower
}

// start runs `core serve` in a cgroup of its own and waits until it is ready.
func start(ctx context.Context, o options, s *served) (*running, error) {
	token := filepath.Join(o.dir, "token")
	if err := os.WriteFile(token, []byte(clusterToken), 0o600); err != nil {
		return nil, err
	}
	program, err := filepath.Abs(o.core)
	if err != nil {
		return nil, err
	}
	args := []string{program, "serve", "--id", "core-1", "--region", "eu", "--data", o.dir, "--raft-addr", addr(o, 0), "--api-addr", addr(o, 1), "--ops-addr", addr(o, 2),
		"--cluster-token-file", token, "--keyring", filepath.Join(o.dir, "keyring"), "--payments-url", "http://" + addr(o, 3), "--snapshot-threshold", "64"}
	c := &running{o: o, done: make(chan error, 1)}
	group, limit := limited(o.cgroupBytes)
	s.cgroup = limit
	if c.group = group; group != "" {
		args = append([]string{"sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, group}, args...)
	}
	c.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	log, err := os.Create(filepath.Join(o.dir, "core.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd.Stderr, c.cmd.Stdout = log, log
	if o.goMemLimit != "" {
		c.cmd.Env = append(os.Environ(), "GOMEMLIMIT="+o.goMemLimit)
	}
	began := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; make build builds it", o.core, err)
	}
	c.pid = c.cmd.Process.Pid
	go func() { c.done <- c.cmd.Wait() }()
	for !ready(o) {
		if err := c.failed(); err != nil {
			return nil, err
		}
		if err := pause.For(ctx, 20*time.Millisecond); err != nil {
			c.stop()
			return nil, err
		}
		c.peak = max(c.peak, rss(c.pid, "RssAnon"))
	}
	s.open, s.openCPU, s.anonOpen = time.Since(began), cpuOf(c.pid), rss(c.pid, "RssAnon")
	return c, nil
}

func ready(o options) bool {
	resp, err := http.Get("http://" + addr(o, 2) + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// failed says why the core has ended, nil while it runs.
func (c *running) failed() error {
	select {
	case err := <-c.done:
		c.done <- err
		b, _ := os.ReadFile(filepath.Join(c.o.dir, "core.log"))
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		return fmt.Errorf("the core ended (%v): %s", err, strings.Join(lines[max(0, len(lines)-5):], "\n"))
	default:
		return nil
	}
}

func (c *running) stop() {
	if c.failed() == nil {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		<-c.done
	}
	if c.group != "" {
		_ = os.Remove(c.group) // a cgroup without processes goes with its directory
	}
}

// limited makes a cgroup with a memory limit, of the second version or the first, and says what it did.
func limited(bytes int64) (dir, says string) {
	if bytes == 0 {
		return "", "no cgroup limit was asked for"
	}
	for _, kind := range []struct{ root, proof, file, name string }{
		{"/sys/fs/cgroup", "cgroup.controllers", "memory.max", "cgroup v2"},
		{"/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes", "cgroup v1"},
	} {
		dir := filepath.Join(kind.root, fmt.Sprintf("meridian-growth-%d", os.Getpid()))
		if _, err := os.Stat(filepath.Join(kind.root, kind.proof)); err != nil || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(dir, kind.file), fmt.Append(nil, bytes), 0o644) == nil {
			return dir, fmt.Sprintf("%s, %s = %d MiB", kind.name, kind.file, bytes>>20)
		}
		_ = os.Remove(dir)
	}
	return "", "no cgroup limit: none could be made here"
}

func (s served) markdown() string {
	var b strings.Builder
	mib := func(n int64) int64 { return n >> 20 }
	fmt.Fprintf(&b, "| a core on this state | |\n| --- | ---: |\n| limit | %s |\n| start to ready, pages not cached | %.1f s, %.1f s of CPU |\n", s.cgroup, s.open.Seconds(), s.openCPU.Seconds())
	fmt.Fprintf(&b, "| RssAnon when ready, idle, after load, highest seen | %d, %d, %d, %d MiB |\n", mib(s.anonOpen), mib(s.anonIdle), mib(s.anonLoad), mib(s.anonPeak))
	fmt.Fprintf(&b, "| processor while idle | %.1f %% |\n\n", 100*s.idleCPU)
	b.WriteString("| lines put into carts | writes | a second | p50 | p99 | p99.9 | slowest |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	b.WriteString(s.quiet.row("nothing else going on"))
	b.WriteString(s.snapshot.row(fmt.Sprintf("during %d snapshots and the log's truncation, %.1f s", s.snapshots, s.snapshot.took.Seconds())))
	return b.String()
}

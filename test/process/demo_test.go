// Package process runs the scenarios against real processes: the demo as anyone starts it, with its
// three cores, three edges, S3 server, ClickHouse engine and payment sandbox, which are killed and
// frozen by their pid files.
package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/test/scenario"
)

// demo is a running `dev up`.
type demo struct {
	dir  string
	base int
	cmd  *exec.Cmd
	done chan error
}

const repository = "../.."

// freeBase finds a base port whose demo ports are all free.
func freeBase() (int, error) {
	for base := 20000 + os.Getpid()%200*100; base < 60000; base += 400 {
		free := true
		for _, off := range []int{0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 60, 70, 80, 81} {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+off))
			if err != nil {
				free = false
				break
			}
			ln.Close()
		}
		if free {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

// startDemo starts a demo in dir and waits for its ready line.
func startDemo(dir string, args ...string) (*demo, error) {
	tool, err := filepath.Abs(filepath.Join(repository, "bin", "dev"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(tool); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	base, err := freeBase()
	if err != nil {
		return nil, err
	}
	d := &demo{dir: dir, base: base, done: make(chan error, 1)}
	return d, d.up(tool, args...)
}

func (d *demo) up(tool string, args ...string) error {
	d.cmd = exec.Command(tool, append([]string{"up", "--dir", d.dir, "--port-base", strconv.Itoa(d.base), "--no-traffic"}, args...)...)
	d.cmd.Dir = repository
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if os.Getenv("MERIDIAN_TEST_VERBOSE") != "" {
				fmt.Fprintln(os.Stderr, "demo:", lines.Text())
			}
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- true
			}
		}
		d.done <- d.cmd.Wait()
	}()
	select {
	case <-ready:
		return nil
	case err := <-d.done:
		return fmt.Errorf("the demo ended before it was ready: %v", err)
	case <-time.After(5 * time.Minute):
		d.cmd.Process.Kill()
		return errors.New("the demo was not ready after 5 minutes")
	}
}

// stop ends the demo as Ctrl-C does.
func (d *demo) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-d.done:
		return err
	case <-time.After(time.Minute):
		d.cmd.Process.Kill()
		return errors.New("the demo did not stop within a minute")
	}
}

func (d *demo) addr(offset int) string { return fmt.Sprintf("http://127.0.0.1:%d", d.base+offset) }

// shop is the demo as outsiders reach it.
func (d *demo) shop(t testing.TB) *scenario.Shop {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "credentials.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Merchandiser, Operator struct{ Token string } }
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return scenario.New(t, []string{d.addr(0), d.addr(1), d.addr(2)}, d.addr(70), c.Merchandiser.Token, c.Operator.Token)
}

// pid is the process of a name that runs now; one that was killed is waited for.
func (d *demo) pid(t testing.TB, name string) (pid int) {
	t.Helper()
	eventually(t, name+" to run", func() bool {
		b, err := os.ReadFile(filepath.Join(d.dir, "run", name+".pid"))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil && syscall.Kill(pid, 0) == nil
	})
	return pid
}

func (d *demo) signal(t testing.TB, name string, sig syscall.Signal) int {
	t.Helper()
	pid := d.pid(t, name)
	if err := syscall.Kill(pid, sig); err != nil {
		t.Errorf("signal %v to %s (%d): %v", sig, name, pid, err)
	}
	return pid
}

// names are the processes of the demo.
func (d *demo) names(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "run", "*.pid"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pid files: %v", err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".pid"))
	}
	return names
}

// leader is the name of the core that leads.
func leader(t testing.TB, s *scenario.Shop) string {
	t.Helper()
	return scenario.Must[struct{ Leader string }](s, scenario.Request{Method: "GET", URL: s.Edge(0) + "/admin/api/v1/cluster", Token: s.Operator}).Leader
}

// waitServing waits until every edge and core says that it is ready.
func (d *demo) waitServing(t testing.TB) {
	t.Helper()
	for _, off := range []int{10, 11, 12, 40, 41, 42} {
		eventually(t, d.addr(off)+"/readyz", func() bool {
			resp, err := http.Get(d.addr(off) + "/readyz")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == 200
		})
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 90 s in vain for %s", what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// clickhouse answers a query to the demo's engine, as text.
func (d *demo) clickhouse(query string) (string, error) {
	resp, err := http.Get(d.addr(60) + "/?query=" + url.QueryEscape(query))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%d: %s", resp.StatusCode, b)
	}
	return strings.TrimSpace(string(b)), err
}

// Package process runs the scenarios against real processes: the demo as anyone starts it, with its
// three cores, three edges, S3 server, ClickHouse engine and payment sandbox, which are killed and
// frozen by their pid files.
package process

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/internal/demo"
	"meridian/test/scenario"
)

// running is a demo whose processes can be signalled.
type running struct{ *demo.Demo }

const repository = "../.."

func startDemo(dir string, flags ...string) (running, error) {
	d, err := demo.Start(repository, dir, flags...)
	return running{d}, err
}

// shop is the demo as outsiders reach it.
func (d running) shop(t testing.TB) *scenario.Shop {
	t.Helper()
	c, err := d.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	return scenario.New(t, []string{d.URL(0), d.URL(1), d.URL(2)}, d.URL(70), c.Merchandiser.Token, c.Operator.Token)
}

// pid is the process of a name that runs now; one that was killed is waited for.
func (d running) pid(t testing.TB, name string) (pid int) {
	t.Helper()
	eventually(t, name+" to run", func() bool {
		b, err := os.ReadFile(filepath.Join(d.Dir, "run", name+".pid"))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil && syscall.Kill(pid, 0) == nil
	})
	return pid
}

func (d running) signal(t testing.TB, name string, sig syscall.Signal) int {
	t.Helper()
	pid := d.pid(t, name)
	if err := syscall.Kill(pid, sig); err != nil {
		t.Errorf("signal %v to %s (%d): %v", sig, name, pid, err)
	}
	return pid
}

// freeze stops a process without ending it. The signal is on its way when kill returns, so this waits
// until the process stands still.
func (d running) freeze(t testing.TB, name string) (pid int) {
	t.Helper()
	pid = d.signal(t, name, syscall.SIGSTOP)
	eventually(t, name+" to stand still", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && strings.Contains(string(stat), ") T ")
	})
	return pid
}

// names are the processes of the demo.
func (d running) names(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.Dir, "run", "*.pid"))
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
func (d running) waitServing(t testing.TB) {
	t.Helper()
	for _, off := range []int{10, 11, 12, 40, 41, 42} {
		eventually(t, d.URL(off)+"/readyz", func() bool {
			resp, err := http.Get(d.URL(off) + "/readyz")
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

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meridian/internal/flagenv"
)

// TestMain lets the test binary play the programs that the supervisor starts.
func TestMain(m *testing.M) {
	switch os.Getenv("DEV_TEST_PROGRAM") {
	case "serve":
		ln, err := net.Listen("tcp", os.Getenv("DEV_TEST_ADDR"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		http.Serve(ln, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	case "refuse":
		fmt.Fprintln(os.Stderr, `program: --addr "x": give host:port`)
		os.Exit(2)
	default:
		os.Exit(m.Run())
	}
}

type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *said) count(part string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

func testDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"run", "log"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pidOf(dir, name string) int {
	b, _ := os.ReadFile(filepath.Join(dir, "run", name+".pid"))
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestAKilledProcessComesBackAndStopLeavesNone(t *testing.T) {
	dir, s := testDir(t), &said{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	p := startProcess(dir, spec{name: "core-eu", path: os.Args[0], ready: "http://" + addr + "/readyz",
		env: []string{"DEV_TEST_PROGRAM=serve", "DEV_TEST_ADDR=" + addr}}, s.say)
	if err := waitReady(context.Background(), []*process{p}, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	first := pidOf(dir, "core-eu")
	if first == 0 {
		t.Fatal("no pid file")
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually(t, "a second process", func() bool { n := pidOf(dir, "core-eu"); return n != 0 && n != first })
	if wait := time.Since(killed); wait < restartAfter/2 {
		t.Fatalf("came back after %v already", wait)
	}
	second := pidOf(dir, "core-eu")
	if err := waitReady(context.Background(), []*process{p}, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	p.stop()
	if err := syscall.Kill(second, 0); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("process %d is still there: %v", second, err)
	}
	if pidOf(dir, "core-eu") != 0 {
		t.Fatal("a pid file without a process")
	}
}

func TestAProgramThatRefusesItsConfigurationIsNamed(t *testing.T) {
	dir, s := testDir(t), &said{}
	p := startProcess(dir, spec{name: "edge-us", path: os.Args[0], ready: "http://127.0.0.1:1/", env: []string{"DEV_TEST_PROGRAM=refuse"}}, s.say)
	defer p.stop()
	err := waitReady(context.Background(), []*process{p}, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "edge-us") || !strings.Contains(err.Error(), "give host:port") {
		t.Fatalf("%v", err)
	}
	if s.count("starts again in 1s") != 1 || s.count("starts again in 2s") < 1 {
		t.Fatalf("no back-off: %q", s.lines)
	}
}

func testOptions(t *testing.T) *options {
	t.Helper()
	o := &options{dir: t.TempDir(), regions: 3, ports: ports{base: 20080}}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestASecondDemoInTheSameDirectoryIsRefused(t *testing.T) {
	o := testOptions(t)
	d, err := openDirectory(o)
	if err != nil {
		t.Fatal(err)
	}
	creds := d.creds
	if _, err := openDirectory(o); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "another demo runs in") {
		t.Fatalf("%v", err)
	}
	d.close()
	d, err = openDirectory(o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if d.creds != creds || creds.Merchandiser.Token == "" || creds.Shopper.Password == "" {
		t.Fatal("the second start found other credentials")
	}
	for _, f := range []string{"credentials.json", "secrets/keyring", "secrets/cluster.token", "secrets/s3.secret", "secrets/staff.json"} {
		st, err := os.Stat(o.path(f))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, err, st)
		}
	}
}

func TestAPortInUseIsNamedWithAWayOut(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().(*net.TCPAddr).Port
	p := ports{base: taken - 50} // the S3 server's place
	if !p.valid() {
		t.Skip("the system gave a port too near the end")
	}
	err = p.free(3, true)
	if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), strconv.Itoa(taken)) || !strings.Contains(err.Error(), "--port-base=") {
		t.Fatalf("%v", err)
	}
}

func TestPortsOfTheContract(t *testing.T) {
	p := ports{base: 8080}
	for want, got := range map[string]string{
		"8082": p.edge(2), "8091": p.edgeOps(1), "8100": p.core(0), "8112": p.raft(2), "8121": p.coreOps(1),
		"8130": p.s3(), "8140": p.clickhouse(), "8150": p.payments(), "8160": p.mailPage(), "8161": p.smtp(),
	} {
		if got != "127.0.0.1:"+want {
			t.Errorf("%s, want port %s", got, want)
		}
	}
}

func TestBadFlagsAreRefusedBeforeAnythingStarts(t *testing.T) {
	for _, args := range [][]string{
		{}, {"fly"}, {"up", "--regions", "4"}, {"up", "--port-base", "80"}, {"up", "--port-base", "65500"}, {"up", "--rtt", "80"}, {"up", "--rtt", "1h"},
		{"up", "--dir", ""}, {"oversell", "--buyers", "0", "--dir", t.TempDir()}, {"oversell", "--dir", t.TempDir()}, {"load", "--rate", "0"}, {"seed", "--dir", t.TempDir()},
	} {
		var out strings.Builder
		if err := run(context.Background(), args, &out); flagenv.ExitCode(err) != flagenv.ExitBadConfig {
			t.Errorf("%q: %v", args, err)
		}
	}
	var out strings.Builder
	if err := run(context.Background(), []string{"up", "--help"}, &out); flagenv.ExitCode(err) != 0 || !strings.Contains(out.String(), "--no-clickhouse") || !strings.Contains(out.String(), "DEMO_RTT") {
		t.Errorf("help: %v\n%s", err, out.String())
	}
}

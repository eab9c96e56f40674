// Package s3test runs the real S3 server (versitygw over a temporary directory) for tests. It promises
// a server that answers when Start returns and that is gone when the test ends; it never skips: a
// server that cannot be built or started fails the test. Read Server first.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a running S3 server on the loopback interface.
type Server struct {
	Endpoint, AccessKey, SecretKey string

	tb     testing.TB
	binary string
	dir    string
	cmd    *exec.Cmd
}

// version is pinned in deploy/local/tools/go.mod; it names the directory of the built program.
const version = "v1.8.0"

// Start runs a server for the length of a test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{AccessKey: "test-access", SecretKey: "test-secret-key", tb: tb, binary: build(tb), dir: tb.TempDir(), Endpoint: freeAddress(tb)}
	for _, d := range []string{"data", "meta"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Kill ends the server at once, as a crash would. It is harmless when it is not running.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Stop freezes the server: it accepts connections but never answers. Continue thaws it.
func (s *Server) Stop() {
	s.tb.Helper()
	s.signal(syscall.SIGSTOP)
	// The signal is on its way when kill returns: wait until the process has stopped.
	for deadline := time.Now().Add(10 * time.Second); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
		if err != nil {
			s.tb.Fatal(err)
		}
		if strings.Contains(string(stat), ") T ") {
			return
		}
		if time.Now().After(deadline) {
			s.tb.Fatal("the server does not stop")
		}
		runtime.Gosched()
	}
}

// Continue lets a stopped server go on.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// Restart runs the server again on the same address and data, and waits until it answers.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	cmd := exec.Command(s.binary, "--access", s.AccessKey, "--secret", s.SecretKey, "--port", s.Endpoint, "--health", "/health", "--quiet",
		"posix", "--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"))
	if err := cmd.Start(); err != nil {
		s.tb.Fatalf("start S3 server: %v", err)
	}
	s.cmd = cmd
	deadline := time.Now().Add(30 * time.Second)
	for !healthy("http://" + s.Endpoint + "/health") {
		if time.Now().After(deadline) {
			s.tb.Fatalf("the S3 server did not answer on %s", s.Endpoint)
		}
		time.Sleep(20 * time.Millisecond) // between polls
	}
}

func healthy(url string) bool {
	client := http.Client{Timeout: time.Second}
	r, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func freeAddress(tb testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Program is the server's program, for tests that start it as part of more.
func Program(tb testing.TB) string {
	tb.Helper()
	return build(tb)
}

// build answers the server's program: MERIDIAN_VERSITYGW, or one built once into the user's cache from
// the pinned tools module. The lock keeps packages that are tested at once from building it twice.
func build(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv("MERIDIAN_VERSITYGW"); path != "" {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(cache, "meridian", "versitygw", version)
	path := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	} else if !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	_, self, _, _ := runtime.Caller(0)
	tools := filepath.Join(filepath.Dir(self), "..", "..", "..", "deploy", "local", "tools")
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-C", tools, "-trimpath", "-o", path+".new", "github.com/versity/versitygw/cmd/versitygw")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build the S3 server: %v\n%s", err, out)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

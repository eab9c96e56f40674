//go:build linux

// Package chaos plays a few rounds of faults on real processes, and shows that the same checks fail
// when the shop is broken on purpose. The long run is make faults.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/internal/chaos"
)

const repository = "../.."

// run plays rounds; it fails the test only if the run could not be made.
func run(t *testing.T, c chaos.Config) *chaos.Summary {
	t.Helper()
	if c.Programs == "" {
		c.Programs = filepath.Join(repository, "bin")
	}
	c.Dir, c.Say = t.TempDir(), t.Logf
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, err := c.Run(ctx)
	if err != nil && !errors.Is(err, chaos.ErrViolated) {
		t.Fatal(err)
	}
	return s
}

// faults finds faults by their names.
func faults(t *testing.T, names string) []chaos.Fault {
	t.Helper()
	f, err := chaos.Choose(names)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// seed is new each time, and printed with every round; CHAOS_SEED plays an old one.
func seed(t *testing.T) uint64 {
	t.Helper()
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return uint64(time.Now().Unix())
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := run(t, chaos.Config{Rounds: 4, Seed: seed(t), Single: true, Trials: 6, Faults: faults(t, "kill-leader,pause-leader,cut-leader,fsync-error")})
	if s.Failed() > 0 || len(s.Awake.Problems) > 0 {
		t.Error("the checks found violations; see above")
	}
}

// scratch lives as long as the tests of this package.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "meridian-breakable-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// broken is a directory with a core that has the switches which shipped programs do not have.
var broken = sync.OnceValues(func() (string, error) {
	build := exec.Command("go", "build", "-trimpath", "-tags", "breakable", "-o", filepath.Join(scratch, "core"), "./cmd/core")
	build.Dir, build.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	payments, err := filepath.Abs(filepath.Join(repository, "bin", "payments"))
	if err != nil {
		return "", err
	}
	return scratch, os.Symlink(payments, filepath.Join(scratch, "payments"))
})

func breakable(t *testing.T) string {
	t.Helper()
	dir, err := broken()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestGateDedupeOnProcesses: without the memory of keys, repeats are done twice, and the checks see it.
func TestGateDedupeOnProcesses(t *testing.T) {
	t.Parallel()
	s := run(t, chaos.Config{Programs: breakable(t), Env: []string{"CORE_BREAK=dedupe"}, Rounds: 1, Seed: seed(t), Exactly: faults(t, "kill-leader")})
	wants(t, s, "repeated under its key", "not linearizable")
}

// TestGateVerifiedReadsOnProcesses: exact reads that are answered from memory are stale on a leader that wakes.
func TestGateVerifiedReadsOnProcesses(t *testing.T) {
	t.Parallel()
	programs := breakable(t)
	for range 10 { // a leader that wakes sometimes knows in time that its lease is over
		s := run(t, chaos.Config{Programs: programs, Env: []string{"CORE_BREAK=verify"}, Rounds: 0, Trials: 9})
		if len(s.Awake.Problems) > 0 {
			return
		}
	}
	t.Error("no stale answer in 90 trials of unverified reads: the trials show nothing")
}

// TestGateFsyncOnProcesses: when fsync does nothing, a power cut loses what was acknowledged, and the
// checks see it.
func TestGateFsyncOnProcesses(t *testing.T) {
	t.Parallel()
	f := []chaos.Fault{chaos.LyingDisk()}
	if missing := chaos.Missing(f); missing != "" {
		t.Skip("this machine cannot lose what was not synced: " + missing)
	}
	s := run(t, chaos.Config{Rounds: 1, Seed: seed(t), Faults: f})
	wants(t, s, "not linearizable")
	if sound := run(t, chaos.Config{Rounds: 1, Seed: seed(t), Faults: faults(t, "power-cut")}); sound.Failed() > 0 {
		t.Error("a power cut lost something although fsync works")
	}
}

// wants verifies that a round failed for each of these reasons.
func wants(t *testing.T, s *chaos.Summary, reasons ...string) {
	t.Helper()
	all := ""
	for _, r := range s.Results {
		all += strings.Join(r.Problems, "\n")
	}
	for _, r := range reasons {
		if !strings.Contains(all, r) {
			t.Errorf("the broken shop passed: nothing is %q", r)
		}
	}
}

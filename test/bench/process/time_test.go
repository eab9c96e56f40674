package process

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// A name may hold what looks like fields.
func TestSpentOf(t *testing.T) {
	const stat = "4711 (a) b (c)) S 1 4711 4711 0 -1 4194560 1 2 3 4 250 50 7 3 20 0 1 0 100 1000 10"
	for children, want := range map[bool]time.Duration{false: 3 * time.Second, true: 3100 * time.Millisecond} {
		if got, err := spentOf([]byte(stat), children); err != nil || got != want {
			t.Errorf("children %v: %v %v, want %v", children, got, err, want)
		}
	}
	for _, bad := range []string{"", "4711 (x) S 1 2", "1 (x) S 1 2 3 4 5 6 7 8 9 10 u v 13 14 15 16"} {
		if d, err := spentOf([]byte(bad), true); err == nil {
			t.Errorf("%q: %v", bad, d)
		}
	}
}

// What a grandchild has used is in the sum while it runs, and still there when it has ended.
func TestTreeCountsGrandchildren(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	// The grandchild works until something arrives on its standard input; the shells above it only wait.
	cmd := exec.Command("sh", "-c", `sh -c 'trap exit TERM; while :; do :; done' & echo $!; read line; kill $!; wait; echo ended; read line`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	line := make([]byte, 64)
	if _, err := out.Read(line); err != nil {
		t.Fatal(err)
	}
	var running time.Duration
	for deadline := time.Now().Add(time.Minute); running < 200*time.Millisecond; {
		if running, err = Tree(cmd.Process.Pid); err != nil || time.Now().After(deadline) {
			t.Fatalf("%v %v", running, err)
		}
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(line); err != nil {
		t.Fatal(err)
	}
	if after, err := Tree(cmd.Process.Pid); err != nil || after < running {
		t.Errorf("%v after it ended, %v before (%v)", after, running, err)
	}
}

package report

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"meridian/test/bench/process"
)

// About collects the circumstances that a figure means nothing without.
type About struct{ b strings.Builder }

// NewAbout knows the command that repeats the run, the hour, the machine and the commit.
func NewAbout(command string) *About {
	a := &About{}
	a.Item("command", "`%s`", command)
	a.Item("date", "%s", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	a.Item("machine", "%s, %d processors, %s of memory", fieldOf("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory())
	a.Item("kernel", "%s", kernel())
	a.Item("load average at the start", "%s", loadAverage())
	a.Item("commit", "%s, built with %s", commit(), runtime.Version())
	return a
}

// Item adds a line.
func (a *About) Item(name, format string, args ...any) {
	fmt.Fprintf(&a.b, "- %s: %s\n", name, fmt.Sprintf(format, args...))
}

func (a *About) String() string { return a.b.String() }

// fieldOf is a field of a file of lines "name : value", as there are in /proc.
func fieldOf(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for l := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func memory() string {
	var kib int64
	if _, err := fmt.Sscanf(fieldOf("/proc/meminfo", "MemTotal"), "%d kB", &kib); err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return runtime.GOOS + " " + strings.TrimSpace(string(b))
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	f := strings.Fields(string(b))
	return strings.Join(f[:min(3, len(f))], " ")
}

// Filesystem is the type of the file system that holds a directory.
func Filesystem(dir string) string {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "unknown"
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "unknown"
	}
	best, kind := "", "unknown"
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) < 3 || len(f[1]) < len(best) {
			continue
		}
		if f[1] == "/" || dir == f[1] || strings.HasPrefix(dir, f[1]+"/") {
			best, kind = f[1], f[2]
		}
	}
	return kind
}

// commit is the state of the work tree this was built in.
func commit() string {
	revision := process.FirstLine("git", "rev-parse", "--short=12", "HEAD")
	if process.FirstLine("git", "status", "--porcelain") != "" {
		revision += " with changes"
	}
	return revision
}

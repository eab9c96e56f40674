package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// circumstances are what a figure means nothing without.
func circumstances(b *bench, command string) string {
	var s strings.Builder
	item := func(name, format string, args ...any) {
		fmt.Fprintf(&s, "- %s: %s\n", name, fmt.Sprintf(format, args...))
	}
	item("command", "`%s`", command)
	item("date", "%s", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	item("machine", "%s, %d processors, %s of memory", fieldOf("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory())
	item("kernel", "%s", kernel())
	item("disk", "%s, the same for all", filesystem(b.dir))
	item("load average at the start", "%s", loadAverage())
	item("commit", "%s, built with %s", commit(), runtime.Version())
	for _, t := range needed(b.opts.chosen, targets()) {
		switch t.key {
		case tPostgres:
			if path, err := postgresProgram("postgres"); err == nil {
				item("PostgreSQL", "%s; fsync on, synchronous_commit on, shared_buffers 512MB, max_wal_size 4GB", firstLine(path, "--version"))
			}
		case tRedis:
			if path, err := find("redis-server", redisHint); err == nil {
				item("Redis", "%s; appendonly yes, appendfsync always", firstLine(path, "--version"))
			}
		}
	}
	item("seed", "%d", b.seed)
	if len(b.opts.chosen) > 0 {
		item("rounds", "%d, %v measured after %v of warming up", b.opts.rounds, b.opts.measured, b.opts.warm)
	}
	return s.String()
}

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

// filesystem is the type of the file system that holds a directory.
func filesystem(dir string) string {
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
	revision := firstLine("git", "rev-parse", "--short=12", "HEAD")
	if firstLine("git", "status", "--porcelain") != "" {
		revision += " with changes"
	}
	return revision
}

// Package memory tells the garbage collector how much memory a server has, and how little is not worth a
// collection.
package memory

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// Bound gives the garbage collector half of the memory that this process may use, unless
// GOMEMLIMIT says otherwise. The other half is for the page cache of the state file; without a bound the
// heap may grow to twice what is alive in it, and the kernel ends the process in a small cgroup.
func Bound() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if total := memoryOf("/proc/self/cgroup", "/sys/fs/cgroup", "/proc/meminfo"); total > 0 {
		debug.SetMemoryLimit(total / 2)
	}
}

// memoryOf is the smallest limit on the process's memory: those of its cgroup, of either version, and the
// machine's own; 0 if nothing can be read.
func memoryOf(groups, root, meminfo string) (least int64) {
	note := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	if b, err := os.ReadFile(meminfo); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 && f[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			note(kib << 10)
		}
	}
	b, _ := os.ReadFile(groups)
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		part := strings.SplitN(line, ":", 3)
		if len(part) < 3 {
			continue
		}
		switch part[1] {
		case "":
			note(number(root + part[2] + "/memory.max"))
		case "memory":
			note(number(root + "/memory" + part[2] + "/memory.limit_in_bytes"))
		}
	}
	return least
}

// number reads a file that holds one number; 0 when it holds something else.
func number(path string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

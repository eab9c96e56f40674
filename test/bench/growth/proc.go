package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processCPU is the processor time that this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bytesWritten is what this process has handed to the kernel to write. The count of what was handed to the disk
// goes by folios of the page cache, whose size is an accident.
func bytesWritten() int64 { return field("/proc/self/io", "wchar:") }

// field reads a number that follows a name in a file of /proc; 0 when it is not there.
func field(path, name string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok {
			continue
		}
		n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		return n
	}
	return 0
}

// rss reads a kind of resident memory of a process, in bytes: RssAnon, RssFile.
func rss(pid int, kind string) int64 {
	return field(fmt.Sprintf("/proc/%d/status", pid), kind+":") << 10
}

// cpuOf is the processor time that a process has used.
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

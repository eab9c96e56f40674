package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Spent is the processor time of a process so far, in user and in system mode, all threads; with
// children, also that of children who have ended.
func Spent(pid int, children bool) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	d, err := spentOf(b, children)
	if err != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return d, nil
}

// spentOf reads a stat file.
func spentOf(stat []byte, children bool) (time.Duration, error) {
	// The name, in parentheses, may hold anything; fields are counted after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 15 {
		return 0, fmt.Errorf("%d fields after the name", len(fields))
	}
	last := 12
	if children {
		last = 14
	}
	var sum int64
	for _, f := range fields[11 : last+1] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// Tree is the processor time of a process and of all below it, those that ended included.
func Tree(pid int) (time.Duration, error) {
	sum, err := Spent(pid, true)
	if err != nil {
		return 0, err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if gone(err) {
			continue // a thread that has ended has no children
		}
		if err != nil {
			return 0, err
		}
		for f := range strings.FieldsSeq(string(b)) {
			child, err := strconv.Atoi(f)
			if err != nil {
				return 0, err
			}
			d, err := Tree(child)
			if gone(err) {
				continue // it has just ended and is counted with its parent from now on
			}
			if err != nil {
				return 0, err
			}
			sum += d
		}
	}
	return sum, nil
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// Self is this process's own processor time.
func Self() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Meter is the processor time of some processes at one moment.
type Meter map[string]time.Duration

// Since is what each has used since an earlier moment.
func (m Meter) Since(before Meter) map[string]time.Duration {
	d := map[string]time.Duration{}
	for name, v := range m {
		d[name] = v - before[name]
	}
	return d
}

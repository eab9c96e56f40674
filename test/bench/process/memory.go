package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Resident is the memory of a process that is in RAM now, in bytes: VmRSS of /proc/PID/status.
func Resident(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %q: %w", path, line, err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("%s has no VmRSS: the process has ended", path)
}

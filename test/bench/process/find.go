package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Find looks a program up in the directories where distributions put it, then in the path.
func Find(name, install string, dirs ...string) (string, error) {
	for _, d := range dirs {
		if path := d + "/" + name; executable(path) {
			return path, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is missing: %s", name, install)
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir() && st.Mode()&0o111 != 0
}

// FirstLine runs a program for what it says of itself.
func FirstLine(path string, args ...string) string {
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		return path + ": " + err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// Pin makes a program run on one processor and in a session of its own. Linux shares the processors
// between sessions first (sched_autogroup), so programs in one session would get less than others.
func Pin(cmd *exec.Cmd, cpu int) error {
	if n := runtime.NumCPU(); cpu >= n {
		return fmt.Errorf("there is no processor %d: this machine has %d, and the load generator needs one beside the server's", cpu, n)
	}
	taskset, err := Find("taskset", "install the package util-linux")
	if err != nil {
		return err
	}
	cmd.Args = append([]string{taskset, "-c", strconv.Itoa(cpu), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = taskset
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return nil
}

// Everywhere makes a program run on all processors, and in a session of its own, where this one has left some.
func Everywhere(cmd *exec.Cmd) error {
	taskset, err := Find("taskset", "install the package util-linux")
	if err != nil {
		return err
	}
	cmd.Args = append([]string{taskset, "-c", fmt.Sprintf("0-%d", runtime.NumCPU()-1), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = taskset
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return nil
}

// Leave makes this program, and what it starts from now on, keep off one processor: that is for what is measured. It is called
// first thing in main, before there are threads that others were started from.
func Leave(cpu int) error {
	n := runtime.NumCPU()
	if n < 2 || cpu >= n {
		return fmt.Errorf("this machine has %d processors, and what is measured needs one of its own beside the others'", n)
	}
	var rest unix.CPUSet
	if err := unix.SchedGetaffinity(0, &rest); err != nil {
		return fmt.Errorf("processors of this program: %w", err)
	}
	rest.Clear(cpu)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err == nil {
			err = unix.SchedSetaffinity(id, &rest)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // a thread that has ended
			return fmt.Errorf("leave processor %d: %w", cpu, err)
		}
	}
	runtime.GOMAXPROCS(rest.Count())
	return nil
}

//go:build linux

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// space is a network namespace without a name: it ends with the last file and process that holds it.
type space struct{ file *os.File }

// newSpace makes an empty network.
func newSpace() (*space, error) {
	s := &space{}
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		s.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		return err
	})
	return s, err
}

// onThread runs f on a thread that ends afterwards, so that nothing else ever runs in its namespaces.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// enter moves the calling thread, which must be locked, into the space. A nil space is the machine's own.
func (s *space) enter() error {
	if s == nil {
		return nil
	}
	return unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET)
}

// do runs f on a thread inside the space.
func (s *space) do(f func() error) error {
	if s == nil {
		return f()
	}
	return onThread(func() error {
		if err := s.enter(); err != nil {
			return err
		}
		return f()
	})
}

// path names the space for other programs.
func (s *space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd()) }

// command runs a program inside the space.
func (s *space) command(line string) error {
	return s.do(func() error { return command(line) })
}

func (s *space) close() {
	if s != nil && s.file != nil {
		s.file.Close()
	}
}

// command runs a program and shows what it said if it fails.
func command(line string) error {
	words := strings.Fields(line)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return nil
}

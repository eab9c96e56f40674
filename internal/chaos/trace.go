//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// tracer is an strace that tampers with the system calls of a running core.
type tracer struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// tamper attaches to a core and injects, in strace's words: "error=EIO:when=3" lets the third fsync fail.
func (c *core) tamper(inject string) (*tracer, error) {
	pid := c.pid()
	if pid == 0 {
		return nil, fmt.Errorf("%s does not run", c.id)
	}
	t := &tracer{done: make(chan struct{})}
	t.cmd = exec.Command("strace", "-f", "-q", "-o", filepath.Join(filepath.Dir(c.logPath), c.id+".strace"), "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:"+inject, "-p", fmt.Sprint(pid))
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := make(chan error, 1)
	go func() {
		defer close(t.done)
		err := t.cmd.Start()
		started <- err
		if err == nil {
			_ = t.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	// It tampers once every thread is attached.
	until := time.Now().Add(3 * time.Second)
	for !traced(pid) {
		select {
		case <-t.done:
			return nil, errors.New("strace ended: may it trace other processes here?")
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(until) {
			t.end()
			return nil, errors.New("strace did not attach within 3 s")
		}
	}
	return t, nil
}

// traced reports whether every thread of a process has a tracer.
func traced(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that has just ended
		}
		if tracerOf(string(b)) == 0 {
			return false
		}
	}
	return true
}

func tracerOf(status string) (pid int) {
	const field = "TracerPid:"
	for i := 0; i+len(field) < len(status); i++ {
		if status[i:i+len(field)] == field {
			_, _ = fmt.Sscan(status[i+len(field):], &pid)
			return pid
		}
	}
	return 0
}

// end detaches.
func (t *tracer) end() {
	if t == nil {
		return
	}
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-t.done:
	case <-time.After(2 * time.Second):
		_ = t.cmd.Process.Kill()
		<-t.done
	}
}

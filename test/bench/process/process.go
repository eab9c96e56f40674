package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a program that was started here and ends with the run.
type Process struct {
	Name string
	PID  int
	log  string
	cmd  *exec.Cmd
	done chan error
}

// Start runs a program with its output in the file NAME.log of a directory.
func Start(dir, name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(dir, name+".log"), cmd: cmd, done: make(chan error, 1)}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.PID = cmd.Process.Pid
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

// Ready waits until url answers 200.
func (p *Process) Ready(ctx context.Context, url string, within time.Duration) error {
	deadline := time.After(within)
	for {
		res, err := http.Get(url)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("%s ended before it was ready (%v):\n%s", p.Name, err, p.Tail())
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("%s was not ready after %v:\n%s", p.Name, within, p.Tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Ended waits until the program ends by itself.
func (p *Process) Ended(ctx context.Context) error {
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tail is the end of its output.
func (p *Process) Tail() string {
	b, _ := os.ReadFile(p.log)
	return string(b[max(0, len(b)-2000):])
}

// Stop asks the process to end and waits for it. It may be called again, and on nil.
func (p *Process) Stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("%s did not stop within 20 s and was killed", p.Name)
	}
}

// StopAll stops the last first.
func StopAll(ps []*Process) error {
	var errs []error
	for i := len(ps) - 1; i >= 0; i-- {
		errs = append(errs, ps[i].Stop())
	}
	return errors.Join(errs...)
}

// FreePorts finds addresses of loopback that nobody listens on right now.
func FreePorts(n int) ([]string, error) {
	var addrs []string
	var open []net.Listener
	defer func() {
		for _, ln := range open {
			ln.Close()
		}
	}()
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		open = append(open, ln)
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs, nil
}

// FreePort finds one.
func FreePort() (string, error) {
	addrs, err := FreePorts(1)
	if err != nil {
		return "", err
	}
	return addrs[0], nil
}

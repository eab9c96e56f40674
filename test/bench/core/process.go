package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"meridian/internal/pause"
)

// process is a program that this one started, and ends by its id.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// spawn starts a program whose output goes to a file.
func spawn(name, log string, as *account, path string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, attributes(as)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log, and shows in whoever needs it
	}()
	return p, nil
}

// stop asks a process to end, and makes it after a while.
func (p *process) stop(sig syscall.Signal) {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// until waits for a condition that a process should bring about.
func (p *process) until(ctx context.Context, what string, limit time.Duration, ok func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return nil
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case p.ended():
			return fmt.Errorf("%s ended before %s; the end of its output:\n%s", p.name, what, p.tail())
		case time.Now().After(deadline):
			return fmt.Errorf("%s: waited %v for %s: %w; the end of its output:\n%s", p.name, limit, what, err, p.tail())
		}
		_ = pause.For(ctx, 20*time.Millisecond)
	}
}

func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/internal/durable"
)

// spec says how a process is started and when it serves.
type spec struct {
	name  string
	path  string
	args  []string
	env   []string
	ready string // URL that answers 200 once the process serves
}

const (
	restartAfter = time.Second
	backOffMax   = 30 * time.Second
	stopAfter    = 15 * time.Second
	logMax       = 64 << 20
)

// process keeps one program running until stop: a dead one is started again after a second, one
// that refuses its configuration (exit 2) ever less often.
type process struct {
	spec
	dir  string
	say  func(string, ...any)
	quit chan struct{}
	done chan struct{}

	mu    sync.Mutex
	cmd   *exec.Cmd
	exits int
	last  string
}

func startProcess(dir string, s spec, say func(string, ...any)) *process {
	p := &process{spec: s, dir: dir, say: say, quit: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *process) pidFile() string { return filepath.Join(p.dir, "run", p.name+".pid") }
func (p *process) logFile() string { return filepath.Join(p.dir, "log", p.name+".log") }

func (p *process) run() {
	defer close(p.done)
	// The kernel ends a child with the thread that started it (see detach), so the thread must last.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	refused := 0
	for {
		code, err := p.once()
		select {
		case <-p.quit:
			return
		default:
		}
		wait := restartAfter
		if code == 2 {
			wait = min(restartAfter<<min(refused, 5), backOffMax)
			refused++
		} else {
			refused = 0
		}
		p.say("%s ended (%v), starts again in %v; log: %s", p.name, err, wait, p.logFile())
		select {
		case <-p.quit:
			return
		case <-time.After(wait):
		}
	}
}

func (p *process) once() (code int, err error) {
	if st, err := os.Stat(p.logFile()); err == nil && st.Size() > logMax {
		_ = os.Rename(p.logFile(), p.logFile()+".old")
	}
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1, err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = detach()
	p.mu.Lock()
	select {
	case <-p.quit:
		p.mu.Unlock()
		return 0, nil
	default:
	}
	if err := cmd.Start(); err != nil {
		p.mu.Unlock()
		return 1, err
	}
	p.cmd = cmd
	p.mu.Unlock()
	_ = durable.WriteFile(p.pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600)
	err = cmd.Wait()
	_ = os.Remove(p.pidFile())
	p.mu.Lock()
	p.cmd = nil
	p.exits++
	p.last = lastLine(p.logFile())
	p.mu.Unlock()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), err
	}
	if err == nil {
		err = errors.New("exit status 0")
	}
	return 0, err
}

// stop ends the process: SIGTERM first, SIGKILL to its group when it takes too long.
func (p *process) stop() {
	p.mu.Lock()
	close(p.quit)
	cmd := p.cmd
	p.mu.Unlock()
	if cmd == nil {
		<-p.done
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopAfter):
		p.say("%s does not stop, it is killed", p.name)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// failure says in words why a process does not come up, if it has ended more than a few times.
func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	const tooOften = 3
	if p.exits < tooOften {
		return nil
	}
	return fmt.Errorf("%s does not start: %s (log: %s)", p.name, p.last, p.logFile())
}

// waitReady polls until every process serves, or one of them cannot.
func waitReady(ctx context.Context, all []*process, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := &http.Client{Timeout: 2 * time.Second}
	for _, p := range all {
		for !answers(ctx, client, p.ready) {
			if err := p.failure(); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				if errors.Is(ctx.Err(), context.DeadlineExceeded) {
					return fmt.Errorf("%s did not serve within %v: %s (log: %s)", p.name, limit, lastLine(p.logFile()), p.logFile())
				}
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func lastLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "no log"
	}
	defer f.Close()
	const tail = 4 << 10
	if st, err := f.Stat(); err == nil && st.Size() > tail {
		_, _ = f.Seek(-tail, io.SeekEnd)
	}
	b, _ := io.ReadAll(io.LimitReader(f, tail))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/api/coreclient"
)

// The patience of the supervisor and of whoever waits for it. Each step of a core's end is bounded, by
// at most ten seconds: an RPC to a core that is gone may take as long.
const (
	restartAfter = 250 * time.Millisecond
	stopWithin   = 30 * time.Second
)

// core is one `core serve` with its supervisor, which starts it again whenever it has ended.
type core struct {
	id      string
	api     string // host:port
	binary  string
	args    []string
	env     []string
	dir     string // of the data
	logPath string
	space   *space
	disk    disk

	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex // guards what follows
	process *os.Process
	kills   bool         // an end is our doing
	before  func() error // runs on the core's own thread before it starts again
	held    chan struct{}
	exits   []string // ends that were not our doing, with the last words
	failed  error
	check   checked
}

// node is the core as clients know it.
func (c *core) node() coreclient.Node {
	return coreclient.Node{ID: c.id, Region: "local", Addr: c.api}
}

// checked is what `core check` said about the stopped core.
type checked struct {
	text string
	err  error
}

// start begins supervision.
func (c *core) start() {
	c.quit, c.done = make(chan struct{}), make(chan struct{})
	go c.run()
}

func (c *core) run() {
	defer close(c.done)
	// The thread carries the namespaces, and its end ends its children. It is never unlocked.
	runtime.LockOSThread()
	if err := errors.Join(c.disk.mount(c.dir), c.space.enter()); err != nil {
		c.fail(err)
		return
	}
	for c.once() {
		select {
		case <-c.quit:
		case <-time.After(restartAfter):
		}
	}
	if c.failure() == nil {
		c.check = c.examine()
	}
}

// once runs the program until it ends, and reports whether it is to be started again.
func (c *core) once() bool {
	c.mu.Lock()
	hold, before := c.held, c.before
	c.before = nil
	c.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			c.fail(err)
			return false
		}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-c.quit:
		}
	}
	select {
	case <-c.quit:
		return false
	default:
	}
	out, err := os.OpenFile(c.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.fail(err)
		return false
	}
	defer out.Close()
	cmd := exec.Command(c.binary, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.mu.Lock()
	err = cmd.Start()
	c.process, c.kills = cmd.Process, false
	c.mu.Unlock()
	if err != nil {
		c.fail(err)
		return false
	}
	err = cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	select {
	case <-c.quit:
		return false
	default:
	}
	if !c.kills {
		c.exits = append(c.exits, fmt.Sprintf("%s ended by itself (%v): %s", c.id, err, lastWords(c.logPath)))
	}
	return true
}

func (c *core) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = fmt.Errorf("%s: %w", c.id, err)
}

func (c *core) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// ended lists the ends that were not our doing.
func (c *core) ended() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.exits...)
}

// pid is the process that runs now, or 0.
func (c *core) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// signal sends to the process that runs now, if any.
func (c *core) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return
	}
	if sig == syscall.SIGKILL {
		c.kills = true
	}
	_ = c.process.Signal(sig)
}

// pause stops the process and waits until it stands still.
func (c *core) pause() {
	c.signal(syscall.SIGSTOP)
	until := time.Now().Add(2 * time.Second)
	for time.Now().Before(until) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid()))
		if err != nil || strings.Contains(string(stat), ") T ") || strings.Contains(string(stat), ") t ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// hold keeps the core from being started again until release.
func (c *core) hold() (release func()) {
	ch := make(chan struct{})
	c.mu.Lock()
	c.held = ch
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		c.held = nil
		c.mu.Unlock()
		close(ch)
	}
}

// whileDown has f run on the core's own thread before it is started again.
func (c *core) whileDown(f func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// stop ends the core in order, as systemd would, and has its state examined.
func (c *core) stop() {
	close(c.quit)
	c.signal(syscall.SIGCONT)
	c.signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopWithin):
		c.mu.Lock()
		c.exits = append(c.exits, fmt.Sprintf("%s did not stop within %v", c.id, stopWithin))
		c.mu.Unlock()
		c.signal(syscall.SIGQUIT) // Go writes down where every goroutine is
		select {
		case <-c.done:
		case <-time.After(2 * time.Second):
			c.signal(syscall.SIGKILL)
			<-c.done
		}
	}
}

// examine runs core check on what the stopped core left, on the thread that sees its disk.
func (c *core) examine() checked {
	if _, err := os.Stat(filepath.Join(c.dir, "state.db")); err != nil {
		return checked{err: fmt.Errorf("%s left no state: %w", c.id, err)}
	}
	out, err := exec.Command(c.binary, "check", "--data", c.dir).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("core check of %s: %w: %s", c.id, err, strings.TrimSpace(string(out)))
	}
	return checked{strings.TrimSpace(string(out)), err}
}

// lastWords is the end of a log.
func lastWords(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "no log"
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for i := len(lines) - 1; i >= 0; i-- { // what stops a node is an error or a panic; other lines may follow it
		if strings.Contains(lines[i], `"ERROR"`) || strings.HasPrefix(lines[i], "panic:") || strings.HasPrefix(lines[i], "fatal error:") || strings.HasPrefix(lines[i], "core:") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

// Package demo starts the demo for tests as anyone starts it: bin/dev up, in a directory and on ports
// of its own, without background traffic. It promises that Start returns only when the shop is filled
// and answers, and that Stop ends every process of it. It does not build the programs: make build does.
//
// Read Demo first, then Credentials.
package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin = 5 * time.Minute
	stopWithin  = time.Minute
)

// Demo is a running `dev up`.
type Demo struct {
	// Dir holds the demo's state: run/ has a pid for each process, log/ what they say.
	Dir string

	base int
	cmd  *exec.Cmd
	done chan error
}

// Start starts a demo of the repository in dir, with more flags of `dev up`, and waits until it is ready.
func Start(repository, dir string, flags ...string) (*Demo, error) {
	tool, err := filepath.Abs(filepath.Join(repository, "bin", "dev"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(tool); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	base, err := freeBase()
	if err != nil {
		return nil, err
	}
	d := &Demo{Dir: dir, base: base, done: make(chan error, 1)}
	d.cmd = exec.Command(tool, append([]string{"up", "--dir", dir, "--port-base", strconv.Itoa(base), "--no-traffic"}, flags...)...)
	d.cmd.Dir = repository
	d.cmd.Stderr = os.Stderr
	return d, d.up()
}

// Demos of tests are below the ports that Linux gives to connections: one that is free there may be somebody's a moment later.
const lowestBase, basesApart, bases = 10_000, 100, 220

// freeBase finds a base port whose demo ports are all free.
func freeBase() (int, error) {
	for i := range bases {
		base := lowestBase + (os.Getpid()+4*i)%bases*basesApart
		free := true
		for _, off := range []int{0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 60, 70, 80, 81} {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+off))
			if err != nil {
				free = false
				break
			}
			ln.Close()
		}
		if free {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

func (d *Demo) up() error {
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if os.Getenv("MERIDIAN_TEST_VERBOSE") != "" {
				fmt.Fprintln(os.Stderr, "demo:", lines.Text())
			}
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- true
			}
		}
		d.done <- d.cmd.Wait()
	}()
	select {
	case <-ready:
		return nil
	case err := <-d.done:
		return fmt.Errorf("the demo ended before it was ready: %v", err)
	case <-time.After(readyWithin):
		d.cmd.Process.Kill()
		return fmt.Errorf("the demo was not ready after %v", readyWithin)
	}
}

// Running says whether nobody has stopped it yet.
func (d *Demo) Running() bool { return d.cmd.ProcessState == nil }

// Stop ends the demo as Ctrl-C does.
func (d *Demo) Stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-d.done:
		return err
	case <-time.After(stopWithin):
		d.cmd.Process.Kill()
		return fmt.Errorf("the demo did not stop within %v", stopWithin)
	}
}

// URL is the address of what listens that far from the base port: 0 to 2 are the edges, 60 is the
// ClickHouse engine, 70 the payment provider.
func (d *Demo) URL(offset int) string { return fmt.Sprintf("http://127.0.0.1:%d", d.base+offset) }

// Person can sign in.
type Person struct{ Email, Password, Token string }

// Credentials are those of the demo's people.
type Credentials struct{ Merchandiser, Operator, Shopper Person }

// Credentials reads what dev up has stored.
func (d *Demo) Credentials() (Credentials, error) {
	var c Credentials
	b, err := os.ReadFile(filepath.Join(d.Dir, "credentials.json"))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	return c, err
}

// ClickHouse answers a query to the demo's engine, as text.
func (d *Demo) ClickHouse(query string) (string, error) {
	resp, err := http.Get(d.URL(60) + "/?query=" + url.QueryEscape(query))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%d: %s", resp.StatusCode, b)
	}
	return strings.TrimSpace(string(b)), err
}

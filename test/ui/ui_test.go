// Package ui runs the shop in a browser: the demo as anyone starts it, and Chromium, which playwright-core
// drives from scenarios.mjs. It promises that a person can buy, with and without JavaScript, and that no
// kind of page has an error in the console, a broken picture or a bar to scroll sideways. What is missing
// on the machine is a failure that says how to install it: nothing is skipped.
//
// Read scenarios.mjs first, then setUp.
package ui

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/internal/demo"
)

// stage is what the scenarios of this package share: one demo and one browser.
type stage struct {
	*demo.Demo
	node, browser string
	serve         *exec.Cmd
	stop          io.Closer
}

var shared stage

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "meridian-ui-")
	if err == nil {
		err = shared.setUp(dir)
	}
	if err == nil {
		code = m.Run()
	}
	if err = errors.Join(err, shared.tearDown()); err != nil {
		fmt.Fprintln(os.Stderr, "browser tests:", err)
		code = 1
	}
	if code == 0 {
		os.RemoveAll(dir)
	} else {
		fmt.Fprintln(os.Stderr, "the demo's logs are kept in", filepath.Join(dir, "log"))
	}
	return code
}

// setUp finds the programs, starts the browser and, in dir, the demo.
func (s *stage) setUp(dir string) error {
	chromium, err := findChromium()
	if err != nil {
		return err
	}
	if s.node, err = exec.LookPath("node"); err != nil {
		return errors.New("node is missing: install Node.js 20 or newer, playwright-core needs it")
	}
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		return errors.New("playwright-core is missing: run make ui-deps")
	}
	if err := s.startBrowser(chromium); err != nil {
		return err
	}
	s.Demo, err = demo.Start("../..", dir)
	return err
}

// findChromium answers CHROMIUM, or what the system has.
func findChromium() (string, error) {
	if named := os.Getenv("CHROMIUM"); named != "" {
		return exec.LookPath(named)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("chromium is missing: run make ui-deps, or set CHROMIUM to its path")
}

func (s *stage) startBrowser(chromium string) error {
	s.serve = exec.Command(s.node, "serve.mjs")
	s.serve.Env = append(os.Environ(), "CHROMIUM="+chromium)
	s.serve.Stderr = os.Stderr
	in, err := s.serve.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.serve.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.serve.Start(); err != nil {
		return fmt.Errorf("start the browser: %w", err)
	}
	s.stop = in
	line, err := bufio.NewReader(out).ReadString('\n')
	if s.browser = strings.TrimSpace(line); s.browser == "" {
		return fmt.Errorf("%s did not start: %v", chromium, err)
	}
	return nil
}

// tearDown ends what was started. The browser ends when its standard input does.
func (s *stage) tearDown() error {
	var errs []error
	if s.stop != nil {
		errs = append(errs, s.stop.Close(), s.serve.Wait())
	}
	if s.Demo != nil && s.Running() {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}

// outcome is what a scenario found out.
type outcome struct{ Number, Visit, Product string }

// play runs one scenario of scenarios.mjs in a region's shop.
func (s *stage) play(t *testing.T, scenario string, region int) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.node, "run.mjs", scenario)
	cmd.Env = append(os.Environ(), "SHOP_URL="+s.URL(region), "BROWSER_WS="+s.browser)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", scenario, err, stderr.String())
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%s answered %q: %v", scenario, out, err)
	}
	return o
}

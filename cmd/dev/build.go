package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/deploy/local/clickhouse/fetch"
	"meridian/internal/flagenv"
)

// binaries is what the demo runs.
type binaries struct {
	root     string // of the repository
	s3       string // versitygw
	clickLib string // libchdb.so, empty: no analytics
}

func (b binaries) bin(name string) string { return filepath.Join(b.root, "bin", name) }

// programs are built into bin/, each named like its directory.
var programs = []string{"./cmd/core", "./cmd/edge", "./deploy/local/payments", "./deploy/local/mailbox", "./deploy/local/clickhouse"}

// build makes every program and gets the engine, side by side, and says what it is doing.
func build(ctx context.Context, clickhouse bool, say func(string, ...any)) (b binaries, err error) {
	if b.root, err = repository(ctx); err != nil {
		return b, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	step := func(name string, f func() error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			stop := every(15*time.Second, func(d time.Duration) { say("%s: still working after %v", name, d) })
			err := f()
			stop()
			if err != nil {
				mu.Lock()
				failures = append(failures, fmt.Errorf("%s: %w", name, err))
				mu.Unlock()
				cancel()
			}
		}()
	}
	say("building core, edge and the local services")
	step("build", func() error {
		return goBuild(ctx, b.root, append([]string{"build", "-trimpath", "-o", b.bin("") + string(filepath.Separator)}, programs...))
	})
	step("S3 server", func() error {
		var err error
		b.s3, err = buildS3(ctx, b.root, say)
		return err
	})
	if clickhouse {
		step("ClickHouse engine", func() error {
			lib, err := fetch.Library(ctx, fetch.Config{Progress: lines(say)})
			if err != nil && ctx.Err() == nil {
				say("no analytics in this demo: %v", oneLine(err))
				return nil
			}
			b.clickLib = lib
			return err
		})
	}
	wg.Wait()
	return b, errors.Join(failures...)
}

// fetchAll gets what is bought and not built, so that tests find it; what cannot be had is an error.
func fetchAll(ctx context.Context, args []string, out io.Writer) error {
	if err := flagenv.Parse(newFlags("fetch", out), "FETCH", args); err != nil {
		return err
	}
	root, err := repository(ctx)
	if err != nil {
		return err
	}
	say := printer(out)
	s3, err := buildS3(ctx, root, say)
	if err != nil {
		return fmt.Errorf("S3 server: %w", err)
	}
	lib, err := fetch.Library(ctx, fetch.Config{Progress: lines(say)})
	if err != nil {
		return fmt.Errorf("ClickHouse engine: %w", err)
	}
	say("S3 server %s\nClickHouse engine %s", s3, lib)
	return nil
}

func repository(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	out, err := cmd.Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" && filepath.IsAbs(dir) {
		return dir, nil
	}
	return "", errors.New("start this inside the repository, with Go installed: it builds what it runs")
}

func goBuild(ctx context.Context, dir string, args []string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, out.String())
	}
	return nil
}

// s3Version is pinned in deploy/local/tools/go.mod; the name keeps several versions apart.
const s3Version = "v1.8.0"

// buildS3 builds versitygw into the user's cache once. Go checks its sources against go.sum.
func buildS3(ctx context.Context, root string, say func(string, ...any)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	dir := filepath.Join(cache, "meridian", "versitygw", s3Version)
	path := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Two demos may start at once; the second waits and finds the first one's work.
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	say("S3 server: building versitygw %s (once, one to two minutes)", s3Version)
	tmp := path + ".new"
	err = goBuild(ctx, filepath.Join(root, "deploy", "local", "tools"), []string{"build", "-trimpath", "-o", tmp, "github.com/versity/versitygw/cmd/versitygw"})
	if err != nil {
		return "", err
	}
	return path, os.Rename(tmp, path)
}

// every calls f each period until stop is called.
func every(period time.Duration, f func(time.Duration)) (stop func()) {
	began, quit, done := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(period)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				f(time.Since(began).Round(time.Second))
			}
		}
	}()
	return func() { close(quit); <-done }
}

// lines gives what is written to say, line by line.
func lines(say func(string, ...any)) io.Writer { return &lineWriter{say: say} }

type lineWriter struct {
	say func(string, ...any)
	buf []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.buf = append(w.buf, b...)
	for {
		line, rest, ok := bytes.Cut(w.buf, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.say("%s", line)
		w.buf = rest
	}
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

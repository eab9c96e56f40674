package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"meridian/test/bench/process"
)

// answers are what the load generator saw in one run.
type answers struct {
	requests int
	rate     float64 // a second
	p50, p99 time.Duration
	bytes    float64       // read, headers included, in three digits
	busy     time.Duration // processor time of the load generator itself
}

// drive lets wrk ask for a case, pinned to its own processor and in a session of its own.
func drive(ctx context.Context, o options, url string, l load) (answers, error) {
	args := []string{"-t1", "-c" + strconv.Itoa(o.connections), "-d" + strconv.Itoa(o.seconds) + "s", "--latency", "-H", "Host: " + host}
	for _, h := range l.header {
		args = append(args, "-H", h)
	}
	cmd := exec.CommandContext(ctx, o.wrk, append(args, url)...)
	if err := process.Pin(cmd, loadCPU); err != nil {
		return answers{}, err
	}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return answers{}, ctx.Err()
	}
	if err != nil {
		return answers{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	a, err := parseWrk(string(out))
	if err != nil {
		return a, fmt.Errorf("wrk: %w; it said:\n%s", err, out)
	}
	a.busy = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return a, nil
}

// parseWrk reads the output of wrk --latency. Anything but good answers is an error.
func parseWrk(out string) (answers, error) {
	var a answers
	var err error
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch {
		case strings.Contains(line, "Socket errors:"), strings.Contains(line, "Non-2xx"):
			return a, errors.New(strings.TrimSpace(line))
		case len(f) == 2 && f[0] == "50%":
			a.p50, err = span(f[1])
		case len(f) == 2 && f[0] == "99%":
			a.p99, err = span(f[1])
		case len(f) == 2 && f[0] == "Requests/sec:":
			a.rate, err = strconv.ParseFloat(f[1], 64)
		case len(f) == 6 && f[1] == "requests" && f[5] == "read":
			if a.requests, err = strconv.Atoi(f[0]); err == nil {
				a.bytes, err = size(f[4])
			}
		}
		if err != nil {
			return a, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	if a.requests == 0 || a.rate == 0 || a.p50 == 0 || a.p99 == 0 || a.bytes == 0 {
		return a, errors.New("no requests, or no latency, in its output")
	}
	return a, nil
}

// span reads a time as wrk writes it: 871.00us, 1.25ms, 2.10s, 1.02m, 1.50h.
func span(s string) (time.Duration, error) { return time.ParseDuration(s) }

// size reads an amount as wrk writes it: 512.00B, 25.31KB, 1.21GB, in units of 1024.
func size(s string) (float64, error) {
	scale := 1.0
	for _, unit := range []string{"KB", "MB", "GB", "TB"} {
		scale *= 1024
		if n, ok := strings.CutSuffix(s, unit); ok {
			v, err := strconv.ParseFloat(n, 64)
			return v * scale, err
		}
	}
	n, ok := strings.CutSuffix(s, "B")
	if !ok {
		return 0, fmt.Errorf("%q is no amount of bytes", s)
	}
	return strconv.ParseFloat(n, 64)
}

// fits reports whether so many bytes can be n of the answers that a case wants: a body of another length, or
// a 304 that is none, does not fit. Headers are at most 2 KiB; the load generator rounds to three digits.
func (a answers) fits(l load) error {
	each, least := a.bytes/float64(a.requests), float64(len(l.want))
	if each < least*0.99 || each > least*1.01+2048 {
		return fmt.Errorf("%s: an answer had %.0f bytes, its body should have %.0f", l.name, each, least)
	}
	return nil
}

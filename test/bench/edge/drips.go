package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"meridian/test/bench/process"
	"meridian/test/bench/report"
)

// dripsCase is measured only when it is named: slow connections beside everybody else.
const dripsCase = "drips"

const (
	dripConns = 10_000
	dripEvery = 2 * time.Second
	// dripDeadline is how long an edge lets a head, or a body, arrive by default.
	dripDeadline = 10 * time.Second
)

// dripFigures are what one wave of slow connections showed, and what others got beside it.
type dripFigures struct {
	drips         dripsResult
	memory        float64 // of the server, bytes a connection
	share         float64 // of a processor, that the server spends on them when nobody else is there
	alone, beside answers // without, and with another wave
	client        time.Duration
}

// slowly measures waves of drips against our edge with its defaults.
func (b *bench) slowly(ctx context.Context) error {
	ours := b.systems[0]
	o := b.o
	o.seconds = int((dripDeadline + 2*time.Second) / time.Second) // until the last is cut off
	l, err := ours.prepare(ctx, "gzip")
	if err != nil {
		return err
	}
	warm := b.o
	warm.seconds = 2
	if _, err := drive(ctx, warm, ours.base+ours.page.Path, l); err != nil {
		return err
	}
	before, err := process.Resident(ours.pid)
	if err != nil {
		return err
	}
	b.dripped = map[string][]dripFigures{}
	for round := range b.o.rounds {
		for _, kind := range []string{dripHead, dripBody} {
			f, err := b.waves(ctx, ours, o, l, kind, before)
			if err != nil {
				return fmt.Errorf("round %d, drips of a %s: %w", round+1, kind, err)
			}
			fmt.Fprintf(os.Stderr, "round %d  %s  cut off after %.2f to %.2f s, %d bytes, %d failed %s  %.1f KiB each  others alone %.0f/s, beside %.0f/s (load generator busy %.0f %%, drips' client %.0f %%)\n", round+1, kind,
				f.drips.First.Seconds(), f.drips.Most.Seconds(), f.drips.Bytes, f.drips.Failed, f.drips.Why, f.memory/1024, f.alone.rate, f.beside.rate,
				100*f.beside.busy.Seconds()/float64(o.seconds), 100*f.client.Seconds()/float64(o.seconds))
			if f.drips.First < dripDeadline {
				return fmt.Errorf("round %d, drips of a %s: one ended after %v: it was refused, and not for being slow", round+1, kind, f.drips.First)
			}
			b.dripped[kind] = append(b.dripped[kind], f)
		}
	}
	return nil
}

// waves are one for the memory, with nobody else there, then the others alone, then both.
func (b *bench) waves(ctx context.Context, s *system, o options, l load, kind string, before int64) (f dripFigures, err error) {
	memory := func() error {
		// By now each has sent some bytes.
		select {
		case <-time.After(2*dripEvery + dripEvery/2):
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := process.Resident(s.pid)
		f.memory = float64(now-before) / dripConns
		return err
	}
	began := time.Now()
	spent, err := process.Tree(s.pid)
	if err != nil {
		return f, err
	}
	quiet, _, err := b.wave(ctx, s, kind, memory)
	if err != nil {
		return f, err
	}
	more, err := process.Tree(s.pid)
	if err != nil {
		return f, err
	}
	f.share = (more - spent).Seconds() / time.Since(began).Seconds()
	if f.alone, err = drive(ctx, o, s.base+s.page.Path, l); err != nil {
		return f, err
	}
	f.drips, f.client, err = b.wave(ctx, s, kind, func() (err error) {
		f.beside, err = drive(ctx, o, s.base+s.page.Path, l)
		return err
	})
	f.drips.Failed += quiet.Failed
	f.drips.Most = max(f.drips.Most, quiet.Most)
	f.drips.First = min(f.drips.First, quiet.First)
	if f.drips.Why == "" {
		f.drips.Why = quiet.Why
	}
	return f, err
}

// wave opens all connections from a process of their own, does something meanwhile, and waits for their end.
func (b *bench) wave(ctx context.Context, s *system, kind string, meanwhile func() error) (r dripsResult, busy time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, 0, err
	}
	cmd := exec.CommandContext(ctx, self, dripsCommand, "--addr", strings.TrimPrefix(s.base, "http://"), "--kind", kind, "--connections", strconv.Itoa(dripConns), "--every", dripEvery.String())
	if err := process.Pin(cmd, loadCPU); err != nil {
		return r, 0, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return r, 0, err
	}
	if err := cmd.Start(); err != nil {
		return r, 0, err
	}
	lines := json.NewDecoder(bufio.NewReader(pipe))
	var open dripsOpen
	if err = lines.Decode(&open); err == nil {
		err = meanwhile()
	}
	if err == nil {
		err = lines.Decode(&r)
	}
	if e := errors.Join(err, cmd.Wait()); e != nil {
		return r, 0, errors.Join(ctx.Err(), fmt.Errorf("%w: %s", e, strings.TrimSpace(said.String())))
	}
	return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// dripLines hold ours to its goals.
func (b *bench) dripLines() (out []report.Line) {
	for _, kind := range []string{dripHead, dripBody} {
		all := b.dripped[kind]
		if len(all) == 0 {
			continue
		}
		line := func(title, unit string, goal report.Goal, of func(dripFigures) float64) {
			l := report.Line{Group: dripsCase, Title: fmt.Sprintf("%s drips of a %s, %s", count(dripConns), kind, title), Unit: unit, Goal: goal}
			for _, f := range all {
				l.Rounds = append(l.Rounds, of(f))
			}
			l.Value = report.Median(l.Rounds)
			out = append(out, l)
		}
		line("connections not cut off", "connections", report.AtMost(0), func(f dripFigures) float64 { return float64(f.drips.Failed) })
		line(fmt.Sprintf("the last cut off, beyond the %.0f s it has", dripDeadline.Seconds()), "%", report.AtMost(10),
			func(f dripFigures) float64 {
				return 100 * (f.drips.Most - dripDeadline).Seconds() / dripDeadline.Seconds()
			})
		line("memory of the edge for each", "KiB", report.AtMost(16), func(f dripFigures) float64 { return f.memory / 1024 })
		line("share of a processor that the edge spends on them", "%", report.Shown(), func(f dripFigures) float64 { return 100 * f.share })
		line("answers a second to others, over those without drips", "×", report.AtLeast(0.9), func(f dripFigures) float64 { return f.beside.rate / f.alone.rate })
	}
	return out
}

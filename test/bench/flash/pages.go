package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/test/bench/process"
)

// edgeCPU is the processor of the first edge, and of who measures its pages. Everybody else keeps off it, the crowd, the cores and the other edge, as they
// do where an edge has a machine of its own.
const edgeCPU = 0

// An onlooker looks at a cached page of the first edge two hundred times a second and notes how long it took. It is a program of its own:
// within the crowd's it would measure how busy the crowd is.
type onlooker struct{ edge string }

// lookCommand is the argument that makes this program the onlooker.
const lookCommand = "look"

// watch looks while something goes on.
func (l *onlooker) watch(ctx context.Context, during func()) (took []time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, lookCommand, l.edge)
	if err := process.Pin(cmd, edgeCPU); err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("onlooker: %w", err)
	}
	read := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			us, err := strconv.Atoi(lines.Text())
			if err != nil {
				read <- fmt.Errorf("onlooker: %w", err)
				return
			}
			took = append(took, time.Duration(us)*time.Microsecond)
		}
		read <- lines.Err()
	}()
	during()
	err = errors.Join(end.Close(), <-read)
	return took, errors.Join(err, cmd.Wait(), ctx.Err())
}

// look is the onlooker: it looks until its input ends, then it writes how many microseconds each page took.
func look(edge string) error {
	// A shopper's own machine has nothing else to do. Where this is not allowed, the figures are a little worse.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, -10)
	client := &fasthttp.Client{MaxConnsPerHost: 16, ReadTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = io.Copy(io.Discard, os.Stdin) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var took []time.Duration
	var failed []error
	for {
		select {
		case <-ended:
			out := bufio.NewWriter(os.Stdout)
			for _, d := range took {
				fmt.Fprintln(out, d.Microseconds())
			}
			return errors.Join(append(failed, out.Flush())...)
		case <-tick.C:
		}
		began := time.Now()
		status, _, err := client.Get(nil, edge+"/products/"+besideHandle)
		if err == nil && status != 200 {
			err = fmt.Errorf("the page beside the sale: %d", status)
		}
		if err != nil && len(failed) < 5 {
			failed = append(failed, err)
		}
		took = append(took, time.Since(began))
	}
}

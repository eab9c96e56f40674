package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/internal/flagenv"
)

// herdCommand is the load generator of a herd: a process of its own, so that it can be pinned.
const herdCommand = "herd"

// herdResult is what it prints, as JSON: what each caller waited, from writing the request to the last byte.
type herdResult struct {
	P50, P99, Most time.Duration
}

func herdMain(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench-edge "+herdCommand, flag.ContinueOnError)
	addr := fs.String("addr", "", "host:port to ask")
	path := fs.String("path", "/", "what to ask for")
	callers := fs.Int("callers", 1, "how many ask at once, each over a connection that is open before")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return err
	}
	r, err := herd(ctx, *addr, *path, *callers)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// opening bounds the connections that are opened at once: a listener's queue must not overflow.
const opening = 64

// herd opens all connections, then lets everybody ask at the same moment. All must get the same page.
func herd(ctx context.Context, addr, path string, callers int) (herdResult, error) {
	conns := make([]net.Conn, callers)
	errs := make([]error, callers)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	var wg sync.WaitGroup
	for part := range slices.Chunk(conns, (callers+opening-1)/opening) {
		wg.Go(func() {
			for i := range part {
				var err error
				if part[i], err = new(net.Dialer).DialContext(ctx, "tcp", addr); err != nil {
					return // the connection stays nil and is reported below
				}
			}
		})
	}
	wg.Wait()
	if i := slices.Index(conns, nil); i >= 0 {
		return herdResult{}, fmt.Errorf("connection %d of %d to %s was refused; are there enough file descriptors (ulimit -n)?", i+1, callers, addr)
	}
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept-Encoding: gzip\r\n\r\n")
	waits, bodies := make([]time.Duration, callers), make([][]byte, callers)
	release := make(chan struct{})
	for i, conn := range conns {
		r := bufio.NewReader(conn)
		wg.Go(func() {
			<-release
			began := time.Now()
			_, err := conn.Write(request)
			var res fasthttp.Response
			if err == nil {
				err = errors.Join(conn.SetReadDeadline(began.Add(time.Minute)), res.Read(r))
			}
			waits[i] = time.Since(began)
			if err == nil && res.StatusCode() != fasthttp.StatusOK {
				err = fmt.Errorf("status %d: %.200s", res.StatusCode(), res.Body())
			}
			bodies[i], errs[i] = res.Body(), err
		})
	}
	close(release)
	wg.Wait()
	for i, b := range bodies {
		if errs[i] != nil {
			return herdResult{}, fmt.Errorf("caller %d of %d: %w", i+1, callers, errs[i])
		}
		if !bytes.Equal(b, bodies[0]) {
			return herdResult{}, fmt.Errorf("caller %d of %d got another page than the first", i+1, callers)
		}
	}
	slices.Sort(waits)
	rank := func(p int) time.Duration { return waits[min(callers-1, callers*p/100)] }
	return herdResult{P50: rank(50), P99: rank(99), Most: waits[callers-1]}, nil
}

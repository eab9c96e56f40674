package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
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
	// Failed are callers without an answer, or with a bad one; they are in no other figure. Why is what the first met.
	Failed int
	Why    string
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

// herd opens all connections, then lets everybody ask at the same moment. All should get the same page.
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
	return judge(waits, bodies, errs)
}

// judge holds the answers against the first good one. A page may come in better compressed bytes while the
// herd lasts; it is the same page.
func judge(waits []time.Duration, bodies [][]byte, errs []error) (r herdResult, err error) {
	var good []time.Duration
	plain := map[string]string{} // what bytes say, each unpacked once
	page, known := "", false
	for i, b := range bodies {
		err := errs[i]
		if err == nil {
			text, seen := plain[string(b)]
			if !seen {
				if text, err = unpacked(b); err == nil {
					plain[string(b)] = text
				}
			}
			switch {
			case err == nil && !known:
				page, known = text, true
			case err == nil && text != page:
				err = errors.New("another page than the first good one")
			}
		}
		if err == nil {
			good = append(good, waits[i])
			continue
		}
		if r.Failed++; r.Failed == 1 {
			r.Why = fmt.Sprintf("caller %d: %v", i+1, err)
		}
	}
	if len(good) == 0 {
		return r, fmt.Errorf("all %d callers failed; %s", r.Failed, r.Why)
	}
	slices.Sort(good)
	rank := func(p int) time.Duration { return good[min(len(good)-1, len(good)*p/100)] }
	r.P50, r.P99, r.Most = rank(50), rank(99), good[len(good)-1]
	return r, nil
}

// unpacked is a body as text, whether it came with gzip or as it is.
func unpacked(b []byte) (string, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return string(b), nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

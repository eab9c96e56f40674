package main

import (
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
	"sync/atomic"
	"syscall"
	"time"

	"meridian/internal/flagenv"
)

// dripsCommand is the process that holds the slow connections.
const dripsCommand = "drips"

// perAddress is how many connections come from one address of loopback: an edge takes a thousand.
const perAddress = 100

// The kinds of drips: of a request's head, and of a body that was announced.
const (
	dripHead = "head"
	dripBody = "body"
)

// dripsOpen is what the client prints when all connections are open, dripsResult when all have ended, as JSON.
type dripsOpen struct{ Took time.Duration }

type dripsResult struct {
	// First, P50 and Most are how long connections lasted, from the moment they were asked for.
	First, P50, Most time.Duration
	Bytes            int64 // sent one by one
	// Failed were not closed by the server in time, or not by the server; Why is what the first met.
	Failed int
	Why    string
}

func dripsMain(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench-edge "+dripsCommand, flag.ContinueOnError)
	addr := fs.String("addr", "", "host:port to connect to")
	kind := fs.String("kind", dripHead, "what trickles in: head or body")
	conns := fs.Int("connections", 10_000, "how many at once")
	every := fs.Duration("every", 2*time.Second, "pause between two bytes of a connection")
	patience := fs.Duration("patience", time.Minute, "after so long a connection that is still there has failed")
	if err := flagenv.Parse(fs, "BENCH", args); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	r, err := drips(ctx, dripper{*addr, *kind, *every, *patience}, *conns, func(took time.Duration) error { return out.Encode(dripsOpen{took}) })
	if err != nil {
		return err
	}
	return out.Encode(r)
}

type dripper struct {
	addr, kind      string
	every, patience time.Duration
}

// drips opens all connections, tells that, and waits until each has ended.
func drips(ctx context.Context, d dripper, conns int, opened func(took time.Duration) error) (r dripsResult, err error) {
	lasted, errs := make([]time.Duration, conns), make([]error, conns)
	var bytes atomic.Int64
	var ended, open sync.WaitGroup
	room := make(chan struct{}, opening)
	began := time.Now()
	open.Add(conns)
	for i := range conns {
		ended.Go(func() {
			room <- struct{}{}
			at := time.Now()
			c, err := d.dial(ctx, i)
			<-room
			open.Done()
			if err == nil {
				var n int64
				n, err = d.hold(c, at)
				bytes.Add(n)
			}
			lasted[i], errs[i] = time.Since(at), err
		})
	}
	open.Wait()
	if err := opened(time.Since(began)); err != nil {
		return r, err
	}
	ended.Wait()
	var good []time.Duration
	for i, err := range errs {
		if err == nil {
			good = append(good, lasted[i])
			continue
		}
		if r.Failed++; r.Failed == 1 {
			r.Why = fmt.Sprintf("connection %d: %v", i+1, err)
		}
	}
	if len(good) == 0 {
		return r, fmt.Errorf("all %d connections failed; %s", conns, r.Why)
	}
	slices.Sort(good)
	r.First, r.P50, r.Most, r.Bytes = good[0], good[len(good)/2], good[len(good)-1], bytes.Load()
	return r, nil
}

// dial connects from an address of loopback that few others have, and sends what comes before the drips.
func (d dripper) dial(ctx context.Context, i int) (net.Conn, error) {
	from := net.IPv4(127, 66, byte(i/perAddress/250), byte(1+i/perAddress%250))
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	head := "GET /products/slow HTTP/1.1\r\nHost: " + host + "\r\nX-Drip: "
	if d.kind == dripBody {
		head = "POST /api/v1/carts HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
	}
	_, err = io.WriteString(c, head)
	return c, err
}

// hold sends a byte every so often until the server closes the connection.
func (d dripper) hold(c net.Conn, began time.Time) (sent int64, err error) {
	defer c.Close()
	buf := make([]byte, 512)
	next := time.Now().Add(d.every)
	for end := began.Add(d.patience); time.Now().Before(end); {
		if err := c.SetReadDeadline(next); err != nil {
			return sent, err
		}
		_, err := c.Read(buf)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
			return sent, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			next = next.Add(d.every)
			if _, err := c.Write([]byte("a")); err == nil { // a failure shows when it is read next
				sent++
			}
		case err != nil:
			return sent, err
		}
	}
	return sent, fmt.Errorf("it was still open after %v and %d bytes", d.patience, sent)
}

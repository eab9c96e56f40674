// Command consumer reads a shop's outbox over HTTP and keeps it in a file, one JSON document a line.
//
// It is an example of a program outside the shop, so it knows only the public API (docs/OUTBOX.md) and
// imports nothing of the shop. It promises that every entry is in the file once and in order, whenever
// it is killed: an entry is on the disk before its slice is acknowledged, so nothing is lost, and what
// comes a second time is known by its sequence number, so nothing is there twice. Read run first.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// entry is what this program needs to know of an outbox entry. The rest goes into the file as it came.
type entry struct {
	Timeline uint32 `json:"timeline"`
	Seq      uint64 `json:"seq"`
}

func (e entry) after(last entry) bool {
	return e.Timeline > last.Timeline || e.Timeline == last.Timeline && e.Seq > last.Seq
}

type page struct {
	Slice   uint64            `json:"slice"`
	Entries []json.RawMessage `json:"entries"`
	Missed  uint64            `json:"missed"`
}

type consumer struct {
	shop, token, name string
	limit             int
	pause             time.Duration
	http              *http.Client
	file              *os.File
	last              entry // the newest entry in the file
}

func main() {
	c := consumer{http: &http.Client{Timeout: 30 * time.Second}}
	flag.StringVar(&c.shop, "shop", "http://127.0.0.1:8080", "`URL` of an edge")
	flag.StringVar(&c.name, "name", "example", "the consumer's own `name`: its place in the outbox is kept under it")
	flag.IntVar(&c.limit, "limit", 100, "most `entries` in a slice")
	flag.DurationVar(&c.pause, "pause", time.Second, "`time` between looks when there is nothing new, and after a failure")
	path := flag.String("file", "orders.jsonl", "`file` to append to")
	flag.Parse()
	c.token = os.Getenv("CONSUMER_TOKEN")
	if c.token == "" {
		fmt.Fprintln(os.Stderr, "consumer: set CONSUMER_TOKEN to the token of a member of staff")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx, *path); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

// run makes the consumer known and carries slices over until ctx ends. The shop may be away at any
// time: what failed is asked for again.
func (c *consumer) run(ctx context.Context, path string) error {
	if err := c.open(path); err != nil {
		return err
	}
	defer c.file.Close()
	joined := false
	for ctx.Err() == nil {
		n, err := 0, error(nil)
		if !joined {
			err = c.call(ctx, http.MethodPut, "/consumers/"+url.PathEscape(c.name), struct{}{}, nil)
			joined = err == nil
		}
		if err == nil {
			n, err = c.carry(ctx)
		}
		var disk *os.PathError
		var refused *refusal
		switch {
		case errors.As(err, &disk):
			return err // the file cannot be trusted any more
		case errors.As(err, &refused) && refused.final():
			return fmt.Errorf("%w: %s", err, refused.advice())
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "consumer:", err, "(trying again)")
		}
		if err != nil || n == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(c.pause):
			}
		}
	}
	return nil
}

// carry takes one slice: written, on the disk, acknowledged, in this order.
func (c *consumer) carry(ctx context.Context) (int, error) {
	var p page
	if err := c.call(ctx, http.MethodGet, fmt.Sprintf("?consumer=%s&limit=%d", url.QueryEscape(c.name), c.limit), nil, &p); err != nil {
		return 0, err
	}
	if p.Slice == 0 {
		return 0, nil
	}
	if p.Missed > 0 {
		fmt.Fprintf(os.Stderr, "consumer: %d entries were dropped before they were read\n", p.Missed)
	}
	var lines bytes.Buffer
	last := c.last
	for _, raw := range p.Entries {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return 0, fmt.Errorf("slice %d: %w", p.Slice, err)
		}
		if !e.after(last) {
			continue // it came before, and its slice was not acknowledged
		}
		if err := json.Compact(&lines, raw); err != nil {
			return 0, fmt.Errorf("slice %d: %w", p.Slice, err)
		}
		lines.WriteByte('\n')
		last = e
	}
	if _, err := c.file.Write(lines.Bytes()); err != nil {
		return 0, err
	}
	if err := c.file.Sync(); err != nil {
		return 0, err
	}
	c.last = last
	return len(p.Entries), c.call(ctx, http.MethodPost, "/ack", map[string]any{"consumer": c.name, "slice": p.Slice}, nil)
}

// open opens the file behind its last whole line, cuts a torn one off, and learns where it ends.
func (c *consumer) open(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	c.file = f
	var whole int64
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err == nil {
			err = json.Unmarshal(line, &c.last)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		whole += int64(len(line))
	}
	if err := f.Truncate(whole); err != nil {
		return err
	}
	_, err = f.Seek(whole, io.SeekStart)
	return err
}

// call sends one request to the outbox and reads its answer into v.
func (c *consumer) call(ctx context.Context, method, path string, body, v any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.shop, "/")+"/admin/api/v1/outbox"+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &refusal{what: method + " " + req.URL.Path, status: resp.StatusCode, body: b}
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(b, v)
}

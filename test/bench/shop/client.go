package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Client asks for what is not measured: seeding, counters and what is verified afterwards.
type Client struct{ Base, Token string }

// Do makes one request; in and out may be nil, out may be a *string for the text of the answer.
func (c Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	switch text, wanted := out.(*string); {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
	case wanted:
		*text = string(b)
		return nil
	case out == nil:
		return nil
	}
	return json.Unmarshal(b, out)
}

// Gauge reads one value of a /metrics page.
func (c Client) Gauge(ctx context.Context, name string) (float64, error) {
	var text string
	if err := c.Do(ctx, "GET", "/metrics", nil, &text); err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s", c.Base, name)
}

// Profile takes a processor profile of every process that offers one; the returned function waits for them.
func (s *Shop) Profile(dir string, d time.Duration) (wait func() error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for name, base := range s.Ops {
		wg.Go(func() {
			var text string
			err := Client{Base: base}.Do(context.Background(), "GET", fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(d.Seconds())), nil, &text)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name+".pprof"), []byte(text), 0o600)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			}
		})
	}
	return func() error { wg.Wait(); return failed }
}

// Results adds up how often the edge has answered cacheable requests in the ways that keep names, such as hit.
func (s *Shop) Results(ctx context.Context, keep func(result string) bool) (float64, error) {
	var text string
	if err := (Client{Base: s.Ops["edge"]}).Do(ctx, "GET", "/metrics", nil, &text); err != nil {
		return 0, err
	}
	const mark = `meridian_edge_cache_results_total{result="`
	sum, found := 0.0, false
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, mark)
		if !ok {
			continue
		}
		found = true
		result, value, _ := strings.Cut(rest, `"} `)
		if !keep(result) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	if !found {
		return 0, fmt.Errorf("%s/metrics has no %s", s.Ops["edge"], mark)
	}
	return sum, nil
}
